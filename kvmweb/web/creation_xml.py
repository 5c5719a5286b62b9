"""The page of a new guest, where that is made of raw XML."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.core.wishes import GuestWish
from kvmweb.services import guest_page
from kvmweb.services import raw_guests as desk
from kvmweb.ui import commands, links, xml_text


def made(request: HttpRequest, ref: Ref, wish: GuestWish) -> str:
    """Define it; its page. Raises Invalid, also where the password was given too long ago."""
    if not desk.is_confirmed(request.actor):  # type: ignore[attr-defined]
        raise Invalid(fields={})
    guest = desk.define(
        request.actor,  # type: ignore[attr-defined]
        ref,
        wish.definition,
        is_started=wish.is_started,
        project=wish.project,
    )
    try:
        guest_page.name(request.actor, guest)  # type: ignore[attr-defined]
    except NotFound:  # the mirror takes its time
        return reverse("guests")
    return links.of(guest)


def context(request: HttpRequest, wish: GuestWish, ground: Ground) -> dict[str, Any]:
    """What would be made of it, and the command that does the same."""
    actor = request.actor  # type: ignore[attr-defined]
    plan = desk.plan(actor, refs.host(ground.host), wish.definition)
    word = commands.guest_word(plan.found.name, plan.uuid) if plan.found else "NAME"
    return {
        "plan": plan,
        "found": plan.found,
        "is_confirmed": desk.is_confirmed(actor),
        "pieces": xml_text.pieces(plan.text) if plan.found else (),
        "command": commands.virsh(ground.uri, "define", "--validate", f"{word}.xml"),
    }
