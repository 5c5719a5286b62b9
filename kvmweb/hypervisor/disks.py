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
        kind = _TYPES.get(found.info()[0], "volume")
        source = (kind, found.path(), "")
        if kind == "volume":
            source = (kind, pools.find(connection, pool).name(), volume)
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE if domain.isActive() else 0
        flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG if domain.isPersistent() else 0
        texts = [domain.XMLDesc(0)]
        if domain.isPersistent():
            texts.append(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        target = xml.free_target(texts, bus)
        known = volumes.parse(found.XMLDesc(0)).format
        text = xml.build(
            source,
            image_format="raw" if is_raw or known in ("", "iso", "none", "unknown") else known,
            target=target,
            bus=bus,
            device=device,
            is_readonly=is_readonly,
        )
        domain.attachDeviceFlags(text, flags)
    return target
