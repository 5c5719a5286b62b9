"""The medium in a guest's drive: choose one, or eject it; by force when the tray is locked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.details import GuestDetails
from kvmweb.core.errors import Busy, NotFound, Problem
from kvmweb.core.records import DiskRecord
from kvmweb.services import media
from kvmweb.ui import device_commands
from kvmweb.ui import media as face
from kvmweb.web import guest_dialogs
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Change, Question

DRIVE = "guests/<slug:host>/<uuid:uuid>/disks/<slug:target>/"


class EjectForm(Change):
    """force: offered when the guest locks the tray."""

    force = forms.BooleanField(
        required=False,
        label=gettext_lazy("Open it by force"),
        help_text=gettext_lazy("What the guest still reads from it fails."),
    )


class InsertForm(EjectForm):
    """Which volume."""

    volume = forms.ChoiceField(label=gettext_lazy("Medium"))

    def __init__(self, *args: Any, choices: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["volume"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def insert(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """Another medium into this drive."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    drive = _drive(details, target)
    choices = face.choices(media.media(actor, host))

    def form(*args: Any, **rest: Any) -> Strict:
        return InsertForm(*args, choices=choices, **rest)

    def act(found: dict[str, Any]) -> Answer:
        name = media.insert(actor, ref, target, **found)
        said = _("%(medium)s is in %(drive)s, now and after the next start.")
        return said % {"medium": name, "drive": target}, "good"

    asked = Question(
        "guests/media.html",
        _("Insert a medium into %(drive)s of %(name)s")
        % {"drive": target, "name": details.record.name},
        _("Insert"),
        form,
        act,
        {
            "drive": drive,
            "has_media": len(choices) > 1,
            "command": device_commands.insert(details, drive),
        },
        name=f"media-{target}",
        retry=_locked,
    )
    return guest_dialogs.answer(request, details, asked)


@require_http_methods(["GET", "HEAD", "POST"])
def eject(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """No medium in this drive."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    drive = _drive(details, target)

    def act(found: dict[str, Any]) -> Answer:
        media.eject(actor, ref, target, **found)
        return _("%(drive)s is empty, now and after the next start.") % {"drive": target}, "good"

    asked = Question(
        "guests/media.html",
        _("Eject the medium in %(drive)s of %(name)s?")
        % {"drive": target, "name": details.record.name},
        _("Eject"),
        EjectForm,
        act,
        {"drive": drive, "command": device_commands.eject(details, drive)},
        name=f"eject-{target}",
        retry=_locked,
    )
    return guest_dialogs.answer(request, details, asked)


def _drive(details: GuestDetails, target: str) -> DiskRecord:
    for disk in details.record.disks:
        if disk.target == target and disk.device in ("cdrom", "floppy"):
            return disk
    raise NotFound(ref=f"{details.ref}/{target}")


def _locked(problem: Problem, form: Strict) -> bool:
    """Offer force, and not before."""
    if not (isinstance(problem, Busy) and problem.context.get("tray")):
        return False
    said = _("The guest keeps the tray locked. Unmount the medium in the guest, or use force.")
    form.add_error("force", said)
    return True


urlpatterns = [
    path(f"{DRIVE}media/", insert, name="guest_media"),
    path(f"{DRIVE}eject/", eject, name="guest_eject"),
]
