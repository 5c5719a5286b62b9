"""The question how large a guest is to be: a dialog, or a page of its own without htmx."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs, sizes
from kvmweb.core.records import GuestRecord
from kvmweb.services import sizing
from kvmweb.web import guest_dialogs
from kvmweb.web.creation_form import Size
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question


class SizeForm(Change):
    """Now, and at most. later: as it will be at the next start."""

    vcpus = forms.IntegerField(label=gettext_lazy("Virtual CPUs"), min_value=1, max_value=4096)
    vcpus_max = forms.IntegerField(
        label=gettext_lazy("Virtual CPUs, at most"), min_value=1, max_value=4096
    )
    memory = Size(label=gettext_lazy("Memory"))
    memory_max = Size(label=gettext_lazy("Memory, at most"))

    def __init__(self, *args: Any, later: sizing.Size, record: GuestRecord, **rest: Any) -> None:
        rest["initial"] = {**rest.get("initial", {}), **asdict(later)}
        super().__init__(*args, **rest)
        for name, then in asdict(later).items() if record.state.is_active else ():
            now = getattr(record, name)
            if now != then:
                said = sizes.typed(now) if name.startswith("memory") else now
                self.fields[name].help_text = _("The running guest has %(value)s.") % {
                    "value": said
                }


@require_http_methods(["GET", "HEAD", "POST"])
def resize(request: HttpRequest, host: str, uuid: UUID) -> HttpResponse:
    """GET asks; POST does it and says what is so now and what at the next start."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    later = sizing.ask(actor, ref)

    def form(*args: Any, **rest: Any) -> Strict:
        return SizeForm(*args, later=later, record=details.record, **rest)

    def act(typed: dict[str, Any]) -> Answer:
        found = sizing.resize(actor, ref, **typed)
        return said(found), "warn" if "asked" in found.values() else "good"

    asked = Question(
        "guests/resize.html",
        _("Processor and memory of %(name)s") % {"name": details.record.name},
        _("Save"),
        form,
        act,
        name="guest.resize",
        tells_now=True,
    )
    return guest_dialogs.answer(request, details, asked)


def said(found: dict[str, str]) -> str:
    """What is so now, and what waits: of each where they differ."""
    vcpus, memory = found["vcpus"], found["memory"]
    if memory == "asked":
        first = _("Saved. The guest does not give or take memory: it has no balloon driver.")
        return f"{first} {_beside(vcpus)}".strip()
    if (vcpus, memory) == ("now", "next"):
        return _(
            "Saved. The virtual CPUs are so already, the memory after the next shut-down and start."
        )
    if (vcpus, memory) == ("next", "now"):
        return _(
            "Saved. The memory is so already, the virtual CPUs after the next shut-down and start."
        )
    if "next" in found.values():
        return _("Saved. It is so after the next shut-down and start.")
    return _("Saved. It is so already.")


def _beside(vcpus: str) -> str:
    """Of the virtual CPUs, where the memory has a sentence of its own."""
    if vcpus == "next":
        return _("The virtual CPUs are so after the next shut-down and start.")
    return _("The virtual CPUs are so already.") if vcpus == "now" else ""
