"""What the disks of a guest are read from, down to the last image that they build on.

Source: domain XML <disk>, its <source>, <backingStore> and <mirror>.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute


def needs(xml: str, names: Collection[str]) -> bool:
    """Whether any disk reads any of these paths, `pool/volume` or `protocol:name`.

    An unreadable definition needs nothing: it cannot start either.
    """
    try:
        root = elements.parse(xml)
    except errors.Invalid:
        return False
    return any(
        name in names for source in root.iterfind("devices/disk//source") for name in _named(source)
    )


def target_of(xml: str, names: Collection[str]) -> str:
    """The target of the disk that is directly one of these and may be written; else empty."""
    try:
        root = elements.parse(xml)
    except errors.Invalid:
        return ""
    for disk in root.iterfind("devices/disk"):
        source = disk.find("source")
        if source is None or disk.find("readonly") is not None:
            continue
        if any(name in names for name in _named(source)):
            return attribute(disk, "target", "dev")
    return ""


def _named(source: Element) -> Iterator[str]:
    for name in ("file", "dev", "dir"):
        if source.get(name):
            yield str(source.get(name))
    if source.get("pool"):
        yield f"{source.get('pool')}/{source.get('volume', '')}"
    if source.get("protocol"):
        yield f"{source.get('protocol')}:{source.get('name', '')}"
