"""How a guest is set up beside its devices: stored as a whole, and at once where libvirt can.

Measured (libvirt 9.0, QEMU 7.2): pins, shares, quota and period are so at once, all else at the
next start. A host without control groups takes pins alone.
"""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.tuning import PARTS, USUAL, Placement, cpu_set
from kvmweb.definitions import placement
from kvmweb.definitions import tuning as xml
from kvmweb.hypervisor import changing, faults, firmware_files

_PARAMETERS = {"shares": "cpu_shares", "quota": "vcpu_quota", "period": "vcpu_period"}


def edit(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    part: str,
    wanted: dict[str, Any],
    definition_hash: str = "",
) -> str:
    """One part, by its name in `PARTS`: `now`, `next` while it runs, or `same`.

    Raises: Conflict, WrongState for a transient guest, Invalid, and what libvirt says.
    """
    if part not in PARTS:
        raise errors.Invalid("no such part")
    domain = changing.seen(connection, uuid, definition_hash)
    whole = wire.from_plain(PARTS[part], wanted)
    is_new = changing.store(connection, domain, lambda text: xml.edit(text, whole))
    if not domain.isActive():
        return changing.NOW if is_new else changing.SAME
    if isinstance(whole, Placement):
        return _place(connection, domain, whole, is_new=is_new)
    return changing.NEXT if is_new else changing.SAME


def edit_firmware(
    connection: libvirt.virConnect, uuid: str, *, wanted: dict[str, Any], definition_hash: str = ""
) -> str:
    """The part `firmware` of a guest that is off: `now`, or `same`.

    What the old one was told goes: another one starts from a template of its own, with its keys.
    Raises: WrongState while it runs, Conflict, Invalid, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with faults.translated():
        if domain.isActive():
            raise errors.WrongState(name=domain.name(), state="running")
        before = domain.XMLDesc(changing.INACTIVE)
        firmware_files.refuse_namesake(connection, domain.name(), uuid)
    when = edit(connection, uuid, part="firmware", wanted=wanted)
    if when == changing.NOW:
        firmware_files.forget(connection, before, uuid)
    return when


def _place(
    connection: libvirt.virConnect, domain: libvirt.virDomain, wanted: Placement, *, is_new: bool
) -> str:
    """Move the running guest there; what it cannot take waits for its next start."""
    with faults.translated():
        count = int(connection.getCPUMap(0)[0])
        before = _placement(domain, 0, count)
        if before == _placement(domain, changing.INACTIVE, count):
            return changing.NOW if is_new else changing.SAME
        try:
            _pin(domain, before, wanted, count)
            _weigh(domain, before, wanted)
        except libvirt.libvirtError as error:
            if faults.is_lost(error):
                raise
            return changing.NEXT
        is_so = _placement(domain, 0, count) == _placement(domain, changing.INACTIVE, count)
        return changing.NOW if is_so else changing.NEXT


def _placement(domain: libvirt.virDomain, flags: int, count: int) -> Placement:
    """Of the running guest, or as stored; without what libvirt wrote down for nothing."""
    return xml.read(placement.settled(domain.XMLDesc(flags), count), Placement)


def _pin(domain: libvirt.virDomain, before: Placement, wanted: Placement, count: int) -> None:
    """count: of the host's CPUs."""
    for vcpu in range(domain.vcpusFlags(changing.LIVE)):
        if before.pin_of(vcpu) != wanted.pin_of(vcpu):
            cpus = _map(wanted.pin_of(vcpu), count)
            domain.pinVcpuFlags(vcpu, cpus, changing.LIVE)
    if before.emulator != wanted.emulator:
        domain.pinEmulator(_map(wanted.emulator, count), changing.LIVE)


def _map(cpus: str, count: int) -> tuple[bool, ...]:
    """Which of the host's CPUs; all of them for nothing."""
    chosen = cpu_set(cpus) if cpus else frozenset(range(count))
    return tuple(cpu in chosen for cpu in range(count))


def _weigh(domain: libvirt.virDomain, before: Placement, wanted: Placement) -> None:
    """A weight that is taken back waits: nobody says what it would be without."""
    wishes = {field: getattr(wanted, field) or USUAL.get(field, 0) for field in _PARAMETERS}
    changes = {
        _PARAMETERS[field]: value
        for field, value in wishes.items()
        if value and getattr(before, field) != getattr(wanted, field)
    }
    if changes:
        domain.setSchedulerParametersFlags(changes, changing.LIVE)
