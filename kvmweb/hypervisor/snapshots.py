"""Reading the snapshots of a guest, as a part of its record: no event tells of them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import replace

import libvirt

from kvmweb.core import errors
from kvmweb.core.snapshots import SnapshotRecord
from kvmweb.definitions import snapshots as xml
from kvmweb.hypervisor import faults

MOST = 100
"""Read of one guest; the latest in the order of its tree."""


def read(domain: libvirt.virDomain) -> tuple[int, tuple[SnapshotRecord, ...]]:
    """How many there are, and `MOST` of them at most, oldest first; none where it cannot be."""
    try:
        found = domain.listAllSnapshots(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL)
    except libvirt.libvirtError as error:
        if faults.is_gone(error) or faults.is_lost(error):
            raise
        return 0, ()
    current = ""
    if found:
        with contextlib.suppress(libvirt.libvirtError):
            current = domain.snapshotCurrent(0).getName()
    return len(found), _records(found[-MOST:], current)


def keeps_memory(domain: libvirt.virDomain, names: Collection[str]) -> bool:
    """Whether the memory of one of its snapshots is kept in any of these paths."""
    try:
        found = domain.listAllSnapshots(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL)
        return any(xml.memory_file(snapshot.getXMLDesc(0)) in names for snapshot in found)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        return False


def _records(
    found: Iterable[libvirt.virDomainSnapshot], current: str
) -> tuple[SnapshotRecord, ...]:
    """Those that go away meanwhile, or that cannot be read, are left out."""
    records = []
    for snapshot in found:
        try:
            record = xml.parse(snapshot.getXMLDesc(0))
        except libvirt.libvirtError as error:
            if faults.is_lost(error):
                raise
        except errors.Invalid:
            continue
        else:
            records.append(replace(record, is_current=record.name == current))
    return tuple(sorted(records, key=lambda it: it.created_at))
