"""The most that a disk may do: kept at once and at the next start."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.disk_edits import DiskChange, DiskLimits
from kvmweb.core.errors import Conflict, Denied, Invalid
from kvmweb.services import disk_limits, disks, snapshots
from kvmweb.store.models import CustomRole
from tests.services.guest_shell import shell
from tests.services.stage import person
from tests.services.test_disks import dumped, guest
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2


def test_a_running_guest_is_held_to_it_and_let_go_at_once(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, "slowed", disk="slow.qcow2", start=True)
    wanted = DiskLimits(total_bytes=MIB, write_iops=500)
    with closing(shell(shop, "slowed")) as inside:
        assert disk_limits.limit(admin, ref, "vda", wanted) == "now"
        began = time.monotonic()
        assert inside.run("dd if=/dev/vda of=/dev/null bs=64k count=64", 60)[0] == 0
        assert time.monotonic() - began > 1.5
    assert "total_bytes_sec: 1048576" in _told(shop, ref.id)
    assert "<total_bytes_sec>1048576<" in dumped(shop, ref, "--inactive")
    shop.see(lambda: shop.record(ref).disks[0].limits == wanted.kept())
    assert not shop.record(ref).has_pending_changes
    assert disk_limits.limit(admin, ref, "vda", wanted) == "same"
    assert disk_limits.limit(admin, ref, "vda", DiskLimits()) == "now"
    assert "total_bytes_sec: 0" in _told(shop, ref.id)
    assert "iotune" not in dumped(shop, ref, "--inactive")


def _told(shop: Workshop, uuid: str) -> str:
    lines = shop.lab.virsh("blkdeviotune", uuid, "vda", "--live").splitlines()
    return "\n".join(" ".join(line.replace(":", " ").split()) for line in lines).replace(
        "_sec ", "_sec: "
    )


def test_a_shut_off_guest_keeps_it_and_what_is_wrong_is_said(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, disk="kept.qcow2")
    seen = shop.record(ref).definition_hash
    both = DiskLimits(read_bytes=MIB, write_bytes=2 * MIB, total_iops=100)
    assert disk_limits.limit(admin, ref, "vda", both, definition_hash=seen) == "now"
    assert "<write_bytes_sec>2097152<" in dumped(shop, ref)
    with pytest.raises(Conflict):
        disk_limits.limit(admin, ref, "vda", DiskLimits(), definition_hash=seen)
    with pytest.raises(Invalid) as caught:
        disk_limits.limit(admin, ref, "vda", DiskLimits(total_bytes=1, read_bytes=1))
    assert "total_bytes" in caught.value.fields
    with pytest.raises(Denied):
        disk_limits.limit(person("op", "operator"), ref, "vda", both)


def test_who_may_change_the_disk_neither_lifts_its_limit_nor_detaches_it(
    shop: Workshop, admin: Actor, editor: Actor
) -> None:
    ref = guest(shop, disk="held.qcow2")
    shop.disk("second.qcow2")
    second = refs.volume_id(shop.pool, "second.qcow2")
    verbs = ("guest.view", "guest.disks", "pool.view", "volume.attach", "volume.create")
    filler = custom("filler", *verbs)
    snapshots.take(editor, ref, name="before")
    shop.see(lambda: bool(shop.record(ref).snapshot_tree))
    wanted = DiskLimits(total_iops=100)
    assert disk_limits.limit(admin, ref, "vda", wanted) == "now"
    with pytest.raises(Conflict):  # the mirror does not know of the limit yet
        disks.detach(editor, ref, "vda")
    with pytest.raises(Conflict):
        disks.create(filler, ref, pool=shop.pool, name="third.qcow2", capacity=MIB)
    shop.see(lambda: shop.record(ref).disks[0].limits == wanted.kept())
    with pytest.raises(Denied):
        disk_limits.limit(editor, ref, "vda", DiskLimits())
    with pytest.raises(Denied) as denied:
        disks.detach(editor, ref, "vda")
    assert denied.value.context["verb"] == "guest.limits"
    with pytest.raises(Denied):
        snapshots.revert(editor, ref, "before")
    for add in (
        lambda: disks.attach(filler, ref, volume=second),
        lambda: disks.create(filler, ref, pool=shop.pool, name="third.qcow2", capacity=MIB),
    ):
        with pytest.raises(Denied) as denied:
            add()
        assert denied.value.context["verb"] == "guest.limits"
    assert set(shop.volumes()) == {"held.qcow2", "second.qcow2"}
    assert disks.edit(editor, ref, "vda", DiskChange(cache="none")) == "now"
    assert "<total_iops_sec>100<" in dumped(shop, ref)
    warden = custom("warden", "guest.view", "guest.limits")
    assert disk_limits.limit(warden, ref, "vda", DiskLimits()) == "now"
    shop.see(lambda: not shop.record(ref).disks[0].limits)
    assert disks.attach(filler, ref, volume=second).target == "vdb"
    shop.see(lambda: len(shop.record(ref).disks) == 2)
    assert disks.detach(editor, ref, "vda").when == "now"


def custom(name: str, *verbs: str) -> Actor:
    CustomRole.objects.create(key=name, label=name, verbs=list(verbs))
    return person(name, name)


def test_how_a_disk_is_read_and_what_it_is_called(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, disk="named.qcow2")
    change = DiskChange(cache="none", io="native", detect_zeroes="unmap", serial="WD-1.2_3")
    assert disks.edit(admin, ref, "vda", change) == "now"
    shop.see(lambda: shop.record(ref).disks[0].serial == "WD-1.2_3")
    disk = shop.record(ref).disks[0]
    assert (disk.io, disk.detect_zeroes, disk.cache) == ("native", "unmap", "none")
    for wrong, field in (
        (DiskChange(cache="", io="native"), "io"),
        (DiskChange(is_removable=True), "is_removable"),
        (DiskChange(serial="a b"), "serial"),
        (DiskChange(detect_zeroes="maybe"), "detect_zeroes"),
    ):
        with pytest.raises(Invalid) as caught:
            disks.edit(admin, ref, "vda", wrong)
        assert field in caught.value.fields
