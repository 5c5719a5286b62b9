"""A disk of a real guest goes to another pool: while it writes, while it is off, and not at all."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid
from kvmweb.core.jobs import JobRecord, JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import disk_moves, job_worker, jobs
from kvmweb.store.models import CustomRole, Grant, Job, RightsEpoch
from tests.services import cut_off
from tests.services.guest_shell import shell
from tests.services.stage import person
from tests.services.test_disks import dumped, guest
from tests.services.workshop import IMAGES, Workshop, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2
RESTING = ("volume.clone", "guest.repoint_disk")


@pytest.fixture
def other(shop: Workshop) -> str:
    """Another pool with room for everything; its UUID."""
    return shop.small_pool("64m")


def moved(actor: Actor, ref: Ref, pool: str, **asked: Any) -> JobRecord:
    """The job, carried out."""
    job = disk_moves.move(actor, ref, "vda", pool=pool, **asked)
    job_worker.run.call(str(job))
    return jobs.show(actor, job)


def source(shop: Workshop, ref: Ref, *which: str) -> str:
    lines = shop.lab.virsh("domblklist", ref.id, *which).split()
    return lines[lines.index("vda") + 1]


def volumes(shop: Workshop, pool: str = "") -> list[str]:
    """Without the folder that another pool is mounted at."""
    found = shop.volumes(shop.pool_name(pool) if pool else "default")
    return [name for name in found if name.endswith(".qcow2")]


def has_no_job(shop: Workshop, ref: Ref) -> bool:
    return "Block Copy" not in shop.lab.virsh("blockjob", ref.id, "vda", check=False)


def test_a_running_guest_writes_on_while_its_disk_moves(
    shop: Workshop, admin: Actor, other: str
) -> None:
    ref = guest(shop, "mover", disk="system.qcow2", start=True)
    shop.see(lambda: shop.record(ref).state.is_active)
    with closing(shell(shop, "mover")) as inside:
        writes = "dd if=/dev/zero of=/dev/vda bs=4k seek=$i count=1 conv=notrunc"
        inside.run("echo the-first-words | dd of=/dev/vda bs=512 conv=notrunc,fsync")
        inside.run(f"(for i in $(seq 1 400); do {writes}; sleep 0.01; done) 2>/dev/null & true")
        done = moved(admin, ref, other, delete=True)
        inside.run("echo the-last-words | dd of=/dev/vda bs=512 seek=15000 conv=notrunc,fsync")
        status, printed = inside.run("dd if=/dev/vda bs=512 count=1 2>/dev/null | head -c 15")
    assert (done.state, [step.word for step in done.steps]) == (
        JobState.DONE, ["copy", "switch", "volume"],
    )  # fmt: skip
    assert status == 0
    assert "the-first-words" in printed
    place = f"{IMAGES}/{shop.pool_name(other)}/system.qcow2"
    assert source(shop, ref) == source(shop, ref, "--inactive") == place
    assert (volumes(shop), volumes(shop, other)) == ([], ["system.qcow2"])
    shop.lab.virsh("destroy", ref.id)
    read = shop.lab.inside("qemu-io", "-r", "-f", "qcow2", "-c", "read -v 7680000 512", place)
    assert "74 68 65 2d 6c 61 73 74" in read  # the-last


def test_a_shut_off_guest_reads_the_copy_and_keeps_all_else(
    shop: Workshop, admin: Actor, other: str
) -> None:
    ref = guest(shop, disk="system.qcow2")
    before = dumped(shop, ref)
    done = moved(admin, ref, other)
    assert done.state is JobState.DONE
    place = f"{IMAGES}/{shop.pool_name(other)}/system.qcow2"
    assert dumped(shop, ref) == before.replace(f"{IMAGES}/system.qcow2", place)
    assert (volumes(shop), volumes(shop, other)) == (["system.qcow2"], ["system.qcow2"])
    shop.see(lambda: shop.record(ref).disks[0].source == place)
    shop.see(lambda: mirror.Volume.objects.filter(pool=other, is_gone__in=[False]).exists())
    again = moved(admin, ref, shop.pool, delete=True)
    assert again.state is JobState.DONE
    assert source(shop, ref) == f"{IMAGES}/system-1.qcow2"
    assert volumes(shop, other) == []


@pytest.mark.parametrize("start", [True, False], ids=["running", "off"])
def test_a_pool_that_fills_up_leaves_the_disk_where_it_is(
    shop: Workshop, admin: Actor, start: bool
) -> None:
    small = shop.small_pool("2m")
    shop.disk("system.qcow2", size="16M")
    subprocess.run(
        ["qemu-io", "-c", "write -P 7 0 1M", "-f", "qcow2", shop.folder / "system.qcow2"],
        check=True, capture_output=True,
    )  # fmt: skip
    ref = shop.define("full", disk=f"{IMAGES}/system.qcow2", kernel=False, start=start)
    shop.see(lambda: shop.record(ref).state.is_active is start)
    job = disk_moves.move(admin, ref, "vda", pool=small)
    shop.fill(shop.pool_name(small))
    job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.FAILED
    assert Job.objects.get(pk=job).undo == []
    assert source(shop, ref, "--inactive") == f"{IMAGES}/system.qcow2"
    assert "system.qcow2" not in volumes(shop, small)
    assert has_no_job(shop, ref)


def asked(shop: Workshop, admin: Actor, pool: str, *, start: bool) -> tuple[Ref, UUID]:
    ref = guest(shop, "doomed", disk="system.qcow2", kernel=False, start=start)
    shop.see(lambda: shop.record(ref).state.is_active is start)
    return ref, disk_moves.move(admin, ref, "vda", pool=pool, delete=True)


@pytest.mark.parametrize(
    ("at", "after"),
    [
        ("volume.create", True),
        ("guest.copy_disk", True),
        ("guest.pivot_disk", True),
        ("volume.clone", True),
        ("guest.repoint_disk", True),
    ],
)
def test_killed_anywhere_the_guest_has_its_disk(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch, other: str, at: str, after: bool
) -> None:
    ref, job = asked(shop, admin, other, start=at not in RESTING)
    cut_off.killed(monkeypatch, admin, job, at, after=after)
    is_moved = after and at in ("guest.pivot_disk", "guest.repoint_disk")
    place = f"{IMAGES}/{shop.pool_name(other)}" if is_moved else IMAGES
    assert source(shop, ref, "--inactive") == f"{place}/system.qcow2"
    assert source(shop, ref) == f"{place}/system.qcow2"
    assert volumes(shop, other) == (["system.qcow2"] if is_moved else [])
    assert volumes(shop) == ["system.qcow2"]
    assert "<mirror" not in dumped(shop, ref)


def test_a_host_lost_before_the_switch_is_cleaned_when_it_is_back(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """QEMU goes on mirroring while nobody looks."""
    ref, job = asked(shop, admin, other, start=True)
    cut_off.lost(monkeypatch, job, "guest.pivot_disk", shop.kill)
    assert jobs.show(admin, job).steps[1].problem == "host-down"
    assert "<mirror" in dumped(shop, ref)
    shop.start()
    cut_off.cleaned_later(job)
    assert "<mirror" not in dumped(shop, ref)
    assert source(shop, ref) == f"{IMAGES}/system.qcow2"
    assert volumes(shop, other) == []


def test_a_cancelled_move_is_taken_back(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    ref, job = asked(shop, admin, other, start=True)

    def cancel() -> None:
        jobs.cancel(admin, job)
        seen = Job.objects.get(pk=job).beat_at
        wait_for(lambda: Job.objects.get(pk=job).beat_at != seen, "no beat")
        again = Job.objects.get(pk=job).beat_at
        wait_for(lambda: Job.objects.get(pk=job).beat_at != again, "no second beat")

    with monkeypatch.context() as patch:
        cut_off.cut(patch, "guest.copy_progress", cancel, after=False)
        job_worker.run.call(str(job))
    assert jobs.show(admin, job).state is JobState.CANCELLED
    assert source(shop, ref) == f"{IMAGES}/system.qcow2"
    assert "<mirror" not in dumped(shop, ref)
    assert volumes(shop, other) == []


def test_a_guest_that_ran_while_its_disk_was_copied_keeps_the_old_one(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    ref, job = asked(shop, admin, other, start=False)
    path = shop.folder / "system.qcow2"

    def write() -> None:
        subprocess.run(["qemu-io", "-c", "write 0 64k", "-f", "qcow2", path], check=True)

    with monkeypatch.context() as patch:
        cut_off.cut(patch, "volume.clone", write, after=True)
        job_worker.run.call(str(job))
    assert jobs.show(admin, job).steps[1].problem == "conflict"
    assert source(shop, ref) == f"{IMAGES}/system.qcow2"
    assert (volumes(shop), volumes(shop, other)) == (["system.qcow2"], [])


def test_what_cannot_be_moved_says_why(shop: Workshop, admin: Actor, other: str) -> None:
    ref = guest(shop, "first", disk="shared.qcow2")
    shop.lab.define_guest("second", disk=f"{IMAGES}/shared.qcow2")
    shop.see_guest("second")
    assert "Somebody else needs" in refused(admin, ref, other)
    shop.lab.forget(shop.lab.virsh("domuuid", "second"))
    shop.see(lambda: not mirror.Guest.objects.filter(name="second", is_gone=False).exists())
    assert disk_moves.ask(admin, ref, "vda").obstacles == ()
    kept = {"uuid": ref.id, "name": "before"}
    client.call("east", "guest.snapshot", disks={"vda": "internal"}, **kept)
    shop.see(lambda: shop.record(ref).snapshots == 1)
    assert "has snapshots" in refused(admin, ref, other)
    client.call("east", "guest.snapshot_delete", **kept)
    shop.see(lambda: shop.record(ref).snapshots == 0)
    with pytest.raises(Invalid) as caught:
        disk_moves.move(admin, ref, "vda", pool=shop.pool)
    assert "pool" in caught.value.fields
    with pytest.raises(Denied):
        disk_moves.move(person("op", "operator"), ref, "vda", pool=other)


def refused(actor: Actor, ref: Ref, pool: str) -> str:
    with pytest.raises(Invalid) as caught:
        disk_moves.move(actor, ref, "vda", pool=pool)
    assert not Job.objects.exists()
    return caught.value.fields[""]


def test_who_may_not_read_the_old_or_fill_the_new_pool_moves_nothing(
    shop: Workshop, admin: Actor, other: str
) -> None:
    ref = guest(shop, disk="system.qcow2")
    CustomRole.objects.create(
        key="hands", label="Hands", verbs=["guest.view", "guest.disks", "volume.create"]
    )
    actor = person("hans", "hands", str(ref))
    assert disk_moves.ask(actor, ref, "vda").pools == ()
    Grant.objects.create(
        person_id=actor.person_id, role="storage-admin", scope=str(refs.pool("east", other))
    )
    RightsEpoch.advance()
    found = disk_moves.ask(actor, ref, "vda")
    assert [pool.uuid for pool in found.pools] == [other]
    assert "may not copy" in refused(actor, ref, other)


def test_a_definition_that_changed_since_it_was_shown_moves_nothing(
    shop: Workshop, admin: Actor, other: str
) -> None:
    ref = guest(shop, disk="system.qcow2")
    shown = disk_moves.ask(admin, ref, "vda").definition_hash
    shop.lab.virsh("desc", ref.id, "--config", "changed beside the portal")
    shop.see(lambda: disk_moves.ask(admin, ref, "vda").definition_hash != shown)
    with pytest.raises(Conflict):
        disk_moves.move(admin, ref, "vda", pool=other, definition_hash=shown)
    assert not Job.objects.exists()
