"""The page of a new guest: what the chosen image holds, and the system that this proposes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.image_lists import Holding
from kvmweb.core.install_trees import TreeHolding
from kvmweb.core.volumes import is_disc
from kvmweb.core.wishes import Source
from kvmweb.services import discs as desk
from kvmweb.ui import discs as face

_OF_IMAGES = (Source.ISO, Source.CLOUD, Source.IMPORT)


def holding(request: HttpRequest, ground: Ground, source: str, image: str) -> Holding | None:
    """What this image (pool/name) holds; None where none is chosen that the source can be."""
    pool, _slash, name = image.partition("/")
    volume = ground.volume(pool, name)
    if volume is None or source not in _OF_IMAGES:
        return None
    if is_disc(volume.format, name) is not (source == Source.ISO):
        return None
    return desk.show(request.actor, refs.pool(ground.host, pool), name)  # type: ignore[attr-defined]


def propose(values: Any, found: Holding | TreeHolding | None, *, is_asked: bool = False) -> None:
    """Fill in the system of the image or tree, but never over one that somebody chose.

    values: of the fields. `detected` is what was filled in last, `detected_in` for which image or
    tree. is_asked: the person wants it.
    """
    system = found.system.id if found and found.system else ""
    place = "url" if values.get("source") == Source.TREE else "image"
    image, chosen = values.get(place, ""), values.get("system", "")
    is_new = image != values.get("detected_in", "")
    is_ours = chosen == values.get("detected", "") or (is_new and not chosen)
    if is_ours or (is_asked and system):
        values["system"] = values["detected"] = system
    elif chosen:
        values["detected"] = ""
    values["detected_in"] = image


def context(found: Holding | None, source: str, chosen: str) -> dict[str, Any]:
    """What stands below the choice of an image."""
    if found is None:
        return {}
    return {"told": face.told(found, is_disc=source == Source.ISO, chosen=chosen)}
