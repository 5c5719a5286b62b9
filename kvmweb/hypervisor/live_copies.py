"""Copy the disks of a running guest as they are at one moment, without touching what it writes to.

QEMU mirrors each disk into a volume that is there already. When all are level, the guest's file
systems are frozen by its agent, or else its CPUs paused, and all mirrors are cut at once: the
copies are of the same moment. A guest whose copying is abandoned runs on, on its own disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.core.disk_moves import CopyProgress
from kvmweb.definitions import disk_sources as xml
from kvmweb.definitions import disks as devices
from kvmweb.hypervisor import actions, disk_moves, faults

FROZEN, PAUSED, STILL = "frozen", "paused", "still"
"""How the guest was held while the mirrors were cut; still: it was paused anyway."""


def begin(connection: libvirt.virConnect, uuid: str, *, disks: list[dict[str, Any]]) -> None:
    """Mirror each of these: `{"target", "pool", "volume"}`. All of them, or none.

    Raises: WrongState (it is off), Busy (a disk is being copied already), NotFound, NotSupported.
    """
    domain = actions.find(connection, uuid)
    begun: list[str] = []
    with faults.translated():
        if not domain.isActive():
            raise errors.WrongState(name=domain.name(), state="shut-off")
        try:
            for disk in disks:
                target = str(disk["target"])
                if domain.blockJobInfo(target, 0):
                    raise errors.Busy("a disk of it is being copied already")
                place = disk_moves.place_of(connection, str(disk["pool"]), str(disk["volume"]))
                domain.blockCopy(target, xml.destination(place), {}, disk_moves.COPY)
                begun.append(target)
        except BaseException:
            for target in begun:
                disk_moves.stop(domain, target)
            raise


def progress(connection: libvirt.virConnect, uuid: str, *, targets: list[str]) -> CopyProgress:
    """Of all of them together. Raises Conflict when a mirror has ended by itself, as when the guest
    stopped or its copy's pool is full."""
    domain = actions.find(connection, uuid)
    done = total = 0
    with faults.translated():
        if not domain.isActive():
            raise errors.Conflict("the guest stopped while it was copied", name=domain.name())
        for target in targets:
            found = domain.blockJobInfo(target, 0)
            if not found:
                raise errors.Conflict(f"the copy of {target} ended early", name=domain.name())
            done, total = done + int(found["cur"]), total + int(found["end"])
        is_ready = _are_level(domain, targets)
    return CopyProgress(done, total, is_ready=is_ready)


def end(connection: libvirt.virConnect, uuid: str, *, targets: list[str]) -> str:
    """Cut all mirrors at one moment; how the guest was held meanwhile."""
    domain = actions.find(connection, uuid)
    with faults.translated(), _held(domain) as how:
        if not _are_level(domain, targets):
            raise errors.Conflict("a copy is not level", name=domain.name())
        for target in targets:
            domain.blockJobAbort(target, 0)
    return how


def stop(
    connection: libvirt.virConnect, uuid: str, *, targets: list[str], is_running: bool
) -> bool:
    """Abandon what `begin` began. is_running: the guest ran then, and runs on.

    False when there is no such guest, or nothing to abandon. It may run twice.
    """
    try:
        domain = connection.lookupByUUIDString(uuid)
        if not domain.isActive():
            return False
        found = [target for target in targets if _has_job(domain, target)]
        for target in found:
            disk_moves.stop(domain, target)
        if is_running:
            _release(domain)
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return False
        raise faults.problem(error) from error
    return bool(found)


@contextmanager
def _held(domain: libvirt.virDomain) -> Iterator[str]:
    """Nothing is written within the block; the guest is let go whatever happens in it."""
    if domain.state(0)[0] == libvirt.VIR_DOMAIN_PAUSED:
        yield STILL
        return
    if _freeze(domain):
        try:
            yield FROZEN
        finally:
            domain.fsThaw(None, 0)
        return
    domain.suspend()
    try:
        yield PAUSED
    finally:
        domain.resume()


def _freeze(domain: libvirt.virDomain) -> bool:
    """By its agent; False where none answers, or some file system cannot be frozen."""
    if not devices.has_agent(domain.XMLDesc(0)):
        return False
    try:
        domain.fsFreeze(None, 0)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return False
    return True


def _release(domain: libvirt.virDomain) -> None:
    """Whoever was at it died while it held the guest."""
    if domain.state(0)[0] == libvirt.VIR_DOMAIN_PAUSED:
        domain.resume()
    elif devices.has_agent(domain.XMLDesc(0)):
        try:
            domain.fsThaw(None, 0)
        except libvirt.libvirtError as error:
            if faults.is_lost(error):
                raise


def _are_level(domain: libvirt.virDomain, targets: list[str]) -> bool:
    text = domain.XMLDesc(0)
    return all(xml.is_mirrored(text, target) for target in targets)


def _has_job(domain: libvirt.virDomain, target: str) -> bool:
    try:
        return bool(domain.blockJobInfo(target, 0))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_INVALID_ARG:
            return False  # it has no such disk any more
        raise
