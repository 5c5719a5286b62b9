"""Of each device of a running guest: whether it is there now, and what the next start does."""

from __future__ import annotations

from dataclasses import replace

from kvmweb.core.records import DiskRecord, PendingChange
from kvmweb.ui import in_effect
from tests.hub import plain


def test_a_disk_says_whether_it_goes_comes_or_changes() -> None:
    record = plain.GUEST
    disk = DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2")
    there = [replace(disk, target=name) for name in ("vda", "vdb", "vdc")]
    later = [there[0], replace(there[1], cache="none"), replace(disk, target="vdd")]
    pending = (
        PendingChange("disk", "vdb", "cache", "", "none"),
        PendingChange("disk", "vdc", "removed", now="x"),
        PendingChange("disk", "vdd", "added", then="y"),
    )
    waiting = replace(
        record, disks=tuple(there), stored_disks=tuple(later), has_pending_changes=True,
        pending=pending,
    )  # fmt: skip
    rows = in_effect.disks(waiting)
    assert [(row.it.target, str(row.when), bool(row.no_change)) for row in rows] == [
        ("vda", "", False),
        ("vdb", "changes at the next start", False),
        ("vdc", "gone at the next start", True),
        ("vdd", "at the next start", False),
    ]
    assert rows[1].it.cache == "", "what is there now"
    assert [row.when for row in in_effect.disks(replace(record, disks=(disk,)))] == [""]
