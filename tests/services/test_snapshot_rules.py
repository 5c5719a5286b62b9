"""What can be kept of a guest, and what it can go back to: every rule, without a host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kvmweb.core.offers import Obstacle
from kvmweb.core.records import DiskRecord, GuestRecord, GuestState, InterfaceRecord
from kvmweb.core.snapshots import Kind, Memory
from kvmweb.services import snapshot_rules as rules
from kvmweb.services import snapshots
from tests.hub import plain

QCOW2 = DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2")
RAW = DiskRecord("vdb", "virtio", "disk", "/images/b.img", "raw")
BLOCK = DiskRecord("vdc", "virtio", "disk", "/dev/vg/c", "raw")
DRIVE = DiskRecord("sda", "sata", "cdrom", "/images/install.iso", "raw", is_readonly=True)
OLD, NEW = "9.0.0", "10.0.0"
OK = Obstacle.NONE


def guest(*disks: DiskRecord, running: bool = False, **facts: Any) -> GuestRecord:
    state = GuestState.RUNNING if running else GuestState.SHUT_OFF
    return replace(plain.GUEST, disks=disks, state=state, **facts)


def test_a_guest_that_is_off_is_kept_inside_its_images_where_all_are_qcow2() -> None:
    found = rules.taking(guest(QCOW2, DRIVE), OLD)
    assert (found.disks_only, found.kind, found.can_go_back) == (OK, Kind.INTERNAL, True)
    assert found.with_memory is Obstacle.SNAPSHOT_OFF
    assert rules.disks_of(guest(QCOW2, DRIVE), Kind.INTERNAL) == {"vda": "internal", "sda": "no"}


def test_a_raw_disk_is_frozen_and_an_overlay_goes_on() -> None:
    for running in (False, True):
        found = rules.taking(guest(QCOW2, RAW, running=running), OLD)
        assert (found.disks_only, found.kind) == (OK, Kind.EXTERNAL)
        assert not found.can_go_back
        assert rules.taking(guest(RAW, running=running), NEW).can_go_back
    assert found.with_memory is Obstacle.SNAPSHOT_FORMAT
    assert found.is_possible


@pytest.mark.parametrize(
    ("disks", "facts", "obstacle"),
    [
        ((QCOW2,), {}, OK),
        ((QCOW2, RAW), {}, Obstacle.SNAPSHOT_FORMAT),
        ((DRIVE,), {}, Obstacle.SNAPSHOT_NO_DISK),
        ((QCOW2,), {"firmware": "efi"}, Obstacle.SNAPSHOT_UEFI),
        ((QCOW2,), {"host_devices": ("usb_1",)}, Obstacle.SNAPSHOT_DEVICES),
        ((QCOW2,), {"has_added_vcpus": True}, Obstacle.SNAPSHOT_VCPUS),
        ((QCOW2,), {"is_persistent": False}, Obstacle.TRANSIENT),
    ],
)
def test_memory_is_kept_only_where_qemu_can_load_it_again(
    disks: tuple[DiskRecord, ...], facts: dict[str, Any], obstacle: Obstacle
) -> None:
    assert rules.taking(guest(*disks, running=True, **facts), OLD).with_memory is obstacle


def test_what_is_no_file_cannot_be_frozen_and_nothing_can_be_asked_of_a_silent_guest() -> None:
    found = rules.taking(guest(BLOCK), OLD)
    assert (found.is_possible, found.obstacle) == (False, Obstacle.SNAPSHOT_DISKS)
    silent = rules.taking(guest(QCOW2, running=True), OLD, is_answering=False)
    assert silent.obstacle is Obstacle.NOT_ANSWERING


def test_the_present_state_is_kept_before_a_revert_only_where_one_could_come_back_to_it() -> None:
    assert rules.taking(guest(QCOW2), OLD).keeps is OK
    assert rules.taking(guest(QCOW2, running=True), OLD).keeps is OK
    assert rules.taking(guest(RAW), OLD).keeps is Obstacle.SNAPSHOT_DISKS
    assert rules.taking(guest(RAW, running=True), OLD).keeps is Obstacle.SNAPSHOT_FORMAT


def test_a_revert_that_would_kill_or_cannot_be_is_refused_with_its_reason() -> None:
    here = guest(QCOW2, running=True)
    whole = plain.snapshot("a", memory=Memory.INTERNAL, needs=("disk:/images/a.qcow2",))
    assert rules.to_revert(whole, here, OLD) is OK
    cases = {
        Obstacle.SNAPSHOT_DEADLY: replace(whole, has_added_vcpus=True),
        Obstacle.SNAPSHOT_EXTERNAL: replace(whole, kind=Kind.EXTERNAL),
        Obstacle.SNAPSHOT_OTHER: replace(whole, needs=("disk:/images/gone.qcow2",)),
    }
    for obstacle, snapshot in cases.items():
        assert rules.to_revert(snapshot, here, OLD) is obstacle
    shared = rules.to_revert(whole, here, OLD, is_shared=True)
    assert shared is Obstacle.SNAPSHOT_SHARED
    away = replace(here, is_persistent=False)
    assert rules.to_revert(whole, away, OLD) is Obstacle.TRANSIENT
    saved = guest(QCOW2, has_saved_state=True)
    assert rules.to_revert(whole, saved, OLD) is Obstacle.SNAPSHOT_SAVED
    silent = rules.to_revert(whole, here, OLD, is_answering=False)
    assert silent is Obstacle.NOT_ANSWERING


def test_who_may_not_limit_does_not_lift_a_limit_by_going_back() -> None:
    disk = replace(QCOW2, limits=("total_iops:500",))
    here, bare = guest(disk), plain.snapshot("a")
    limits = rules.held(here)
    assert limits == {f"{QCOW2.target} total_iops:500"}
    assert rules.to_revert(bare, here, OLD) is OK
    assert rules.to_revert(bare, here, OLD, may_limit=False) is Obstacle.SNAPSHOT_LIMITS
    assert rules.to_revert(bare, guest(QCOW2), OLD, may_limit=False) is OK
    same = plain.snapshot("a", limits=tuple(limits))
    assert rules.to_revert(same, here, OLD, may_limit=False) is OK


def test_vcpus_that_were_added_are_no_danger_to_a_snapshot_without_memory() -> None:
    disks = plain.snapshot("a", has_added_vcpus=True)
    assert rules.to_revert(disks, guest(QCOW2), OLD) is OK


@pytest.mark.parametrize(
    ("disks", "facts"),
    [((QCOW2, RAW), {}), ((RAW,), {}), ((QCOW2,), {"firmware": "efi"})],
)
def test_memory_is_kept_outside_where_it_fits_no_image_and_libvirt_can_load_it(
    disks: tuple[DiskRecord, ...], facts: dict[str, Any]
) -> None:
    kept = guest(*disks, running=True, **facts)
    found = rules.taking(kept, NEW)
    assert (found.with_memory, found.memory) == (OK, Memory.EXTERNAL)
    assert rules.taking(kept, OLD).with_memory is not OK
    asked = snapshots._arguments(kept, found, "first", "", with_memory=True)
    assert set(asked["disks"].values()) == {"external"}
    assert asked["memory_file"] == f"/images/{kept.uuid}.first.memory"
    assert not snapshots._arguments(kept, found, "first", "", with_memory=False)["memory_file"]


def test_memory_stays_inside_where_it_can_and_is_not_kept_where_nothing_fits() -> None:
    inside = rules.taking(guest(QCOW2, running=True), NEW)
    assert (inside.with_memory, inside.memory) == (OK, Memory.INTERNAL)
    for disks, facts in (((RAW, BLOCK), {}), ((QCOW2,), {"has_added_vcpus": True})):
        assert rules.taking(guest(*disks, running=True, **facts), NEW).with_memory is not OK


def test_an_external_snapshot_waits_for_a_libvirt_that_can_go_back_to_it() -> None:
    external = plain.snapshot("a", kind=Kind.EXTERNAL, needs=("disk:/images/base.img",))
    assert rules.to_revert(external, guest(QCOW2), "9.8.0") is Obstacle.SNAPSHOT_EXTERNAL
    assert rules.to_revert(external, guest(QCOW2), "9.9.0") is OK
    assert rules.to_delete(external, "8.9.0") is Obstacle.NOT_SUPPORTED
    assert rules.to_delete(external, OLD) is OK


def test_a_network_or_a_filter_that_was_taken_away_does_not_come_back_by_a_revert() -> None:
    card = InterfaceRecord("52:54:00:00:00:01", "network", "default", "virtio", filter="strict")
    here = guest(QCOW2, interfaces=(card,))
    same = plain.snapshot("a", needs=("net:network/default//strict",))
    assert rules.to_revert(same, here, OLD) is OK
    for need in ("net:network/default//", "net:network/secret//strict", "dev:pci_0000_00_02_0"):
        other = plain.snapshot("a", needs=(need,))
        assert rules.to_revert(other, here, OLD) is Obstacle.SNAPSHOT_OTHER


def test_the_tree_has_parents_first_and_counts_what_hangs_below() -> None:
    found = [
        plain.snapshot("a"),
        plain.snapshot("b", parent="a"),
        plain.snapshot("d", parent="b"),
        plain.snapshot("c", parent="a"),
        plain.snapshot("orphan", parent="not read"),
    ]
    lines = [(record.name, depth, below) for record, depth, below in rules.tree(found)]
    assert lines == [("a", 0, 3), ("b", 1, 1), ("d", 2, 0), ("c", 1, 0), ("orphan", 0, 0)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "../a",
        ".a",
        "-x",
        "a\nb",
        "a b",
        "1",
        "007",
        "a" * 65,
        "a\0",
        "<b>",
        "a,b",
        "a=b",
    ],
)
def test_a_name_that_a_file_a_shell_or_qemu_would_misread_is_refused(name: str) -> None:
    assert "name" in snapshots.faults(plain.GUEST, name, "")


@pytest.mark.parametrize("name", ["a", "before-upgrade", "2026-11-23_120000", "更新前", "v1.2+x"])
def test_a_plain_name_is_taken_once(name: str) -> None:
    assert snapshots.faults(plain.GUEST, name, "two\nlines\t更") == {}
    taken = replace(plain.GUEST, snapshot_tree=(plain.snapshot(name),))
    assert "name" in snapshots.faults(taken, name, "")


def test_a_description_that_cannot_be_kept_is_refused() -> None:
    for text in ("a\0", "a\x1b[2J", "x" * 1001):
        assert list(snapshots.faults(plain.GUEST, "a", text)) == ["description"]


def test_a_new_name_is_always_free() -> None:
    record = plain.GUEST
    names = set()
    for _ in range(3):
        name = snapshots.new_name(record)
        names.add(name)
        assert snapshots.faults(record, name, "") == {}
        record = replace(record, snapshot_tree=(*record.snapshot_tree, plain.snapshot(name)))
    assert len(names) == 3
