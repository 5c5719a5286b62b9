"""The question what a guest is to be called: a dialog, or a page of its own without htmx."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import Invalid, Problem
from kvmweb.services import guest_page
from kvmweb.services import renaming as desk
from kvmweb.ui import guest_page as face
from kvmweb.ui import links
from kvmweb.web import respond
from kvmweb.web.forms import Strict, posted


class NameForm(Strict):
    """Limits and sentences are the service's."""

    name = forms.CharField(label=gettext_lazy("New name"), max_length=255, strip=False)


@require_http_methods(["GET", "HEAD", "POST"])
def rename(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST does it."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_page.show(actor, ref)
    before = details.record.name
    form = posted(request, NameForm, initial={"name": before})
    if request.method == "POST" and form.is_valid():
        try:
            desk.rename(actor, ref, name=form.cleaned_data["name"])
            to = "" if request.htmx else links.of(ref)  # type: ignore[attr-defined]
            values = {"before": before, "name": form.cleaned_data["name"]}
            return respond.done(request, _("%(before)s is called %(name)s now.") % values, to=to)
        except Invalid as invalid:
            form.add_invalid(invalid)
        except Problem as problem:
            return respond.problem(request, problem, about=before, about_url=links.of(ref))
    page = face.page(details)
    context = {
        "form": form,
        "control": page.by_verb["guest.rename"],
        "name": "guest.rename",
        "has_settings": details.record.firmware == "efi",
        "action": request.path,
        "title": _("Rename %(name)s") % {"name": before},
        "action_label": _("Rename"),
        "back_url": links.of(ref),
        "back_label": before,
        "frame": respond.frame(request),
    }
    return respond.page(request, "guests/rename.html", context, status=422 if form.errors else 200)
