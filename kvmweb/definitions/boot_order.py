"""What a guest boots from, in order: by device, as libvirt keeps it.

Source: domain XML <boot order='…'/> of a device, or <os><boot dev='…'/>; never both at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number

_KINDS = {"hd": "disk", "cdrom": "cdrom", "fd": "floppy", "network": "network"}


def of(root: Element) -> tuple[str, ...]:
    """`disk:TARGET` and `network:MAC` in the order in which they are tried."""
    devices = _devices(root)
    ordered = [(number(attribute(it, "boot", "order")), key) for key, it in devices.items()]
    own = [key for order, key in sorted(ordered) if order > 0]
    if own:
        return tuple(own)
    found = []
    for boot in root.iterfind("os/boot"):
        kind = _KINDS.get(str(boot.get("dev")), "")
        first = next((key for key, it in devices.items() if _kind(it) == kind), "")
        if first and first not in found:
            found.append(first)
    return tuple(found)


def edit(xml: str, keys: Sequence[str]) -> str:
    """The whole definition with this order; devices that are not named are not booted from.

    Raises: NotFound for a device that is not there, Invalid.
    """
    root = elements.parse(xml)
    devices = _devices(root)
    unknown = [key for key in keys if key not in devices]
    if unknown:
        raise errors.NotFound(f"no device {unknown[0]}")
    if of(root) == tuple(keys):
        return xml
    for holder in (*root.iterfind("os"), *root.iterfind("devices/*")):
        for boot in holder.findall("boot"):
            holder.remove(boot)
    for order, key in enumerate(keys, start=1):
        etree.SubElement(devices[key], "boot", order=str(order))
    return elements.serialize(root)


def _devices(root: Element) -> dict[str, Element]:
    found = {
        f"disk:{attribute(disk, 'target', 'dev')}": disk for disk in root.iterfind("devices/disk")
    }
    for card in root.iterfind("devices/interface"):
        found.setdefault(f"network:{attribute(card, 'mac', 'address').lower()}", card)
    return found


def _kind(device: Element) -> str:
    return "network" if device.tag == "interface" else str(device.get("device", "disk"))
