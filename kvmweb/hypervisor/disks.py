"""Giving a guest a disk: a volume of a pool, now and at its next start."""

from __future__ import annotations

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import disks as xml
from kvmweb.definitions import volumes
from kvmweb.hypervisor import actions, pools, volume_acts

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
) -> str:
    """uuid: of the guest. Live while it runs, and in what is stored; answers the disk's name.

    is_raw: whatever its content looks like, it is read as raw. Raises: Busy (users), NotSupported,
    Invalid, NotFound.
    """
    if bus not in BUSES or device not in ("disk", "cdrom"):
        raise errors.Invalid("no such bus or device")
    domain = actions.find(connection, uuid)
    found = volume_acts.find(connection, pool, volume)
    with pools.translated():
        if not is_readonly and device == "disk":
            volume_acts.refuse_while_used(connection, pool, found)
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE if domain.isActive() else 0
        flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG if domain.isPersistent() else 0
        target = xml.free_target(_definitions(domain), bus)
        known = volumes.parse(found.XMLDesc(0)).format
        text = xml.build(
            source(connection, pool, found),
            image_format="raw" if is_raw or known in _FORMLESS else known,
            target=target,
            bus=bus,
            device=device,
            is_readonly=is_readonly,
        )
        domain.attachDeviceFlags(text, flags)
    return target


def _definitions(domain: libvirt.virDomain) -> list[str]:
    """The live one and the stored one."""
    texts = [domain.XMLDesc(0)]
    if domain.isPersistent():
        texts.append(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return texts


def source(
    connection: libvirt.virConnect, pool: str, volume: libvirt.virStorageVol
) -> tuple[str, str, str]:
    """By its path, as virt-install does; by pool and name where QEMU itself speaks to a server."""
    kind = _TYPES.get(volume.info()[0])
    if kind:
        return (kind, volume.path(), "")
    return ("volume", pools.find(connection, pool).name(), volume.name())
