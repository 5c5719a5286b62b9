"""The question where a disk of a guest is to go, and the job that moves it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.services import disk_moves
from kvmweb.ui import device_commands
from kvmweb.ui import disks as face
from kvmweb.web import guest_dialogs, jobs, respond
from kvmweb.web.disk_forms import MoveForm
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Question


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, host: str, uuid: UUID, target: str) -> HttpResponse:
    """GET asks; POST answers the job."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    found = disk_moves.ask(actor, ref, target)
    pools = face.pools((pool.uuid, pool.name, pool.available) for pool in found.pools)
    asked_for: list[UUID] = []

    def form(*args: Any, **rest: Any) -> Strict:
        return MoveForm(*args, pools=pools, **rest)

    def act(typed: dict[str, Any]) -> Answer:
        asked_for.append(disk_moves.move(actor, ref, target, **typed))
        return "", "good"

    def follow() -> HttpResponse:
        job = asked_for[-1]
        if not request.htmx:  # type: ignore[attr-defined]
            return respond.done(request, to=reverse("job", args=[job]))
        return respond.page(request, "jobs/dialog.html", jobs.show_context(request, job))

    asked = Question(
        "guests/disk_move.html",
        _("Move disk %(disk)s of %(name)s") % {"disk": target, "name": details.record.name},
        _("Move"),
        form,
        act,
        {"found": found, "command": device_commands.move_disk(details, found)},
        name=f"move-{target}",
        follow=follow,
        is_possible=not found.obstacles,
    )
    return guest_dialogs.answer(request, details, asked)


urlpatterns = [
    path("guests/<slug:host>/<uuid:uuid>/disks/<slug:target>/move/", move, name="guest_disk_move")
]
