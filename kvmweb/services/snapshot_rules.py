"""What can be kept of a guest, and to what it can go back: pure, from what the mirror knows.

Source: docs of virDomainSnapshotCreateXML, and what libvirt 9.0 with QEMU 7.2 was seen to do.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from kvmweb.core import limits
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import DiskRecord, GuestRecord
from kvmweb.core.snapshots import Kind, Memory, SnapshotRecord, Taking
from kvmweb.services.guard import internal

EXTERNAL_REVERT = (9, 9)
EXTERNAL_DELETE = (9, 0)
"""The libvirt that learned it."""
_INSIDE_ONLY = (Obstacle.SNAPSHOT_FORMAT, Obstacle.SNAPSHOT_UEFI)
"""What only keeps memory from being kept inside an image."""


@internal("a pure function")
def at_least(version: str, wanted: tuple[int, int]) -> bool:
    """Whether a version such as 9.0.0 is this one or newer."""
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return tuple(numbers) >= wanted


@internal("a pure function")
def taking(record: GuestRecord, version: str, *, is_answering: bool = True) -> Taking:
    """How this guest can be kept as it is now. version: of its host's libvirt."""
    disks = written(record)
    is_active = record.state.is_active
    # A running image cannot be kept inside itself without the memory that goes with it.
    is_internal = not is_active and all(disk.format == "qcow2" for disk in disks)
    general = _general(record, is_answering)
    disks_only = general or _of_disks(record, disks, is_internal)
    with_memory = general or _of_memory(record, disks)
    is_outside = with_memory in _INSIDE_ONLY and _fits_outside(disks, version)
    return Taking(
        is_active=is_active,
        with_memory=Obstacle.NONE if is_outside else with_memory,
        disks_only=disks_only,
        kind=Kind.INTERNAL if is_internal else Kind.EXTERNAL,
        memory=Memory.EXTERNAL if is_outside else Memory.INTERNAL,
        can_go_back=is_internal or at_least(version, EXTERNAL_REVERT),
    )


@internal("a pure function")
def disks_of(record: GuestRecord, kind: Kind) -> dict[str, str]:
    """Every disk by target with where it is kept: what is not written to is left out."""
    kept = {disk.target for disk in written(record)}
    return {
        disk.target: str(kind) if disk.target in kept else "no"
        for disk in record.disks
        if disk.target
    }


@internal("a pure function")
def memory_file(record: GuestRecord, name: str) -> str:
    """Where the memory of a snapshot is kept outside: beside the first disk."""
    return f"{posixpath.dirname(written(record)[0].source)}/{record.uuid}.{name}.memory"


@internal("a pure function")
def written(record: GuestRecord) -> list[DiskRecord]:
    """The disks that it writes to: those that a snapshot keeps."""
    return [
        disk
        for disk in record.disks
        if disk.device in ("disk", "lun") and disk.source and not disk.is_readonly
    ]


@internal("a pure function")
def needs(record: GuestRecord) -> frozenset[str]:
    """What the guest is connected to now, in the words of `SnapshotRecord.needs`."""
    return frozenset(
        [f"disk:{disk.source}" for disk in record.disks if disk.source]
        + [f"net:{it.type}/{it.source}/{it.port_group}/{it.filter}" for it in record.interfaces]
        + [f"dev:{key}" for key in record.host_devices]
    )


@internal("a pure function")
def held(record: GuestRecord) -> frozenset[str]:
    """The limits that the guest has now, or from its next start on, in the words of a snapshot."""
    return limits.words(
        ((it.target, it.limits) for it in (*record.disks, *record.next_disks)),
        ((it.mac, it.inbound, it.outbound) for it in (*record.interfaces, *record.next_interfaces)),
    )


@internal("a pure function")
def to_revert(
    snapshot: SnapshotRecord,
    record: GuestRecord,
    version: str,
    *,
    is_answering: bool = True,
    is_shared: bool = False,
    may_limit: bool = True,
) -> Obstacle:
    """What stands in the way of going back: above all, what would leave the guest without life.

    is_shared: somebody else reads what the guest writes. may_limit: and so lift limits, too.
    """
    if record.template:
        return Obstacle.TEMPLATE
    if not record.is_persistent:
        return Obstacle.TRANSIENT
    if not is_answering:
        return Obstacle.NOT_ANSWERING
    if record.has_saved_state:
        return Obstacle.SNAPSHOT_SAVED
    if snapshot.kind is Kind.EXTERNAL and not at_least(version, EXTERNAL_REVERT):
        return Obstacle.SNAPSHOT_EXTERNAL
    if snapshot.is_active and snapshot.has_added_vcpus:
        return Obstacle.SNAPSHOT_DEADLY
    if is_shared and snapshot.disks:
        return Obstacle.SNAPSHOT_SHARED
    missing = set(snapshot.needs) - needs(record)
    if snapshot.kind is Kind.EXTERNAL:
        missing = {key for key in missing if not key.startswith("disk:")}
    if missing:
        return Obstacle.SNAPSHOT_OTHER
    is_lifted = not may_limit and held(record) - set(snapshot.limits)
    return Obstacle.SNAPSHOT_LIMITS if is_lifted else Obstacle.NONE


@internal("a pure function")
def to_delete(snapshot: SnapshotRecord, version: str, *, is_answering: bool = True) -> Obstacle:
    """What stands in the way of deleting it."""
    if not is_answering:
        return Obstacle.NOT_ANSWERING
    if snapshot.kind is Kind.EXTERNAL and not at_least(version, EXTERNAL_DELETE):
        return Obstacle.NOT_SUPPORTED
    return Obstacle.NONE


@internal("a pure function")
def tree(found: Iterable[SnapshotRecord]) -> list[tuple[SnapshotRecord, int, int]]:
    """Parents before children, oldest first, each with its depth and how many hang below it."""
    records = {record.name: record for record in found}
    below: dict[str, list[str]] = {}
    for record in records.values():
        parent = record.parent if record.parent in records else ""
        below.setdefault(parent, []).append(record.name)
    lines: list[tuple[SnapshotRecord, int, int]] = []

    def walk(name: str, depth: int) -> int:
        place = len(lines)
        lines.append((records[name], depth, 0))
        count = sum(walk(child, depth + 1) + 1 for child in below.get(name, ()))
        lines[place] = (records[name], depth, count)
        return count

    for root in below.get("", ()):
        walk(root, 0)
    return lines


def _general(record: GuestRecord, is_answering: bool) -> Obstacle:
    if record.template:
        return Obstacle.TEMPLATE
    if not record.is_persistent:
        return Obstacle.TRANSIENT
    return Obstacle.NONE if is_answering else Obstacle.NOT_ANSWERING


def _of_disks(record: GuestRecord, disks: list[DiskRecord], is_internal: bool) -> Obstacle:
    if not disks:
        is_shown_only = record.virt_type == "test" and not record.state.is_active
        return Obstacle.NONE if is_shown_only else Obstacle.SNAPSHOT_NO_DISK
    if is_internal or all(_is_file(disk) for disk in disks):
        return Obstacle.NONE
    return Obstacle.SNAPSHOT_DISKS


def _of_memory(record: GuestRecord, disks: list[DiskRecord]) -> Obstacle:
    if not record.state.is_active:
        return Obstacle.SNAPSHOT_OFF
    if record.virt_type == "test":
        return Obstacle.NONE
    if not disks:
        return Obstacle.SNAPSHOT_NO_DISK
    if any(disk.format != "qcow2" for disk in disks):
        return Obstacle.SNAPSHOT_FORMAT
    if record.firmware == "efi":
        return Obstacle.SNAPSHOT_UEFI
    if record.host_devices:
        return Obstacle.SNAPSHOT_DEVICES
    return Obstacle.SNAPSHOT_VCPUS if record.has_added_vcpus else Obstacle.NONE


def _fits_outside(disks: list[DiskRecord], version: str) -> bool:
    """Memory in a file of its own, and the disks in overlays: only where one can go back to it."""
    return bool(disks) and all(_is_file(it) for it in disks) and at_least(version, EXTERNAL_REVERT)


def _is_file(disk: DiskRecord) -> bool:
    """libvirt can put an overlay beside it."""
    return disk.source.startswith("/") and not disk.source.startswith("/dev/")
