"""What every change of a guest's devices has in common: nobody's edit is lost, nothing is claimed.

The stored definition is edited in place and defined again as a whole; the running guest is asked by
libvirt's calls for single devices. A guest may ignore that one of its devices is taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import libvirt

from kvmweb.core import errors
from kvmweb.hypervisor import actions, faults

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE
NOW, NEXT, SAME, ASKED = "now", "next", "same", "asked"
"""When it is so: at once, at the next start, already, or when the guest lets go of the device."""
RELEASE_S = 8.0
"""libvirt itself waits 5 s for the guest."""
_FULL = (
    "No more available PCI slots",
    "no free slot",
    "No free USB ports",
    "no virtio-serial controllers are available",
    "has no USB bus support",
)


def seen(connection: libvirt.virConnect, uuid: str, definition_hash: str) -> libvirt.virDomain:
    """The guest, whose definition must be the one that the person saw; empty: whatever it is.

    Raises: NotFound, Conflict with the hash of what is there now.
    """
    domain = actions.find(connection, uuid)
    there = actions.definition_hash(domain)
    if definition_hash and definition_hash != there:
        raise errors.Conflict("the definition changed meanwhile", name=domain.name(), hash=there)
    return domain


def texts(domain: libvirt.virDomain) -> tuple[str, str]:
    """The running definition and the stored one; empty where there is none."""
    live = domain.XMLDesc(0) if domain.isActive() else ""
    return live, domain.XMLDesc(INACTIVE) if domain.isPersistent() else ""


def store(
    connection: libvirt.virConnect, domain: libvirt.virDomain, edit: Callable[[str], str]
) -> bool:
    """Edit the stored definition as a whole, passwords included; False when nothing differs.

    Raises: WrongState for a guest without one, Invalid, and what libvirt says.
    """
    with faults.translated():
        if not domain.isPersistent():
            raise errors.WrongState("a transient guest has no stored definition")
        before = domain.XMLDesc(INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
        after = edit(before)
        if after == before:
            return False
        connection.defineXMLFlags(after, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    return True


def plug(domain: libvirt.virDomain, device: str) -> str:
    """Give it the device, at once and from its next start on; `next` where no slot is free now."""
    flags = LIVE if domain.isActive() else 0
    flags |= CONFIG if domain.isPersistent() else 0
    try:
        domain.attachDeviceFlags(device, flags)
    except libvirt.libvirtError as error:
        if not (is_full(error) and flags == LIVE | CONFIG):
            raise
        domain.attachDeviceFlags(device, CONFIG)
        return NEXT
    return NOW


def is_full(error: libvirt.libvirtError) -> bool:
    """The running guest has no place to plug another device into."""
    return any(words in str(error) for words in _FULL)


def unplug(domain: libvirt.virDomain, device: Callable[[str], str]) -> str:
    """Take a device away: from what is stored, then from the running guest, which may refuse.

    device: its XML in a definition; raises NotFound where it is not there. Answers `now` when it
    is gone, `asked` when the guest has not let go of it, `next` when it cannot be asked.
    """
    live, stored = texts(domain)
    parts = {name: _part(text, device) for name, text in (("live", live), ("stored", stored))}
    if not any(parts.values()):
        raise errors.NotFound("no such device")
    with faults.translated():
        if parts["stored"]:
            domain.detachDeviceFlags(parts["stored"], CONFIG)
        if not parts["live"]:
            return NOW
        return release(domain, parts["live"], device, is_stored=bool(parts["stored"]))


def release(
    domain: libvirt.virDomain, part: str, device: Callable[[str], str], *, is_stored: bool
) -> str:
    """Ask the running guest to let go of this device; `now`, `asked`, or `next` where it cannot be.

    is_stored: the next start is without it already, so that a refusal is no failure.
    """
    try:
        domain.detachDeviceFlags(part, LIVE)
    except libvirt.libvirtError as error:
        if faults.is_lost(error) or not is_stored:
            raise
        return NEXT
    return NOW if _is_released(domain, device) else ASKED


def _part(text: str, device: Callable[[str], str]) -> str:
    try:
        return device(text) if text else ""
    except errors.NotFound:
        return ""


def _is_released(domain: libvirt.virDomain, device: Callable[[str], str]) -> bool:
    until = time.monotonic() + RELEASE_S
    while True:
        try:
            if not _part(domain.XMLDesc(0), device):
                return True
        except libvirt.libvirtError as error:
            if faults.is_gone(error):
                return True
            raise faults.problem(error) from error
        if time.monotonic() > until:
            return False
        time.sleep(0.3)
