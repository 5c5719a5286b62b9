"""The XML of a storage pool. Source: https://libvirt.org/formatstorage.html."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.definitions import elements
from kvmweb.definitions.elements import text


@dataclass(frozen=True, slots=True)
class Definition:
    """What a PoolRecord takes from the XML."""

    uuid: str
    name: str
    type: str
    path: str


def parse(xml: str) -> Definition:
    """What this pool XML says. Raises Invalid."""
    root = elements.parse(xml)
    return Definition(
        uuid=text(root, "uuid"),
        name=root.findtext("name") or "",
        type=str(root.get("type", "")),
        path=text(root, "target/path"),
    )
