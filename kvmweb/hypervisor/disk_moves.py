"""A disk goes to another volume: mirrored while its guest runs, pointed elsewhere while it is off.

Measured (libvirt 9.0): a persistent guest is copied only with TRANSIENT_JOB; the pivot changes the
stored definition as well, where that named the same volume.
"""

from __future__ import annotations

import time

import libvirt

from kvmweb.core import errors
from kvmweb.core.disk_moves import CopyProgress
from kvmweb.definitions import disk_sources as xml
from kvmweb.hypervisor import actions, changing, disks, faults, pools, volume_acts

COPY = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
PIVOT_S = 20.0


def begin(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    source: str,
    pool: str,
    volume: str,
    image_format: str,
) -> None:
    """Mirror the disk of a running guest into this volume, which is there and empty.

    source: what the person saw it read. image_format: what the volume was made as.
    Raises: WrongState (off), Conflict, Busy, Invalid, Fault.
    """
    domain = actions.find(connection, uuid)
    with pools.translated():
        if not domain.isActive():
            raise errors.WrongState(name=domain.name(), state="shut-off")
        if xml.source(domain.XMLDesc(0), target) != source:
            raise errors.Conflict("the disk changed meanwhile", name=domain.name())
        place = place_of(connection, pool, volume, image_format)
        domain.blockCopy(target, xml.destination(place), {}, COPY)


def progress(connection: libvirt.virConnect, uuid: str, *, target: str) -> CopyProgress:
    """How far it is. Raises Fault where there is no copy any more: QEMU gave it up."""
    domain = actions.find(connection, uuid)
    with faults.translated():
        if not domain.isActive():
            raise errors.WrongState("it stopped while it was copied", state="shut-off")
        found = domain.blockJobInfo(target, 0)
        is_ready = xml.is_mirrored(domain.XMLDesc(0), target)
    if not found:
        raise errors.Fault("the copy ended before it was whole: the pool may be full")
    done, total = int(found["cur"]), int(found["end"])
    return CopyProgress(done, total, is_ready=is_ready)


def pivot(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    source: str,
    pool: str,
    volume: str,
    image_format: str,
) -> None:
    """The guest goes on with the copy, now and at its next start. source: what it read before.

    Raises: WrongState, Busy where the copy is not ready, Fault.
    """
    domain = actions.find(connection, uuid)
    with pools.translated():
        place = place_of(connection, pool, volume, image_format)
        domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
        until = time.monotonic() + PIVOT_S
        while xml.source(domain.XMLDesc(0), target) != place[1]:
            if time.monotonic() > until:
                raise errors.Fault("QEMU did not go on with the copy")
            time.sleep(0.1)
        if domain.isPersistent():
            changing.store(
                connection,
                domain,
                lambda text: xml.follow(text, target, source, place),
            )


def repoint(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    pool: str,
    volume: str,
    image_format: str,
    definition_hash: str,
) -> None:
    """A guest that is off reads this volume from now on. Raises: WrongState (it runs), Conflict."""
    domain = changing.seen(connection, uuid, definition_hash)
    with pools.translated():
        if domain.isActive():
            raise errors.WrongState(name=domain.name(), state="running")
        place = place_of(connection, pool, volume, image_format)
        changing.store(connection, domain, lambda text: xml.point(text, target, place))


def abandon(
    connection: libvirt.virConnect, uuid: str, *, target: str, pool: str, volume: str
) -> bool:
    """Take a move back: end the copy, delete its volume. False where the guest uses it already."""
    try:
        domain = actions.find(connection, uuid)
    except errors.NotFound:
        domain = None
    with pools.translated():
        if domain is not None and domain.isActive():
            stop(domain, target)
            if xml.is_copied(domain.XMLDesc(0), target):
                raise errors.Busy("the copy has not ended yet")
        try:
            found = volume_acts.find(connection, pool, volume)
        except errors.NotFound:
            return True
        try:
            volume_acts.refuse_while_used(connection, pool, found)
        except errors.Busy:
            return False
        found.delete(0)
    return True


def stop(domain: libvirt.virDomain, target: str) -> None:
    """End the copy, if there is one; what was mirrored stays where it was."""
    try:
        if domain.blockJobInfo(target, 0):
            domain.blockJobAbort(target, 0)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise


def place_of(
    connection: libvirt.virConnect, pool: str, volume: str, image_format: str
) -> xml.Place:
    """Of a volume with a path. image_format: what it was made as, never what it looks like now:
    a guest that writes the header of an image into a raw disk would name files of the host.
    """
    found = volume_acts.find(connection, pool, volume)
    kind, path, _name = disks.source(connection, pool, found)
    if kind not in ("file", "block"):
        raise errors.NotSupported("a disk in a pool without paths")
    return kind, path, disks.read_as(image_format)
