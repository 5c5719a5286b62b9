"""The question how much a disk of a guest may read and write in a second."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.disk_edits import DiskLimits
from kvmweb.core.offers import Obstacle
from kvmweb.services import disk_limits, disks
from kvmweb.ui import device_commands, device_words
from kvmweb.web import guest_dialogs
from kvmweb.web.disk_forms import LimitForm
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Question


@require_http_methods(["GET", "HEAD", "POST"])
def limit(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """GET asks; POST stores the limits, and holds a running guest to them."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    disk, _volume = disks.ask(actor, ref, target, is_next=True)
    known = DiskLimits.of(disk.limits)
    bound: list[LimitForm] = []

    def form(*args: Any, **rest: Any) -> Strict:
        if "initial" in rest:
            rest["initial"] |= {it: getattr(known, it) or "" for it in DiskLimits.__slots__}
        bound.append(LimitForm(*args, **rest))
        return bound[-1]

    def act(typed: dict[str, Any]) -> Answer:
        wanted = bound[-1].wanted()
        when = disk_limits.limit(
            actor, ref, target, wanted, definition_hash=typed["definition_hash"]
        )
        return device_words.saved(when), "good"

    asked = Question(
        "guests/disk_limits.html",
        _("Limits of disk %(disk)s of %(name)s") % {"disk": target, "name": details.record.name},
        _("Save"),
        form,
        act,
        {"command": device_commands.limit_disk(details, disk), "disk": disk},
        name=f"limits-{target}",
        is_possible=details.limits is not Obstacle.NO_RIGHT,
    )
    return guest_dialogs.answer(request, details, asked)


urlpatterns = [
    path(
        "guests/<slug:host>/<uuid:uuid>/disks/<slug:target>/limits/", limit,
        name="guest_disk_limits",
    )
]  # fmt: skip
