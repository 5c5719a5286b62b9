"""Does a running guest differ from what it will be at its next start?

libvirt's own `virDomainIsUpdated` stays 0 after an edit (measured, 9.0.0), so the two definitions
are compared: what the inactive one says must stand in the live one, which may say more (aliases,
ports, device nodes), and neither may have a device that the other lacks.
"""

from __future__ import annotations

from kvmweb.definitions import elements, firmware
from kvmweb.definitions.elements import Element

_FREE = frozenset({"title", "description", "metadata", "currentMemory", "seclabel", "resource"})
"""Top level elements that change at once, or that libvirt fills in when a guest starts."""

_LIVE_CPU = frozenset({"host-model", "maximum"})
"""CPU modes that the live definition spells out as a custom model."""

_OF_CPU = ("topology", "numa")
"""What stays as it is also there."""

_FIRMWARE = frozenset({"loader", "nvram", "firmware"})
"""Inside <os>: chosen at the start when only firmware='efi' was asked for."""

_PORTS = frozenset({"port", "tlsPort", "websocket"})

_FILLED_IN = frozenset({("cpu", "check")})
"""Attributes that become `full` when the guest starts, whatever stood there."""


def has_pending_changes(live_xml: str, inactive_xml: str) -> bool:
    """Whether the next start will bring something that is not there now. Raises Invalid."""
    if live_xml.partition(">")[2] == inactive_xml.partition(">")[2]:
        return False  # only the id of the running guest differs
    live, inactive = _parsed(live_xml, inactive_xml)
    return any(
        not _children_agree(live, inactive, tag)
        for tag in {child.tag for root in (live, inactive) for child in root} - _FREE
    )


def differing(live_xml: str, inactive_xml: str) -> tuple[set[str], set[str]]:
    """The elements that differ: those at the top but <devices>, and those of devices.

    Raises Invalid.
    """
    live, inactive = _parsed(live_xml, inactive_xml)
    tags = {str(child.tag) for root in (live, inactive) for child in root} - _FREE - {"devices"}
    top = {tag for tag in tags if not _children_agree(live, inactive, tag)}
    ours, theirs = live.find("devices"), inactive.find("devices")
    if ours is None or theirs is None:
        return top, set()
    kinds = {str(child.tag) for root in (ours, theirs) for child in root}
    return top, {tag for tag in kinds if not _kind_agrees(ours, theirs, tag)}


def _parsed(live_xml: str, inactive_xml: str) -> tuple[Element, Element]:
    """Both, without what was asked of the firmware where the running guest has what it asks for."""
    live, inactive = elements.parse(live_xml), elements.parse(inactive_xml)
    if firmware.is_as_asked(live, inactive):
        wanted = inactive.find("os")
        wanted.attrib.pop("firmware")
        loaders = [it for it in wanted.findall("loader") if not (it.text or "").strip()]
        for found in [*wanted.findall("firmware"), *loaders]:
            wanted.remove(found)
        if inactive.find("features/smm") is None:  # what needs it switched it on
            for found in live.findall("features/smm"):
                found.getparent().remove(found)
    return live, inactive


def _children_agree(live: Element, inactive: Element, tag: str) -> bool:
    ours, theirs = live.findall(tag), inactive.findall(tag)
    if tag == "devices":
        return bool(ours) == bool(theirs) and (not ours or _devices_agree(ours[0], theirs[0]))
    if tag == "cpu":
        if not theirs or theirs[0].get("mode") in _LIVE_CPU:
            return all(_same_part(live, inactive, f"cpu/{part}") for part in _OF_CPU)
        return bool(ours) and contains(ours[0], theirs[0])
    return len(ours) == len(theirs) and all(
        any(contains(one, other) and _parts(one) == _parts(other) for one in ours)
        for other in theirs
    )


def _same_part(live: Element, inactive: Element, path: str) -> bool:
    ours, theirs = live.find(path), inactive.find(path)
    if ours is None or theirs is None:
        return ours is theirs
    return contains(ours, theirs)


def _parts(parent: Element) -> list[str]:
    """The names of what is inside, but for what libvirt fills in itself."""
    return sorted(str(child.tag) for child in parent if child.tag not in _FIRMWARE)


def _devices_agree(live: Element, inactive: Element) -> bool:
    tags = {child.tag for root in (live, inactive) for child in root}
    return all(_kind_agrees(live, inactive, tag) for tag in tags)


def _kind_agrees(live: Element, inactive: Element, tag: str) -> bool:
    left = live.findall(tag)
    wanted = inactive.findall(tag)
    if len(left) != len(wanted):
        return False
    for device in wanted:
        found = next((one for one in left if contains(one, device)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def contains(live: Element, inactive: Element) -> bool:
    """Whether every attribute, text and element of the inactive one stands in the live one.

    The driver of an empty drive is left out: libvirt forgets it while the guest runs. So is the
    slot of a device: another one is libvirt's own choice, and nothing that a person would see.
    A place in the boot order is never libvirt's: a device that lost its own differs.
    """
    if live.tag != inactive.tag or (live.text or "").strip() != (inactive.text or "").strip():
        return False
    is_automatic = inactive.get("autoport") == "yes"
    for name, value in inactive.attrib.items():
        is_free = (is_automatic and name in _PORTS) or (inactive.tag, name) in _FILLED_IN
        if live.get(name) != value and not is_free:
            return False
    if live.find("boot") is not None and inactive.find("boot") is None:
        return False
    is_empty = inactive.tag == "disk" and inactive.find("source") is None
    return all(
        any(contains(one, child) for one in live.findall(child.tag))
        for child in inactive
        if isinstance(child.tag, str)
        and not (is_empty and child.tag == "driver")
        and not (inactive.tag != "source" and _is_slot(child))
    )


def _is_slot(element: Element) -> bool:
    return bool(element.tag == "address" and element.get("type") == "pci")
