"""The question how large a guest is to be: a dialog, or a page of its own without htmx."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs, sizes
from kvmweb.core.errors import Invalid, Problem
from kvmweb.core.records import GuestRecord
from kvmweb.services import guest_page, sizing
from kvmweb.ui import guest_page as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.creation_form import Size
from kvmweb.web.forms import Strict, posted

NAMES = ("vcpus", "vcpus_max", "memory", "memory_max")


class SizeForm(Strict):
    """Now, and at most."""

    vcpus = forms.IntegerField(label=gettext_lazy("Virtual CPUs"), min_value=1, max_value=4096)
    vcpus_max = forms.IntegerField(
        label=gettext_lazy("Virtual CPUs, at most"), min_value=1, max_value=4096
    )
    memory = Size(label=gettext_lazy("Memory"))
    memory_max = Size(label=gettext_lazy("Memory, at most"))
    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput)

    def tell(self, record: GuestRecord) -> None:
        """Beside what is asked for the next start: what it is now, where that differs."""
        for name in NAMES if record.state.is_active else ():
            now = getattr(record, name)
            if now != self.initial[name]:
                said = sizes.typed(now) if name.startswith("memory") else now
                self.fields[name].help_text = _("The running guest has %(value)s.") % {
                    "value": said
                }


@require_http_methods(["GET", "HEAD", "POST"])
def resize(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST does it and says what is so now and what at the next start."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_page.show(actor, ref)
    record = details.record
    later = sizing.ask(actor, ref)
    initial = {name: getattr(later, name) for name in NAMES}
    initial["definition_hash"] = record.definition_hash
    form = posted(request, SizeForm, initial=initial)
    form.tell(record)
    if request.method == "POST" and form.is_valid():
        try:
            found = sizing.resize(actor, ref, **form.cleaned_data)
            to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
            return respond.done(request, said(found), to=to, tone=tone(found))
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=record.name, about_url=links.of(ref))
    context = {
        "form": form,
        "it": face.page(details),
        "name": "guest.resize",
        "action": request.path,
        "title": _("Processor and memory of %(name)s") % {"name": record.name},
        "action_label": _("Save"),
        "back_url": links.of(ref),
        "back_label": record.name,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/resize.html", context, status=422 if form.errors else 200)


def said(found: dict[str, str]) -> str:
    """One sentence for what is so now, one for what waits."""
    if "asked" in found.values():
        return _("Saved. The guest does not give or take memory: it has no balloon driver.")
    if "next" in found.values():
        return _("Saved. It is so after the next shut-down and start.")
    return _("Saved. It is so already.")


def tone(found: dict[str, str]) -> str:
    """A warning where something did not happen."""
    return "warn" if "asked" in found.values() else "good"
