"""Volumes of a real libvirtd: what the worker says of them, and what it does and refuses."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import errors, refs
from kvmweb.hostworker import volumes as reading
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab
MIB = 1024**2


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def heard(worker: WorkerProcess) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


@pytest.fixture
def pool(lab: LabHost) -> Iterator[str]:
    """The lab's directory pool, empty before and after."""
    uuid = lab.virsh("pool-uuid", "default")
    yield uuid
    lab.empty_pool()


def volume(heard: Listener, pool: str, name: str) -> dict[str, Any]:
    return heard.mirror["volume"].get(refs.volume_id(pool, name), {})


def appears(heard: Listener, pool: str, name: str) -> dict[str, Any]:
    wait_for(lambda: bool(volume(heard, pool, name)), 10, f"{name} does not appear")
    return volume(heard, pool, name)


def goes(heard: Listener, pool: str, name: str, timeout_s: float = 10) -> None:
    wait_for(lambda: not volume(heard, pool, name), timeout_s, f"{name} stays")


def make(worker: WorkerProcess, pool: str, name: str, size: int = 64 * MIB, **rest: Any) -> str:
    standard = {"image_format": "qcow2", **rest}
    return str(worker.call("volume.create", uuid=pool, name=name, capacity=size, **standard))


def test_a_volume_that_is_made_appears_and_one_that_is_deleted_goes(
    worker: WorkerProcess, heard: Listener, pool: str
) -> None:
    path = make(worker, pool, "a.qcow2")
    found = appears(heard, pool, "a.qcow2")
    assert path == found["path"] == "/var/lib/libvirt/images/a.qcow2"
    assert (found["format"], found["capacity"]) == ("qcow2", 64 * MIB)
    assert found["allocation"] < MIB
    worker.call("volume.delete", uuid=pool, name="a.qcow2")
    goes(heard, pool, "a.qcow2")


def test_a_disc_says_when_it_was_changed_and_what_guests_write_to_does_not(
    worker: WorkerProcess, heard: Listener, pool: str
) -> None:
    make(worker, pool, "a.iso", MIB, image_format="raw")
    make(worker, pool, "a.img", MIB, image_format="raw")
    assert float(appears(heard, pool, "a.iso")["modified_at"]) > 1_700_000_000
    assert appears(heard, pool, "a.img")["modified_at"] == ""


@pytest.mark.parametrize(
    ("image_format", "preallocation", "least", "most"),
    [
        ("raw", "off", 0, 0),
        ("raw", "full", 8 * MIB, 9 * MIB),
        ("qcow2", "off", 1, MIB),
        ("qcow2", "metadata", 1, MIB),
        ("qcow2", "full", 8 * MIB, 9 * MIB),
    ],
)
def test_what_is_allocated_is_what_was_asked_for(
    image_format: str,
    preallocation: str,
    least: int,
    most: int,
    worker: WorkerProcess,
    heard: Listener,
    pool: str,
) -> None:
    wanted = {"image_format": image_format, "preallocation": preallocation}
    make(worker, pool, "a", 8 * MIB, **wanted)
    assert least <= appears(heard, pool, "a")["allocation"] <= most


def test_an_image_on_a_base_names_it(worker: WorkerProcess, heard: Listener, pool: str) -> None:
    base = make(worker, pool, "base.qcow2")
    make(worker, pool, "top.qcow2", backing=base, backing_format="qcow2")
    found = appears(heard, pool, "top.qcow2")
    assert found["backing"] == found["backing_path"] == base


def test_names_with_line_breaks_dashes_and_foreign_letters_are_seen_resized_and_deleted(
    worker: WorkerProcess, heard: Listener, lab: LabHost, pool: str
) -> None:
    names = ["line\nbreak", "-rf", "ünï 中.img", "'; rm -rf $HOME;'", "x" * 255]
    for name in names:
        lab.folder.joinpath("lib/images", name).write_bytes(b"\0" * 512)
    undecodable = bytes(lab.folder / "lib/images") + b"/bad\xff"
    Path(undecodable.decode(errors="surrogateescape")).write_bytes(b"")
    worker.call("pool.refresh", uuid=pool)
    for name in names:
        appears(heard, pool, name)
        worker.call("volume.resize", uuid=pool, name=name, capacity=4096)
        wait_for(lambda name=name: volume(heard, pool, name)["capacity"] == 4096, 5)
        worker.call("volume.delete", uuid=pool, name=name)
        goes(heard, pool, name)


def test_what_virsh_deletes_is_gone_at_the_next_look(
    worker: WorkerProcess, heard: Listener, lab: LabHost, pool: str
) -> None:
    make(worker, pool, "a")
    make(worker, pool, "b")
    appears(heard, pool, "b")
    lab.virsh("vol-delete", "a", "default")
    goes(heard, pool, "a", timeout_s=25)
    with pytest.raises(errors.NotFound):
        worker.call("volume.resize", uuid=pool, name="a", capacity=MIB)


def test_volumes_go_with_a_stopped_pool_and_return_with_it(
    worker: WorkerProcess, heard: Listener, pool: str
) -> None:
    make(worker, pool, "a")
    appears(heard, pool, "a")
    assert worker.call("pool.stop", uuid=pool) == {"changed": True}
    goes(heard, pool, "a")
    assert worker.call("pool.stop", uuid=pool) == {"changed": False}
    with pytest.raises(errors.WrongState):
        make(worker, pool, "b")
    worker.call("pool.start", uuid=pool)
    appears(heard, pool, "a")


def test_a_disk_of_a_guest_is_neither_deleted_nor_wiped(
    worker: WorkerProcess,
    heard: Listener,
    lab: LabHost,
    pool: str,
    busybox_guest: Callable[..., str],
) -> None:
    path = make(worker, pool, "a.qcow2")
    uuid = busybox_guest("holder", start=True)
    lab.virsh("attach-disk", uuid, path, "vdb", "--config", "--subdriver", "qcow2")
    for verb in ("volume.delete", "volume.wipe"):
        with pytest.raises(errors.Busy) as refused:
            worker.call(verb, uuid=pool, name="a.qcow2")
        assert refused.value.context["holders"] == f"{uuid} holder"
    lab.virsh("detach-disk", uuid, "vdb", "--config")
    worker.call("volume.delete", uuid=pool, name="a.qcow2")


def test_the_base_of_a_running_guests_disk_is_not_deleted(
    worker: WorkerProcess, lab: LabHost, pool: str, busybox_guest: Callable[..., str]
) -> None:
    base = make(worker, pool, "base.qcow2")
    top = make(worker, pool, "top.qcow2", backing=base, backing_format="qcow2")
    uuid = busybox_guest("overlaid", start=True)
    lab.virsh("attach-disk", uuid, top, "vdb", "--live", "--subdriver", "qcow2")
    with pytest.raises(errors.Busy) as refused:
        worker.call("volume.delete", uuid=pool, name="base.qcow2")
    assert refused.value.context["holders"] == f"{uuid} overlaid"


def test_a_disk_grows_under_its_running_guest_and_does_not_shrink(
    worker: WorkerProcess,
    heard: Listener,
    lab: LabHost,
    pool: str,
    busybox_guest: Callable[..., str],
) -> None:
    path = make(worker, pool, "a.qcow2")
    uuid = busybox_guest("grower", start=True)
    lab.virsh("attach-disk", uuid, path, "vdb", "--live", "--subdriver", "qcow2")
    assert worker.call("volume.resize", uuid=pool, name="a.qcow2", capacity=96 * MIB) == "guest"
    assert str(96 * MIB) in lab.virsh("domblkinfo", uuid, "vdb")
    wait_for(lambda: volume(heard, pool, "a.qcow2").get("capacity") == 96 * MIB, 5)
    with pytest.raises(errors.Busy):
        worker.call("volume.resize", uuid=pool, name="a.qcow2", capacity=32 * MIB, shrink=True)


def test_a_volume_shrinks_only_when_that_is_meant(
    worker: WorkerProcess, heard: Listener, pool: str
) -> None:
    make(worker, pool, "a.raw", image_format="raw")
    with pytest.raises(errors.Invalid):
        worker.call("volume.resize", uuid=pool, name="a.raw", capacity=MIB)
    worker.call("volume.resize", uuid=pool, name="a.raw", capacity=MIB, shrink=True)
    wait_for(lambda: volume(heard, pool, "a.raw").get("capacity") == MIB, 5)


def test_a_clone_has_the_content_in_the_format_asked_for(
    worker: WorkerProcess, heard: Listener, lab: LabHost, pool: str
) -> None:
    make(worker, pool, "a.raw", MIB, image_format="raw")
    lab.folder.joinpath("lib/images/a.raw").write_bytes(b"content" * 1000)
    source = {"source_pool": pool, "source": "a.raw"}
    worker.call("volume.clone", uuid=pool, name="b.qcow2", image_format="qcow2", **source)
    assert appears(heard, pool, "b.qcow2")["format"] == "qcow2"
    image = lab.folder / "lib/images/b.qcow2"
    back = lab.folder / "back.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, back], check=True)
    assert back.read_bytes().startswith(b"content" * 1000)
    with pytest.raises(errors.Exists):
        worker.call("volume.clone", uuid=pool, name="b.qcow2", **source)


def test_a_disk_is_not_cloned_while_its_guest_runs(
    worker: WorkerProcess, lab: LabHost, pool: str, busybox_guest: Callable[..., str]
) -> None:
    path = make(worker, pool, "a.qcow2")
    uuid = busybox_guest("writer", start=True)
    lab.virsh("attach-disk", uuid, path, "vdb", "--live", "--subdriver", "qcow2")
    with pytest.raises(errors.Busy):
        worker.call("volume.clone", uuid=pool, name="b", source_pool=pool, source="a.qcow2")


def test_wiping_leaves_nothing_of_the_content(
    worker: WorkerProcess, lab: LabHost, pool: str
) -> None:
    make(worker, pool, "a.raw", MIB, image_format="raw", preallocation="full")
    file = lab.folder / "lib/images/a.raw"
    file.write_bytes(b"secret" * 1000 + b"\0" * (MIB - 6000))
    worker.call("volume.wipe", uuid=pool, name="a.raw")
    assert file.read_bytes() == b"\0" * MIB


def test_sizes_that_cannot_be_are_refused_with_a_reason(worker: WorkerProcess, pool: str) -> None:
    with pytest.raises(errors.Problem):
        make(worker, pool, "too-big", 2 * 1024**5, image_format="raw", preallocation="full")
    with pytest.raises(errors.Problem):
        make(worker, pool, "a/b")


def test_thousands_of_volumes_cost_a_bounded_time_at_each_look(
    worker: WorkerProcess, heard: Listener, lab: LabHost, pool: str
) -> None:
    images = lab.folder / "lib/images"
    for number in range(reading.AGAIN + 200):
        images.joinpath(f"n{number:04}").write_bytes(b"")
    worker.call("pool.refresh", uuid=pool)
    appears(heard, pool, f"n{reading.AGAIN + 199:04}")
    before = heard.listed["pool"]
    began = time.monotonic()
    wait_for(lambda: heard.listed["pool"] > before, 25)
    assert time.monotonic() - began < 25


def test_a_volume_is_attached_to_a_running_guest_now_and_for_later_and_to_no_second_one(
    worker: WorkerProcess,
    heard: Listener,
    lab: LabHost,
    pool: str,
    busybox_guest: Callable[..., str],
) -> None:
    path = make(worker, pool, "a.qcow2")
    uuid, other = busybox_guest("taker", start=True), busybox_guest("late")
    asked = {"pool": pool, "volume": "a.qcow2"}
    given = worker.call("guest.attach_disk", uuid=uuid, **asked)
    assert given == {"target": "vda", "when": "now"}
    for which in ([], ["--inactive"]):
        assert path in lab.virsh("domblklist", uuid, *which)
    wait_for(lambda: any(it["source"] == path for it in heard.guest(uuid)["disks"]), 10)
    with pytest.raises(errors.Busy) as refused:
        worker.call("guest.attach_disk", uuid=other, **asked)
    assert refused.value.context["holders"] == f"{uuid} taker"
    make(worker, pool, "b.iso", image_format="raw")
    shared = {"pool": pool, "volume": "b.iso", "device": "cdrom", "bus": "sata"}
    given = worker.call("guest.attach_disk", uuid=other, is_readonly=True, **shared)
    assert given["target"] == "sda"
    lab.virsh("detach-disk", uuid, "vda", "--persistent")
