"""Devices of a guest by the table of kinds: given, changed, taken away; now where libvirt can.

What is stored is written first, for libvirt checks it as a whole; a running guest is given the
device at the address that libvirt chose for it there, so that both say the same. Measured (libvirt
9.0): of the stored definition alone screens, video, sound, TPM, panic device and balloon change.
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt

from kvmweb.core import errors
from kvmweb.core.hardware import Kind, Outcome
from kvmweb.core.hardware_kinds import named
from kvmweb.definitions import hardware as xml
from kvmweb.definitions import spice
from kvmweb.hypervisor import changing, faults
from kvmweb.hypervisor.changing import INACTIVE, LIVE, NEXT, NOW, SAME

FULL, NEVER, MEMORY = "full", "never", "memory"
"""Why a running guest has it at its next start only: no place left, it cannot be plugged in, or
the guest's memory is not shared."""
_SECURE = INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_UNABLE = (
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_XML_ERROR,
)


def add(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    kind: str,
    values: dict[str, str],
    definition_hash: str = "",
) -> Outcome:
    """Give the guest one more device; `now`, or `next` and why.

    Raises: Conflict, NotSupported for a transient guest, Invalid, and what libvirt says: then
    nothing is stored.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    wanted = xml.kind(kind)
    with faults.translated():
        if not domain.isPersistent():
            return _add_for_now(domain, wanted, values)
        before = domain.XMLDesc(_SECURE)
        old = {it.key for it in xml.parse(domain.XMLDesc(INACTIVE))}
        changing.store(connection, domain, lambda text: xml.add(text, wanted, values))
        if not domain.isActive():
            return Outcome(NOW)
        stored = domain.XMLDesc(INACTIVE)
        new = [it for it in xml.parse(stored) if it.key not in old and it.kind == wanted.name]
        part = xml.device(stored, new[-1].key) if new else xml.build(wanted, values)
        try:
            return _plug(domain, wanted, values, part)
        except libvirt.libvirtError:
            connection.defineXMLFlags(before, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
            raise


def _add_for_now(domain: libvirt.virDomain, kind: Kind, values: dict[str, str]) -> Outcome:
    if not kind.can_plug(values):
        raise errors.NotSupported("a transient guest has no next start")
    domain.attachDeviceFlags(xml.build(kind, values), LIVE)
    return Outcome(NOW)


def _plug(domain: libvirt.virDomain, kind: Kind, values: dict[str, str], part: str) -> Outcome:
    """Into the running guest. Raises what libvirt says of a device of the host."""
    if not kind.can_plug(values):
        return Outcome(NEXT, NEVER)
    if kind.wants_shared_memory and not xml.shares_memory(domain.XMLDesc(0)):
        return Outcome(NEXT, MEMORY)
    try:
        try:
            domain.attachDeviceFlags(part, LIVE)
        except libvirt.libvirtError as error:
            if faults.is_lost(error):
                raise
            domain.attachDeviceFlags(xml.build(kind, values), LIVE)
    except libvirt.libvirtError as error:
        if changing.is_full(error):
            return Outcome(NEXT, FULL)
        if error.get_error_code() in _UNABLE and not kind.source:
            return Outcome(NEXT, NEVER)
        raise
    return Outcome(NOW)


def edit(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    key: str,
    values: dict[str, str],
    definition_hash: str = "",
) -> Outcome:
    """Change a device as it is stored, and in the running guest where libvirt can: `now`, else
    `next`, or `same`.

    Raises: Conflict when the device is no longer what was seen, WrongState for a transient guest,
    Invalid.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with faults.translated():
        kind, place = _stored(domain, key)
        part = _running(domain, key, kind, values)
        found = _stored_as(connection, domain, lambda text: xml.edit(text, place, kind, values))
        return Outcome(NOW) if part and _is_updated(domain, part) else found


def _is_updated(domain: libvirt.virDomain, part: str) -> bool:
    """QEMU takes another password of a screen, and none for one that was started without."""
    try:
        domain.updateDeviceFlags(part, LIVE)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return False
    return True


def _running(domain: libvirt.virDomain, key: str, kind: Kind, values: dict[str, str]) -> str:
    """What a running guest is told of the change; empty where nothing, or nothing of it now."""
    live, stored = changing.texts(domain)
    pair = next((it for it in xml.pairs(live, stored) if it.device.key == key), None)
    if not live or pair is None or pair.now is None:
        return ""
    place = xml.place_of(live, pair.now.key)
    return xml.updated(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE), place, kind, values)


def remove(
    connection: libvirt.virConnect, uuid: str, *, key: str, definition_hash: str = ""
) -> Outcome:
    """Take it out of what is stored, then ask the running guest: `now`, `asked` or `next`.

    Raises: Conflict when the device is no longer what was seen, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with faults.translated():
        live, stored = changing.texts(domain)
        pair = next((it for it in xml.pairs(live, stored) if it.device.key == key), None)
        if pair is None:
            raise errors.Conflict("the device is gone, or another", name=domain.name())
        kind = named(pair.device.kind)
        is_stored = bool(stored) and pair.then is not None
        if is_stored:
            place = xml.place_of(stored, key)
            tag = pair.device.tag
            changing.store(connection, domain, lambda text: xml.remove(text, tag, place))
        if not live or pair.now is None:
            return Outcome(NOW)
        alias = pair.now.alias
        if not kind.can_plug(pair.now.values) or not alias:
            return Outcome(NEXT, NEVER)
        part = xml.by_alias(live, alias)
        when = changing.release(
            domain, part, lambda text: xml.by_alias(text, alias), is_stored=is_stored
        )
        return Outcome(when, NEVER if when == NEXT else "")


def convert_spice(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    video: str,
    keeps_clipboard: bool,
    definition_hash: str = "",
) -> Outcome:
    """Turn the stored definition's SPICE devices into what VNC can: `now`, `next` or `same`.

    Raises: Conflict, WrongState for a transient guest, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with faults.translated():
        return _stored_as(
            connection,
            domain,
            lambda text: spice.convert(text, video=video, keeps_clipboard=keeps_clipboard),
        )


def _stored_as(
    connection: libvirt.virConnect, domain: libvirt.virDomain, change: Callable[[str], str]
) -> Outcome:
    if not changing.store(connection, domain, change):
        return Outcome(SAME)
    return Outcome(NEXT if domain.isActive() else NOW)


def _stored(domain: libvirt.virDomain, key: str) -> tuple[Kind, int]:
    """Its kind and place, where it is still what was seen. Raises Conflict, WrongState."""
    _live, stored = changing.texts(domain)
    if not stored:
        raise errors.WrongState("a transient guest has no stored definition")
    device = next((it for it in xml.parse(stored) if it.key == key), None)
    if device is None:
        raise errors.Conflict("the device is gone, or another", name=domain.name())
    return named(device.kind), xml.place_of(stored, key)
