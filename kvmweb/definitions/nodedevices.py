"""A device of a host, from its node device XML. Source: https://libvirt.org/formatnode.html."""

from __future__ import annotations

from kvmweb.core.devices import DeviceKind, DeviceRecord
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, text

KINDS = {
    "pci": DeviceKind.PCI,
    "usb_device": DeviceKind.USB,
    "storage": DeviceKind.DISK,
    "net": DeviceKind.NET,
    "mdev": DeviceKind.MDEV,
    "scsi": DeviceKind.SCSI,
    "drm": DeviceKind.RENDER,
}
SPEED_UNKNOWN = 2**32 - 1


def parse(xml: str) -> DeviceRecord | None:
    """The device; None for a kind that nobody looks for. Raises Invalid."""
    root = elements.parse(xml)
    capability = root.find("capability")
    kind = KINDS.get(str(capability.get("type"))) if capability is not None else None
    if capability is None or kind is None:
        return None
    if kind is DeviceKind.RENDER and text(capability, "type") != "render":
        return None
    address, keys = _places(root, capability, kind)
    return DeviceRecord(
        name=text(root, "name"),
        kind=kind,
        parent=text(root, "parent"),
        vendor=text(capability, "vendor"),
        product=_product(capability),
        address=address,
        keys=keys,
        ids=_ids(capability),
        class_code=text(capability, "class").removeprefix("0x"),
        driver=text(root, "driver/name"),
        group=attribute(capability, "iommuGroup", "number"),
        size=_size(capability),
        is_removable=capability.find("capability[@type='removable']") is not None,
        mac=text(capability, "address") if kind is DeviceKind.NET else "",
        link=attribute(capability, "link", "state"),
        speed=_speed(capability),
        mediated=tuple(
            text(found, "name") or str(found.get("id"))
            for found in capability.iterfind("capability[@type='mdev_types']/type")
        ),
    )


def _places(root: Element, capability: Element, kind: DeviceKind) -> tuple[str, tuple[str, ...]]:
    """Where it is, and every name by which a guest, pool or network may use it."""
    if kind is DeviceKind.PCI:
        parts = [number(text(capability, name)) for name in ("domain", "bus", "slot", "function")]
        address = "{:04x}:{:02x}:{:02x}.{:x}".format(*parts)
        return address, (f"pci:{address}",)
    if kind is DeviceKind.USB:
        bus, device = text(capability, "bus"), text(capability, "device")
        return f"{bus}:{device}", (f"usb:{bus}:{device}", f"usb-id:{_ids(capability)}")
    if kind is DeviceKind.DISK:
        path = text(capability, "block")
        links = [text(node, ".") for node in root.iterfind("devnode")]
        return path, tuple(f"block:{place}" for place in dict.fromkeys([path, *links]) if place)
    if kind is DeviceKind.NET:
        name = text(capability, "interface")
        return name, (f"net:{name}",)
    if kind is DeviceKind.MDEV:
        uuid = text(capability, "uuid") or text(root, "name")
        return uuid, (f"mdev:{uuid}",)
    if kind is DeviceKind.RENDER:
        path = text(root, "devnode[@type='dev']")
        return path, (f"render:{path}",)
    parts_of_scsi = [text(capability, name) for name in ("host", "bus", "target", "lun")]
    address = ":".join(parts_of_scsi)
    return address, (f"scsi:{address}",)


def _product(capability: Element) -> str:
    """Of a SCSI device only what it is: disk, cdrom, tape."""
    names = ("product", "model", *(["type"] if capability.get("type") == "scsi" else []))
    return next((found for name in names if (found := text(capability, name))), "")


def _ids(capability: Element) -> str:
    """`8086:10fb`, as lspci and lsusb print it."""
    found = (attribute(capability, name, "id").removeprefix("0x") for name in ("vendor", "product"))
    return ":".join(part for part in found if part)


def _size(capability: Element) -> int | None:
    for path in ("size", "capability[@type='removable']/media_size"):
        if found := number(text(capability, path)):
            return found
    return None


def _speed(capability: Element) -> int | None:
    found = number(attribute(capability, "link", "speed"))
    return found if 0 < found < SPEED_UNKNOWN else None
