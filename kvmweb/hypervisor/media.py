"""The medium in a guest's drive: another one, or none, now and from the next start on."""

from __future__ import annotations

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import disks as xml
from kvmweb.hypervisor import changing, disks, pools, volume_acts


def change(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    target: str,
    pool: str = "",
    volume: str = "",
    force: bool = False,
    definition_hash: str = "",
) -> None:
    """Insert this volume into the drive; without one, eject. force: even from a locked tray.

    Raises: NotFound, Invalid (no drive), Conflict, Busy with `tray` while the guest locks it.
    """
    domain = changing.seen(connection, uuid, definition_hash)
    source = None
    if volume:
        source = disks.source(connection, pool, volume_acts.find(connection, pool, volume))
    with pools.translated():
        live, stored = changing.texts(domain)
        there = [text for text in (live, stored) if text and xml.has(text, target)]
        if not there:
            raise errors.NotFound(f"no drive {target}")
        if live in there:
            _open(domain, xml.with_medium(live, target, source), force=force)
        if stored in there:
            drive = xml.with_medium(stored, target, source)
            domain.updateDeviceFlags(drive, changing.CONFIG)


def _open(domain: libvirt.virDomain, drive: str, *, force: bool) -> None:
    flags = changing.LIVE | (libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE if force else 0)
    try:
        domain.updateDeviceFlags(drive, flags)
    except libvirt.libvirtError as error:
        said = str(error)
        if "tray" in said or "is locked" in said:
            raise errors.Busy(said, tray="locked") from error
        raise
