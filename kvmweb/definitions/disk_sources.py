"""What a disk reads, and pointing it elsewhere. Source: domain XML <source>, <mirror> of a disk."""

from __future__ import annotations

from lxml import etree

from kvmweb.definitions import disks, elements
from kvmweb.definitions.elements import Element, attribute
from kvmweb.definitions.guests import disk_source

Place = tuple[str, str, str]
"""file or block, the path, the format."""


def source(xml: str, target: str) -> str:
    """What this disk reads, as `DiskRecord.source`. Raises NotFound, Invalid."""
    return disk_source(disks.of_target(elements.parse(xml), target))


def is_mirrored(xml: str, target: str) -> bool:
    """Whether a copy has caught up with this disk. Raises NotFound, Invalid."""
    disk = disks.of_target(elements.parse(xml), target)
    return attribute(disk, "mirror", "ready") == "yes"


def destination(place: Place) -> str:
    """Where a disk is copied to, as virDomainBlockCopy takes it."""
    disk = etree.Element("disk", type=place[0])
    etree.SubElement(disk, "driver", name="qemu", type=place[2])
    disk.append(_source(place))
    return elements.serialize(disk)


def point(xml: str, target: str, place: Place) -> str:
    """The whole definition with this disk reading from there; all else of it stays.

    Raises: NotFound, Invalid.
    """
    root = elements.parse(xml)
    disk = disks.of_target(root, target)
    before = disk.find("source")
    where = 0 if before is None else disk.index(before)
    for name in ("source", "backingStore"):
        for found in disk.findall(name):
            disk.remove(found)
    disk.set("type", place[0])
    disk.insert(where, _source(place))
    driver = disk.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        disk.insert(0, driver)
    driver.set("type", place[2])
    return elements.serialize(root)


def follow(xml: str, target: str, before: str, place: Place) -> str:
    """As `point`, where this disk is there and still reads what it did before."""
    root = elements.parse(xml)
    found = next(
        (it for it in root.iterfind("devices/disk") if attribute(it, "target", "dev") == target),
        None,
    )
    if found is None or disk_source(found) != before:
        return xml
    return point(xml, target, place)


def _source(place: Place) -> Element:
    return etree.Element("source", {"file" if place[0] == "file" else "dev": place[1]})
