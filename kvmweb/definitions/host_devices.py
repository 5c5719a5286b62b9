"""Devices of the host that a guest is given, by the keys that the host's own devices have.

Source: domain XML <hostdev>, <interface type='hostdev'>; see `core.devices.DeviceRecord`.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from kvmweb.core import errors
from kvmweb.definitions.elements import Element, attribute, text


def of_guest(root: Element) -> tuple[str, ...]:
    """Each once, in the order of the definition."""
    found = [*root.iterfind("devices/hostdev"), *_cards(root)]
    return tuple(dict.fromkeys(key for device in found if (key := key_of(device))))


def _cards(root: Element) -> Iterator[Element]:
    return (card for card in root.iterfind("devices/interface") if card.get("type") == "hostdev")


def key_of(device: Element) -> str:
    """Empty for what no device of the host is known by."""
    source = device.find("source")
    if source is None:
        return ""
    kind = str(device.get("type"))
    if device.tag == "interface":
        kind = attribute(source, "address", "type")
    address = source.find("address")
    if kind == "pci" and address is not None:
        parts = (_hex(address, name) for name in ("domain", "bus", "slot", "function"))
        return "pci:{:04x}:{:02x}:{:02x}.{:x}".format(*parts)
    if kind == "usb":
        return _usb(source, address)
    if kind == "mdev" and address is not None:
        return f"mdev:{address.get('uuid', '')}"
    if kind == "scsi" and address is not None:
        host = attribute(source, "adapter", "name").removeprefix("scsi_host")
        places = (str(address.get(name, "0")) for name in ("bus", "target", "unit"))
        return ":".join(("scsi", host, *places))
    block = text(source, "block")
    return f"block:{block}" if block else ""


def fill(device: Element, key: str) -> None:
    """Write the source of a <hostdev> that this key names. Raises Invalid."""
    source = device.find("source")
    if source is None:
        source = etree.SubElement(device, "source")
    kind, _, place = key.partition(":")
    parts = place.replace(".", ":").split(":")
    if kind == "pci" and len(parts) == 4:
        names = ("domain", "bus", "slot", "function")
        address = {name: f"0x{part}" for name, part in zip(names, parts, strict=True)}
        etree.SubElement(source, "address", address)
    elif kind == "usb-id" and len(parts) == 2:
        for name, part in zip(("vendor", "product"), parts, strict=True):
            etree.SubElement(source, name, id=f"0x{part}")
    elif kind == "usb" and len(parts) == 2:
        etree.SubElement(source, "address", bus=parts[0], device=parts[1])
    elif kind == "scsi" and len(parts) == 4:
        etree.SubElement(source, "adapter", name=f"scsi_host{parts[0]}")
        etree.SubElement(source, "address", bus=parts[1], target=parts[2], unit=parts[3])
    elif kind == "mdev" and place:
        etree.SubElement(source, "address", uuid=place)
    else:
        raise errors.Invalid(f"no device of the host: {key}")


def _usb(source: Element, address: Element | None) -> str:
    if address is not None:
        return f"usb:{address.get('bus', '')}:{address.get('device', '')}"
    ids = (attribute(source, name, "id").removeprefix("0x") for name in ("vendor", "product"))
    return f"usb-id:{':'.join(ids)}"


def _hex(address: Element, name: str) -> int:
    try:
        return int(str(address.get(name, "0")), 16)
    except ValueError:
        return 0
