"""Copy the disks of a running guest as they are at one moment, without touching what it writes to.

QEMU mirrors each disk into a volume that is there already. When all are level, the guest's file
systems are frozen by its agent, or else its CPUs paused, and all mirrors are cut at once: the
copies are of the same moment. A guest whose copying is abandoned runs on, on its own disks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from kvmweb.core import errors, plain, wire
from kvmweb.core.disk_moves import CopyProgress, Hold
from kvmweb.definitions import disk_sources as xml
from kvmweb.definitions import disks as devices
from kvmweb.hypervisor import actions, agent, agent_acts, disk_moves, faults, metadata

log = logging.getLogger(__name__)

FROZEN, PAUSED, STILL = "frozen", "paused", "still"
"""How the guest was held while the mirrors were cut; still: it was paused anyway."""
HELD = ("kvmwebheld", "https://kvmweb.org/xmlns/held/1")
"""In the running definition alone, while it is paused from here."""


def begin(connection: libvirt.virConnect, uuid: str, *, disks: list[dict[str, Any]]) -> None:
    """Mirror each of these: `{"target", "pool", "volume", "format"}`. All of them, or none.

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
                place = disk_moves.place_of(
                    connection, str(disk["pool"]), str(disk["volume"]), str(disk["format"])
                )
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


def end(connection: libvirt.virConnect, uuid: str, *, targets: list[str]) -> dict[str, Any]:
    """Cut all mirrors at one moment; a `Hold`: how the guest was held meanwhile."""
    domain = actions.find(connection, uuid)
    with faults.translated(), _held(connection, domain) as hold:
        if not _are_level(domain, targets):
            raise errors.Conflict("a copy is not level", name=domain.name())
        for target in targets:
            domain.blockJobAbort(target, 0)
    return dict(wire.to_plain(hold))


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
            _release(connection, domain)
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return False
        raise faults.problem(error) from error
    return bool(found)


@contextmanager
def _held(connection: libvirt.virConnect, domain: libvirt.virDomain) -> Iterator[Hold]:
    """Nothing is written within the block; the guest is let go whatever happens in it."""
    hold = Hold(STILL)
    if domain.state(0)[0] == libvirt.VIR_DOMAIN_PAUSED:
        yield hold
    elif _freeze(connection, domain, hold):
        hold.how = FROZEN
        try:
            yield hold
        finally:
            hold.is_unsure = not _thaw(connection, domain)
    else:
        hold.how = PAUSED
        _pause(domain)
        try:
            yield hold
        finally:
            _go_on(domain)


def _pause(domain: libvirt.virDomain) -> None:
    """Marked first, so that it is known whose pause it is when this process dies within it."""
    metadata.mark_live(domain, HELD, f"<{HELD[0]}/>")
    domain.suspend()


def _go_on(domain: libvirt.virDomain) -> None:
    domain.resume()
    metadata.mark_live(domain, HELD, None)


def _freeze(connection: libvirt.virConnect, domain: libvirt.virDomain, hold: Hold) -> bool:
    """By its agent; False where none answers, or some file system cannot be frozen.

    A slow guest that did not answer may freeze a moment later: so it is asked to thaw as well.
    """
    if not devices.has_agent(domain.XMLDesc(0)):
        return False
    try:
        with agent.asking(connection, domain.UUIDString(), agent_acts.FREEZE_S) as asked:
            asked.fsFreeze(None, 0)
    except errors.HostDown:
        raise
    except errors.AgentSilent:
        hold.is_unsure = not _thaw(connection, domain)
        return False
    except errors.Problem:
        return False
    return True


def _thaw(connection: libvirt.virConnect, domain: libvirt.virDomain) -> bool:
    """Whether the agent did it, or had nothing to do. Raises HostDown alone."""
    try:
        with agent.asking(connection, domain.UUIDString(), agent_acts.FREEZE_S) as asked:
            asked.fsThaw(None, 0)
    except errors.HostDown:
        raise
    except errors.Problem as problem:
        name, why = plain.line(domain.name(), 200), problem.code
        log.warning("%s may be frozen: its agent did not thaw it (%s)", name, why)
        return False
    return True


def _release(connection: libvirt.virConnect, domain: libvirt.virDomain) -> None:
    """Whoever was at it died while it held the guest. A pause of somebody else's stays."""
    is_paused = domain.state(0)[0] == libvirt.VIR_DOMAIN_PAUSED
    if metadata.is_marked_live(domain, HELD):
        if is_paused:
            domain.resume()
        metadata.mark_live(domain, HELD, None)
    elif not is_paused and devices.has_agent(domain.XMLDesc(0)):
        _thaw(connection, domain)


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
