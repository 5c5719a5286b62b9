"""What a volume is to somebody who wants its data."""

from __future__ import annotations

import libvirt

from kvmweb.core.records import ImageSizes
from kvmweb.definitions import volumes as xml
from kvmweb.hypervisor import faults
from kvmweb.hypervisor.volume_acts import find


def measure(connection: libvirt.virConnect, uuid: str, *, name: str) -> ImageSizes:
    """What a download of it would be. Raises NotFound, WrongState."""
    with faults.translated():
        volume = find(connection, uuid, name)
        _, capacity, allocation = volume.info()
        size = physical(volume, int(capacity))
        description = volume.XMLDesc(0)
    return ImageSizes(
        size=size,
        capacity=int(capacity),
        allocation=int(allocation),
        key=str(volume.key()),
        modified_at=xml.parse(description).modified_at,
    )


def physical(volume: libvirt.virStorageVol, capacity: int) -> int:
    """Bytes of the file itself, which a format's header and holes make another than all others."""
    try:
        return int(volume.infoFlags(libvirt.VIR_STORAGE_VOL_GET_PHYSICAL)[2])
    except libvirt.libvirtError:
        return capacity
