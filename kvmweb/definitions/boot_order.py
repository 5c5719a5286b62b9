"""What a guest boots from, in order: by device, as libvirt keeps it.

Source: domain XML <boot order='…'/> of a device, or <os><boot dev='…'/>; never both at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    """The whole definition with this order; disks and interfaces that are not named are left out.

    Other devices that are booted from, such as one of the host, come after them, as they did.
    Raises: NotFound for a device that is not there, Invalid.
    """
    root = elements.parse(xml)
    devices = _devices(root)
    unknown = [key for key in keys if key not in devices]
    if unknown:
        raise errors.NotFound(f"no device {unknown[0]}")
    if of(root) == tuple(keys):
        return xml
    wanted = [*(devices[key] for key in keys), *_strange(root, devices.values())]
    for holder in (*root.iterfind("os"), *root.iterfind("devices/*")):
        for boot in () if holder in wanted else holder.findall("boot"):
            holder.remove(boot)
    for order, device in enumerate(wanted, start=1):
        boot = device.find("boot")
        if boot is None:
            boot = etree.SubElement(device, "boot")
        boot.set("order", str(order))
    return elements.serialize(root)


def _strange(root: Element, known: Iterable[Element]) -> list[Element]:
    """What is booted from and has no key here: devices of the host, redirected ones."""
    ours = [*known]
    found = [it for it in root.iterfind("devices/*[boot]") if it not in ours]
    return sorted(found, key=lambda it: number(attribute(it, "boot", "order")))


def _devices(root: Element) -> dict[str, Element]:
    found = {
        f"disk:{attribute(disk, 'target', 'dev')}": disk for disk in root.iterfind("devices/disk")
    }
    for card in root.iterfind("devices/interface"):
        found.setdefault(f"network:{attribute(card, 'mac', 'address').lower()}", card)
    return found


def _kind(device: Element) -> str:
    return "network" if device.tag == "interface" else str(device.get("device", "disk"))
