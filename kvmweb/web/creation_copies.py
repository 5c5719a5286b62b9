"""The page of a new guest, where that is a copy of a template or of a guest."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.wishes import OF_GUESTS, GuestWish, Source
from kvmweb.services import copies as desk
from kvmweb.ui import cloning as face
from kvmweb.ui import xml_text

_CLOUD = {"user": "user", "keys": "keys", "packages": "packages", "user_data": "text"}
"""Fields of the page, and what of a template's defaults they begin with."""


def originals(request: HttpRequest, ground: Ground, source: str) -> list[tuple[str, str]]:
    """What such a guest can be made of; nothing for the other sources."""
    if source not in OF_GUESTS:
        return []
    return desk.originals(request.actor, ground.host, Source(source))  # type: ignore[attr-defined]


def fill(request: HttpRequest, data: QueryDict, ground: Ground, *, is_new_source: bool) -> None:
    """Begin with what the chosen template wants cloud-init to be told."""
    source = data.get("source", "")
    if source not in OF_GUESTS:
        return
    if is_new_source:
        data["has_cloud"] = "on" if source == Source.TEMPLATE else ""
    found = desk.defaults(request.actor, refs.host(ground.host), data.get("original", ""))  # type: ignore[attr-defined]
    for field, name in _CLOUD.items():
        data[field] = getattr(found, name)


def propose_way(
    request: HttpRequest, data: QueryDict, ground: Ground, *, is_new_source: bool
) -> None:
    """What was chosen for the disks, or what suits, as far as the original's disks can be that.

    Where there is nothing to choose the page asks for nothing, and nothing is sent.
    """
    source = data.get("source", "")
    if source not in OF_GUESTS:
        return
    chosen = "" if is_new_source else str(data.get("way", ""))
    suits = chosen or ("link" if source == Source.TEMPLATE else "copy")
    actor, ref = request.actor, refs.host(ground.host)  # type: ignore[attr-defined]
    data["way"] = desk.way(actor, ref, data.get("original", ""), suits)


def context(request: HttpRequest, wish: GuestWish, ground: Ground) -> dict[str, Any]:
    """What would be made of it, and the command that does the same."""
    actor, ref = request.actor, refs.host(ground.host)  # type: ignore[attr-defined]
    plan = desk.plan(actor, ref, wish)
    xml = desk.preview(actor, ref, wish, plan)
    found = plan.original
    ways = {target: way.value for target, way in plan.ways.items()}
    return {
        "plan": plan,
        "pieces": xml_text.pieces(xml),
        "xml": xml,
        "lines": face.lines(found, ways, {}) if found else (),
        "command": face.command(found, wish.name or "NAME", ways) if found else "",
    }
