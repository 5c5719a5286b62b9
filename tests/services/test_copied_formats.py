"""What a guest writes into its raw disk does not decide how its copy is read."""

from __future__ import annotations

import subprocess
from typing import Any
from uuid import UUID

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import Way
from kvmweb.core.errors import Conflict
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import cloning, disk_moves, job_worker, jobs
from kvmweb.store.models import CustomRole
from tests.services import cut_off
from tests.services.stage import person
from tests.services.workshop import IMAGES, KEY, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2
DISK = (
    f"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
    f"<source file='{IMAGES}/first.img'/><target dev='vda' bus='virtio'/></disk>"
)


@pytest.fixture
def raw(shop: Workshop) -> Ref:
    """A guest that is off, with a raw disk."""
    client.call(
        KEY, "volume.create", uuid=shop.pool, name="first.img", capacity=MIB, image_format="raw"
    )
    shop.see_volume("first.img")
    return shop.define("first", extra=DISK, kernel=False)


def forge(shop: Workshop, path: str, pool: str) -> None:
    """The header of an image that reads a file of the host, as a guest would write it."""
    made = shop.folder / "header.qcow2"
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd"]
    subprocess.run([*command, made, "1M"], check=True)
    shop.lab.inside("dd", f"if={IMAGES}/{made.name}", f"of={path}", "conv=notrunc")
    made.unlink()
    client.call(KEY, "pool.refresh", uuid=pool)
    look = client.call(KEY, "volume.look", uuid=pool, name=path.rpartition("/")[2])
    assert look["format"] == "qcow2"


def carried(
    monkeypatch: pytest.MonkeyPatch, actor: Actor, job: UUID, at: str, act: Any
) -> list[str]:
    """The job, with this act just before this call; the problems of its steps."""
    with monkeypatch.context() as patch:
        cut_off.cut(patch, at, act, after=False)
        job_worker.run.call(str(job))
    return [step.problem for step in jobs.show(actor, job).steps]


def read_as(shop: Workshop, name: str, path: str, *which: str) -> str:
    text = shop.lab.virsh("dumpxml", *which, name)
    disk = next(it for it in text.split("<disk ")[1:] if f"'{path}'" in it)
    return disk.split("<driver ")[1].split("type='")[1].split("'")[0]


def test_a_clone_reads_its_copy_as_what_it_was_made_as(
    shop: Workshop, admin: Actor, raw: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = cloning.clone(admin, raw, name="second", ways={"vda": "copy"})
    path = f"{IMAGES}/second.img"
    found = carried(
        monkeypatch, admin, job, "guest.clone", lambda: forge(shop, path, shop.pool)
    )  # fmt: skip
    assert found == ["", ""]
    assert read_as(shop, "second", path) == "raw"


@pytest.mark.parametrize(
    ("at", "start"),
    [("guest.repoint_disk", False), ("guest.copy_disk", True), ("guest.pivot_disk", True)],
)
def test_a_moved_disk_is_read_as_what_it_was_made_as(
    shop: Workshop,
    admin: Actor,
    raw: Ref,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    start: bool,
) -> None:
    other = shop.small_pool("16m")
    if start:
        shop.lab.virsh("start", "first")
        shop.see(lambda: shop.record(raw).state.is_active)
    job = disk_moves.move(admin, raw, "vda", pool=other)
    path = f"{IMAGES}/{shop.pool_name(other)}/first.img"
    found = carried(monkeypatch, admin, job, at, lambda: forge(shop, path, other))
    assert found == ["", ""]
    assert read_as(shop, "first", path) == "raw"
    assert read_as(shop, "first", path, "--inactive") == "raw"


def test_a_clone_of_a_running_guest_mirrors_into_what_was_made(
    shop: Workshop, admin: Actor, raw: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lab.virsh("start", "first")
    shop.see(lambda: shop.record(raw).state.is_active)
    job = cloning.clone(admin, raw, name="second", ways={})
    path = f"{IMAGES}/second.img"
    mirrored: list[str] = []

    def look() -> None:
        mirror_ = shop.lab.virsh("dumpxml", "first").split("<mirror ")[1].split("</mirror>")[0]
        mirrored.append(mirror_.split("<format type='")[1].split("'")[0])

    with monkeypatch.context() as patch:
        cut_off.cut(patch, "guest.mirror_cut", look, after=False)
        found = carried(
            patch, admin, job, "guest.mirror_begin", lambda: forge(shop, path, shop.pool)
        )  # fmt: skip
    assert found == ["", ""]
    assert mirrored == ["raw"]
    assert read_as(shop, "second", path) == "raw"


def test_nothing_is_linked_to_what_looks_like_something_else_by_then(
    shop: Workshop, admin: Actor, raw: Ref
) -> None:
    job = cloning.clone(admin, raw, name="thin", ways={"vda": "link"})
    forge(shop, f"{IMAGES}/first.img", shop.pool)
    job_worker.run.call(str(job))
    done = jobs.show(admin, job)
    assert (done.state, done.steps[0].problem) == (JobState.FAILED, Conflict.code)
    assert shop.volumes() == ["first.img"]


def test_who_does_not_see_the_pool_copies_nothing_forged_either(shop: Workshop, raw: Ref) -> None:
    verbs = ["guest.view", "guest.clone", "guest.xml", "guest.create", "host.view"]
    verbs += ["volume.create", "volume.clone", "volume.attach", "volume.trust"]
    CustomRole.objects.create(key="blind", label="Blind", verbs=verbs)
    actor = person("bea", "blind")
    assert Way.COPY in cloning.ask(actor, raw).disks[0].ways
    forge(shop, f"{IMAGES}/first.img", shop.pool)
    volume = mirror.Volume.objects.filter(uuid=refs.volume_id(shop.pool, "first.img"))
    shop.see(lambda: volume.get().format == "qcow2")
    (disk,) = cloning.ask(actor, raw).disks
    assert disk.ways == ()
    assert "another format" in disk.reason
