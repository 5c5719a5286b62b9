"""The page of a new guest: the system that an install tree proposes.

To look at a tree is to ask a stranger's server: only what somebody presses or types does it, never
an address that leads to the page.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.install_trees import TreeHolding
from kvmweb.core.wishes import GuestWish, Source
from kvmweb.services import install_trees as desk
from kvmweb.services import systems
from kvmweb.ui import install_trees as face
from kvmweb.web import creation_discs
from kvmweb.web.creation_form import CreateForm

_ASKED = ("url", "detected")
"""Acts that look at the tree."""


def fill(request: HttpRequest, data: QueryDict, ground: Ground, act: str) -> dict[str, Any]:
    """Propose the system of the tree in these fields; what stands below its address."""
    url = str(data.get("url", "")).strip()
    if data.get("source") != Source.TREE:
        return {}
    if not url or act not in _ASKED:
        if url != data.get("detected_in", ""):
            creation_discs.propose(data, None)
        return {}
    found = desk.tell(request.actor, refs.host(ground.host), url)  # type: ignore[attr-defined]
    creation_discs.propose(data, found, is_asked=act == "detected")
    return {"told": face.told(found, chosen=str(data.get("system", "")))}


def kept(form: CreateForm, wish: GuestWish) -> dict[str, Any]:
    """What stands below an address that was looked at before, where it proposed a system."""
    proposed, place = (str(form[name].value() or "") for name in ("detected", "detected_in"))
    system = systems.get(proposed) if wish.source is Source.TREE and place == wish.url else None
    return {"told": face.told(TreeHolding(system=system), chosen=wish.system)} if system else {}
