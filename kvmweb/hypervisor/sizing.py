"""Virtual CPUs and memory of a guest that exists: stored, and at once where libvirt can.

Measured (libvirt 9.0, QEMU 7.2): CPUs can be added to a running guest, not taken away; the greatest
values change at the next start only; the balloon's call succeeds without a driver in the guest.
"""

from __future__ import annotations

import time

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import banks, guests, tuning
from kvmweb.hypervisor import changing, faults

LIVE, CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
VCPU_MAXIMUM = libvirt.VIR_DOMAIN_VCPU_MAXIMUM
MEMORY_MAXIMUM = libvirt.VIR_DOMAIN_MEM_MAXIMUM
BALLOON_S = 3.0
NOW, NEXT, SAME, ASKED = "now", "next", "same", "asked"
"""When it is so: at once, at the next start, already, or as soon as the guest's balloon obeys."""
NEAR_KIB = 16 * 1024


def resize(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    vcpus: int,
    vcpus_max: int,
    memory: int,
    memory_max: int,
    definition_hash: str = "",
) -> dict[str, str]:
    """Store all four (memory in bytes), and apply what a running guest takes; when each is so.

    Raises: Conflict when the definition is no longer the one that was seen, Invalid, WrongState.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    if not (1 <= vcpus <= vcpus_max and 0 < memory <= memory_max):
        raise errors.Invalid("no more than the greatest value, and not nothing")
    with faults.translated():
        if not domain.isPersistent():
            raise errors.WrongState("a transient guest has no stored definition")
        is_fitted = _fit_topology(connection, domain, vcpus_max)
        when = _vcpus(domain, vcpus, vcpus_max)
        return {
            "vcpus": NOW if is_fitted and when == SAME else when,
            "memory": _memory(domain, memory // 1024, memory_max // 1024),
        }


def _fit_topology(connection: libvirt.virConnect, domain: libvirt.virDomain, most: int) -> bool:
    """A topology of another number of CPUs would be refused: the number goes along with it."""
    if domain.vcpusFlags(CONFIG | VCPU_MAXIMUM) == most:
        return False
    return changing.store(connection, domain, lambda text: tuning.fit_topology(text, most))


def _vcpus(domain: libvirt.virDomain, count: int, most: int) -> str:
    before = domain.vcpusFlags(CONFIG), domain.vcpusFlags(CONFIG | VCPU_MAXIMUM)
    if most != before[1]:
        if count < before[0]:
            domain.setVcpusFlags(min(count, before[1]), CONFIG)
        domain.setVcpusFlags(most, CONFIG | VCPU_MAXIMUM)
    if domain.vcpusFlags(CONFIG) != count:
        domain.setVcpusFlags(count, CONFIG)
    if not domain.isActive():
        return SAME if before == (count, most) else NOW
    live, live_most = domain.vcpusFlags(LIVE), domain.vcpusFlags(LIVE | VCPU_MAXIMUM)
    if live < count <= live_most:
        domain.setVcpusFlags(count, LIVE)
        live = count
    if (live, live_most) != (count, most):
        return NEXT
    return SAME if before == (count, most) else NOW


def _memory(domain: libvirt.virDomain, wanted: int, most: int) -> str:
    """KiB."""
    before = _stored(domain)
    if most != before[1]:
        if wanted < before[0]:
            domain.setMemoryFlags(wanted, CONFIG)
        _store_most(domain, most)
    if _stored(domain)[0] != wanted:
        domain.setMemoryFlags(wanted, CONFIG)
    if not domain.isActive():
        return SAME if before == (wanted, most) else NOW
    live_most, live = int(domain.maxMemory()), int(domain.info()[2])
    if wanted <= live_most and abs(live - wanted) > NEAR_KIB:
        if not guests.has_balloon(domain.XMLDesc(0)):
            return ASKED
        domain.setMemoryFlags(wanted, LIVE)
        if not _obeys(domain, wanted):
            return ASKED
    if live_most != most or wanted > live_most:
        return NEXT
    return SAME if before == (wanted, most) else NOW


def _store_most(domain: libvirt.virDomain, most: int) -> None:
    """libvirt's own call refuses a guest with a NUMA cell: its memory is the cell's."""
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    if banks.fit(text, most * 1024) == text:
        domain.setMemoryFlags(most, CONFIG | MEMORY_MAXIMUM)
    else:
        changing.store(domain.connect(), domain, lambda whole: banks.fit(whole, most * 1024))


def _stored(domain: libvirt.virDomain) -> tuple[int, int]:
    """Current and greatest of the stored definition; the API answers for the running guest."""
    found = guests.parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return found.memory // 1024, found.memory_max // 1024


def _obeys(domain: libvirt.virDomain, wanted: int) -> bool:
    """Whether the guest's balloon gets there within a moment: libvirt does not look."""
    until = time.monotonic() + BALLOON_S
    while time.monotonic() < until:
        if abs(int(domain.memoryStats().get("actual", 0)) - wanted) <= NEAR_KIB:
            return True
        time.sleep(0.2)
    return False
