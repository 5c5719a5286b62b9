"""The questions how a guest is set up beside its devices: one dialog a part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from kvmweb.core import refs
from kvmweb.core.errors import NotFound
from kvmweb.services import tuning as desk
from kvmweb.services import tuning_rules
from kvmweb.ui import device_words, tuning_commands
from kvmweb.ui import tuning as face
from kvmweb.web import guest_dialogs
from kvmweb.web.forms import Strict
from kvmweb.web.guest_dialogs import Answer, Question
from kvmweb.web.tuning_forms import FORMS, PartForm


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, host: str, uuid: UUID, part: str) -> HttpResponse:
    """GET asks for one part; POST stores it, and does what a running guest takes at once."""
    actor, ref = request.actor, refs.guest(host, str(uuid))  # type: ignore[attr-defined]
    details = guest_dialogs.about(request, ref)
    kind = FORMS.get(part)
    if kind is None:
        raise NotFound(ref=f"{ref}/{part}")
    found = desk.ask(actor, ref)
    now = getattr(details.record.next_tuning, part)
    bound: list[PartForm] = []

    def form(*args: Any, **rest: Any) -> Strict:
        bound.append(
            kind.of(now, details.record)(*args, now=now, record=details.record, found=found, **rest)
        )
        return bound[-1]

    def act(typed: dict[str, Any]) -> Answer:
        wanted = bound[-1].wanted()
        sure = {"is_sure": typed["is_sure"]} if "is_sure" in typed else {}
        when = desk.edit(actor, ref, wanted, definition_hash=typed["definition_hash"], **sure)
        return device_words.saved(when), "info" if when == "next" else "good"

    obstacle = tuning_rules.obstacle(part, details.record)
    asked = Question(
        f"guests/tuning_{part}.html" if part in OWN else "guests/tuning.html",
        _("%(part)s: %(name)s") % {"part": face.TITLES[part], "name": details.record.name},
        _("Save"),
        form,
        act,
        {
            "obstacle": obstacle,
            "command": tuning_commands.of(details, part),
            "groups": face.picture(found, now) if part == "placement" else (),
        },
        name=part,
        is_possible=not obstacle,
    )
    return guest_dialogs.answer(request, details, asked)


OWN = ("processor", "placement", "firmware")
"""Parts with a template of their own."""
urlpatterns = [
    path("guests/<slug:host>/<uuid:uuid>/set-up/<slug:part>/", edit, name="guest_tuning")
]
