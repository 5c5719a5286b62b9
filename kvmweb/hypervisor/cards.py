"""The network interfaces of a guest: given, changed, taken away.

Measured (libvirt 9.0, QEMU 7.2): a running guest's interface takes another network or bridge and
another link at once, and limits where the kernel has what they need; its model, MAC and MTU are
what it was started with.
"""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.cards import CardChange
from kvmweb.core.specs import InterfaceSpec
from kvmweb.definitions import cards as xml
from kvmweb.hypervisor import changing, faults
from kvmweb.hypervisor.changing import LIVE, NEXT, NOW, SAME


def attach(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    spec: dict[str, Any],
    definition_hash: str = "",
    beside_limited: bool = True,
) -> str:
    """Give the guest an interface; `now`, or `next` where it has no free slot while it runs.

    beside_limited: also to a guest with limited interfaces.
    Raises: Conflict, Exists for a MAC that it has already, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    wanted = wire.from_plain(InterfaceSpec, spec)
    with faults.translated():
        if any(wanted.mac in xml.macs(text) for text in changing.texts(domain) if text):
            raise errors.Exists(name=wanted.mac)
        if not beside_limited and any(xml.has_limited(it) for it in changing.texts(domain) if it):
            raise errors.Conflict("an interface of it is limited by now")
        return changing.plug(domain, xml.build(wanted))


def detach(
    connection: libvirt.virConnect, uuid: str, *, mac: str, definition_hash: str = ""
) -> str:
    """Take it away; `now`, `asked` while the guest holds on to it, or `next`.

    Raises: Conflict, NotFound, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with faults.translated():
        return changing.unplug(domain, lambda text: xml.device(text, mac))


def edit(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    mac: str,
    change: dict[str, Any],
    definition_hash: str = "",
) -> str:
    """Store the change, and have a running guest take what it can: `now`, `next` or `same`.

    Raises: Conflict, NotFound, WrongState (a MAC while it runs), Invalid, and what libvirt says of
    a network or bridge that cannot be used: then nothing is stored.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    wanted = wire.from_plain(CardChange, change)
    with faults.translated():
        live, stored = changing.texts(domain)
        if live and wanted.mac and wanted.mac != mac.lower():
            raise errors.WrongState("the MAC of a running guest stays", state="running")
        is_live = live and _is_there(live, mac)
        limited = _limit(domain, live, mac, wanted) if is_live else SAME
        if limited == NOW:
            live, _stored = changing.texts(domain)
        when = _live(domain, live, mac, wanted) if is_live else SAME
        when = limited if when == SAME else when
        if not stored:
            return when
        if not changing.store(connection, domain, lambda text: xml.edit(text, mac, wanted)):
            return when
        if not live:
            return NOW
        return NEXT if when == NEXT or _waits(domain, mac) else NOW


def _live(domain: libvirt.virDomain, live: str, mac: str, wanted: CardChange) -> str:
    card = xml.changed(live, mac, wanted)
    if card == xml.device(live, mac):
        return SAME
    try:
        domain.updateDeviceFlags(card, LIVE)
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.NotSupported):
            return NEXT
        raise
    return NOW


def _limit(domain: libvirt.virDomain, live: str, mac: str, wanted: CardChange) -> str:
    """First of all: a host that cannot limit would not start the guest with it either (measured:
    a kernel without sfq), so nothing is stored then. Raises NotSupported.
    """
    before = xml.limits(live, mac)
    pairs = zip(("inbound", "outbound"), (wanted.inbound, wanted.outbound), before, strict=True)
    parameters = {
        f"{name}.{part}": getattr(flow, part)
        for name, flow, was in pairs
        if flow is not None and flow != was
        for part in ("average", "peak", "burst")
    }
    if not parameters:
        return SAME
    try:
        domain.setInterfaceParameters(mac, parameters, LIVE)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        raise errors.NotSupported(str(error)) from error
    return NOW


def _waits(domain: libvirt.virDomain, mac: str) -> bool:
    """Whether the running interface still differs from the stored one."""
    live, stored = changing.texts(domain)
    return _is_there(live, mac) and xml.look(live, mac) != xml.look(stored, mac)


def _is_there(text: str, mac: str) -> bool:
    return mac.lower() in xml.macs(text)
