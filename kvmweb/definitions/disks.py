"""What the disks of a guest are read from, down to the last image that they build on.

Source: domain XML <disk>, its <source>, <backingStore> and <mirror>.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.disk_edits import DiskChange
from kvmweb.definitions import controllers, elements
from kvmweb.definitions.elements import Element, attribute

_PREFIXES = {"virtio": "vd", "ide": "hd", "fdc": "fd"}
"""How disks are called on these buses; sd on all others."""
_OF_VIRTIO = ("queues", "queue_size", "iothread", "ioeventfd", "event_idx")
"""What the driver of a VirtIO disk alone knows."""


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
    disk.append(_source(kind, place, volume))
    etree.SubElement(disk, "target", dev=target, bus=bus)
    if is_readonly or device == "cdrom":
        etree.SubElement(disk, "readonly")
    return elements.serialize(disk)


def has_agent(xml: str) -> bool:
    """Whether the guest agent of this running definition is there. Raises Invalid."""
    found = elements.parse(xml).iterfind("devices/channel/target[@name='org.qemu.guest_agent.0']")
    return any(target.get("state") == "connected" for target in found)


def free_target(texts: Iterable[str], bus: str) -> str:
    """The first name of a disk on this bus that none of these definitions uses. Raises Invalid."""
    prefix = _PREFIXES.get(bus, "sd")
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


def has(xml: str, target: str) -> bool:
    """Whether a disk or drive is there under this name. Raises Invalid."""
    return _find(elements.parse(xml), target) is not None


def device(xml: str, target: str) -> str:
    """The XML of this disk alone, as libvirt takes it to detach it. Raises NotFound, Invalid."""
    return elements.serialize(of_target(elements.parse(xml), target))


def with_medium(xml: str, target: str, source: tuple[str, str, str] | None) -> str:
    """The XML of this drive alone with another medium, or empty. source: as for `build`.

    Whatever the medium's content looks like, it is read as raw. Raises NotFound, Invalid.
    """
    disk = of_target(elements.parse(xml), target)
    if disk.get("device") not in ("cdrom", "floppy"):
        raise errors.Invalid("not a drive for media")
    for name in ("source", "backingStore"):
        for found in disk.findall(name):
            disk.remove(found)
    driver = disk.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        disk.insert(0, driver)
    driver.set("type", "raw")
    if source is not None:
        kind, place, volume = source
        disk.set("type", kind)
        disk.insert(disk.index(driver) + 1, _source(kind, place, volume))
    return elements.serialize(disk)


def edit(xml: str, target: str, change: DiskChange) -> str:
    """The whole definition with this disk changed; what is not named stays as it is.

    A disk on another bus loses its address and, where that bus names disks otherwise, its name.
    Raises: NotFound, Invalid.
    """
    root = elements.parse(xml)
    disk = of_target(root, target)
    for name in ("cache", "discard", "io", "detect_zeroes"):
        _drive(disk, name, getattr(change, name))
    _identify(disk, change)
    for tag, wanted in (("readonly", change.is_readonly), ("shareable", change.is_shareable)):
        found = disk.find(tag)
        if wanted is True and found is None:
            etree.SubElement(disk, tag)
        elif wanted is False and found is not None:
            disk.remove(found)
    if change.bus and change.bus != attribute(disk, "target", "bus"):
        _move(root, disk, change.bus)
    return elements.serialize(root)


def _identify(disk: Element, change: DiskChange) -> None:
    """What the guest knows it by, and whether it takes it for a medium that can be taken out."""
    if change.serial is not None and change.serial != (disk.findtext("serial") or ""):
        for found in disk.findall("serial"):
            disk.remove(found)
        if change.serial:
            etree.SubElement(disk, "serial").text = change.serial
    place = disk.find("target")
    if change.is_removable is not None and place is not None:
        place.attrib.pop("removable", None)
        if change.is_removable:
            place.set("removable", "on")


def _drive(disk: Element, name: str, wanted: str | None) -> None:
    """An attribute of the driver."""
    driver = disk.find("driver")
    if wanted is None or (driver is None and not wanted):
        return
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        disk.insert(0, driver)
    if wanted:
        driver.set(name, wanted)
    else:
        driver.attrib.pop(name, None)


def _move(root: Element, disk: Element, bus: str) -> None:
    place = disk.find("target")
    if place is None:
        raise errors.Invalid("a disk without a target")
    for found in disk.findall("address"):
        disk.remove(found)
    driver = disk.find("driver")
    for name in _OF_VIRTIO if bus != "virtio" and driver is not None else ():
        driver.attrib.pop(name, None)
    place.set("bus", bus)
    if bus != "usb":
        place.attrib.pop("removable", None)
    if not str(place.get("dev", "")).startswith(_PREFIXES.get(bus, "sd")):
        place.set("dev", free_target([elements.serialize(root)], bus))
    if bus == "scsi":
        controllers.with_scsi(root)


def _source(kind: str, place: str, volume: str) -> Element:
    if kind == "volume":
        return etree.Element("source", pool=place, volume=volume)
    return etree.Element("source", {"file" if kind == "file" else "dev": place})


def _find(root: Element, target: str) -> Element | None:
    disks = root.iterfind("devices/disk")
    return next((disk for disk in disks if attribute(disk, "target", "dev") == target), None)


def of_target(root: Element, target: str) -> Element:
    """The disk of this name. Raises NotFound."""
    found = _find(root, target)
    if found is None:
        raise errors.NotFound(f"no disk {target}")
    return found
