"""The disks of a guest: given (a volume of a pool), changed, taken away."""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.disk_edits import DiskChange, DiskLimits
from kvmweb.definitions import disk_limits, volumes
from kvmweb.definitions import disks as xml
from kvmweb.hypervisor import actions, changing, pools, volume_acts

BUSES = ("virtio", "scsi", "sata")
_TYPES = {
    libvirt.VIR_STORAGE_VOL_FILE: "file",
    libvirt.VIR_STORAGE_VOL_BLOCK: "block",
}
_FORMLESS = ("", "iso", "none", "unknown")
"""What libvirt says of a volume that is no image: QEMU reads it as it is."""


def attach(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    pool: str,
    volume: str,
    bus: str = "virtio",
    device: str = "disk",
    is_readonly: bool = False,
    is_raw: bool = False,
    beside_limited: bool = True,
) -> dict[str, str]:
    """uuid: of the guest. Live while it runs, and in what is stored: its `target`, and `when`.

    is_raw: whatever its content looks like, it is read as raw.
    beside_limited: also to a guest with limited disks.
    Raises: Busy (users), Conflict, NotSupported, Invalid, NotFound.
    """
    if bus not in BUSES or device not in ("disk", "cdrom"):
        raise errors.Invalid("no such bus or device")
    domain = actions.find(connection, uuid)
    found = volume_acts.find(connection, pool, volume)
    with pools.translated():
        if not beside_limited and any(disk_limits.has_any(it) for it in _definitions(domain)):
            raise errors.Conflict("a disk of it is limited by now")
        if not is_readonly and device == "disk":
            volume_acts.refuse_while_used(connection, pool, found)
        target = xml.free_target(_definitions(domain), bus)
        known = volumes.parse(found.XMLDesc(0)).format
        text = xml.build(
            source(connection, pool, found),
            image_format="raw" if is_raw else read_as(known),
            target=target,
            bus=bus,
            device=device,
            is_readonly=is_readonly,
        )
        when = changing.plug(domain, text)
    return {"target": target, "when": when}


def detach(
    connection: libvirt.virConnect, uuid: str, *, target: str, definition_hash: str = ""
) -> str:
    """Take a disk away: `now`, `asked` while the guest holds on to it, or `next`.

    Raises: Conflict, NotFound, and what libvirt says.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    with pools.translated():
        return changing.unplug(domain, lambda text: xml.device(text, target))


def edit(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    change: dict[str, Any],
    definition_hash: str = "",
) -> str:
    """Change how a disk is stored to be: `now`, `next` while the guest runs, or `same`.

    Raises: Conflict, NotFound, WrongState for a transient guest, Invalid.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    wanted = wire.from_plain(DiskChange, change)
    with pools.translated():
        is_new = changing.store(connection, domain, lambda text: xml.edit(text, target, wanted))
        if not is_new:
            return changing.SAME
        return changing.NEXT if domain.isActive() else changing.NOW


def limit(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    limits: dict[str, int],
    definition_hash: str = "",
) -> str:
    """Store the most that a disk may do, and hold a running guest to it: `now` or `same`.

    Raises: Conflict, NotFound, WrongState for a transient guest, Invalid.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    wanted = wire.from_plain(DiskLimits, limits)
    with pools.translated():
        is_new = changing.store(
            connection, domain, lambda text: disk_limits.edit(text, target, wanted)
        )
        if domain.isActive() and xml.has(domain.XMLDesc(0), target):
            values = {f"{name}_sec": value for name, value in limits.items()}
            before = domain.blockIoTune(target, changing.LIVE)
            is_new |= any(before.get(name) != value for name, value in values.items())
            domain.setBlockIoTune(target, values, changing.LIVE)
    return changing.NOW if is_new else changing.SAME


def _definitions(domain: libvirt.virDomain) -> list[str]:
    """The live one and the stored one."""
    texts = [domain.XMLDesc(0)]
    if domain.isPersistent():
        texts.append(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return texts


def read_as(image_format: str) -> str:
    """What QEMU is told of a volume that libvirt says this of."""
    return "raw" if image_format in _FORMLESS else image_format


def source(
    connection: libvirt.virConnect, pool: str, volume: libvirt.virStorageVol
) -> tuple[str, str, str]:
    """By its path, as virt-install does; by pool and name where QEMU itself speaks to a server."""
    kind = _TYPES.get(volume.info()[0])
    if kind:
        return (kind, volume.path(), "")
    return ("volume", pools.find(connection, pool).name(), volume.name())
