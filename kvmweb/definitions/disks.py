"""What the disks of a guest are read from, down to the last image that they build on.

Source: domain XML <disk>, its <source>, <backingStore> and <mirror>.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lxml import etree

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


def build(
    source: tuple[str, str, str], *, image_format: str, target: str, bus: str, device: str,
    is_readonly: bool,
) -> str:  # fmt: skip
    """The XML of one disk. source: (`file` or `block`, path, ``) or (`volume`, pool, volume)."""
    kind, place, volume = source
    disk = etree.Element("disk", type=kind, device=device)
    driver = etree.SubElement(disk, "driver", name="qemu", type=image_format or "raw")
    if device == "disk" and not is_readonly:
        driver.set("discard", "unmap")
    if kind == "volume":
        etree.SubElement(disk, "source", pool=place, volume=volume)
    else:
        etree.SubElement(disk, "source", {"file" if kind == "file" else "dev": place})
    etree.SubElement(disk, "target", dev=target, bus=bus)
    if is_readonly or device == "cdrom":
        etree.SubElement(disk, "readonly")
    return elements.serialize(disk)


def free_target(texts: Iterable[str], bus: str) -> str:
    """The first name of a disk on this bus that none of these definitions uses. Raises Invalid."""
    prefix = "vd" if bus == "virtio" else "sd"
    taken = {
        str(target.get("dev"))
        for text in texts
        for target in elements.parse(text).iterfind("devices/disk/target")
    }
    names = (f"{prefix}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    found = next((name for name in names if name not in taken), "")
    if not found:
        raise errors.Invalid("no free disk name on this bus")
    return found
