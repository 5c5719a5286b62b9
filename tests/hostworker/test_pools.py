"""Pools of many types, really started.

What a machine like this cannot start (NFS, iSCSI of the kernel, LVM without device-mapper, SCSI
adapters, Ceph, ZFS) is held against golden XML and libvirt's schema in definitions/test_pools.py.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import errors, wire
from kvmweb.core.pools import PoolSpec
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab
MIB = 1024**2
IMAGES = "/var/lib/libvirt/images"
TARGET = "iqn.2020-01.test:disks"
ME = "iqn.2020-01.test:me"


@pytest.fixture(scope="module")
def own(new_lab: Callable[..., LabHost]) -> LabHost:
    """A host of its own: these pools bring daemons along."""
    return new_lab()


@pytest.fixture(scope="module")
def worker(own: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(own.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def heard(worker: WorkerProcess) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


@pytest.fixture
def make(worker: WorkerProcess) -> Iterator[Callable[..., str]]:
    """Define a pool; stopped and forgotten after the test."""
    made: list[str] = []

    def define(name: str, pool_type: str, **facts: Any) -> str:
        spec = wire.to_plain(PoolSpec(name, pool_type, **facts))
        made.append(str(worker.call("pool.define", spec=spec)))
        return made[-1]

    yield define
    for uuid in made:
        for verb in ("pool.stop", "pool.undefine"):
            with contextlib.suppress(errors.NotFound):
                worker.call(verb, uuid=uuid)


@pytest.fixture
def loop(own: LabHost) -> Iterator[str]:
    """A block device of 256 MiB. Loop devices are of the machine, not of the lab."""
    file = own.folder / "device.img"
    file.write_bytes(b"")
    os.truncate(file, 256 * MIB)
    done = subprocess.run(
        ["losetup", "--find", "--show", "--partscan", file], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no loop device here: {done.stderr.strip()}")
    device = done.stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)
    file.unlink()


def pool(heard: Listener, uuid: str) -> dict[str, Any]:
    return heard.mirror["pool"].get(uuid, {})


def becomes(heard: Listener, uuid: str, **facts: Any) -> dict[str, Any]:
    wait_for(
        lambda: all(pool(heard, uuid).get(name) == value for name, value in facts.items()),
        10,
        lambda: f"{pool(heard, uuid)}, not {facts}",
    )
    return pool(heard, uuid)


def names(heard: Listener, uuid: str) -> set[str]:
    return {it["name"] for it in heard.mirror["volume"].values() if it["pool"] == uuid}


def needs(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            pytest.skip(f"{program} is not installed")


def test_a_folder_is_built_started_switched_and_deleted_in_this_order(
    worker: WorkerProcess, heard: Listener, own: LabHost, make: Callable[..., str]
) -> None:
    uuid = make("second", "dir", target=f"{IMAGES}/second")
    becomes(heard, uuid, is_active=False, is_persistent=True, has_autostart=False)
    with pytest.raises(errors.Problem):
        worker.call("pool.start", uuid=uuid)
    worker.call("pool.build", uuid=uuid)
    assert worker.call("pool.start", uuid=uuid) == {"changed": True}
    assert worker.call("pool.autostart", uuid=uuid, enabled=True) == {"changed": True}
    becomes(heard, uuid, is_active=True, has_autostart=True)
    worker.call("volume.create", uuid=uuid, name="a", capacity=MIB, image_format="raw")
    wait_for(lambda: names(heard, uuid) == {"a"}, 5)
    with pytest.raises(errors.WrongState):
        worker.call("pool.undefine", uuid=uuid)
    worker.call("pool.stop", uuid=uuid)
    with pytest.raises(errors.Problem, match="not empty"):
        worker.call("pool.delete_content", uuid=uuid)
    worker.call("pool.start", uuid=uuid)
    worker.call("volume.delete", uuid=uuid, name="a")
    worker.call("pool.stop", uuid=uuid)
    worker.call("pool.delete_content", uuid=uuid)
    worker.call("pool.undefine", uuid=uuid)
    wait_for(lambda: not pool(heard, uuid), 5)
    assert not (own.folder / "lib/images/second").exists()


def test_two_pools_do_not_share_a_name_or_a_folder(make: Callable[..., str]) -> None:
    make("twin", "dir", target=f"{IMAGES}/twin")
    with pytest.raises(errors.Exists):
        make("twin", "dir", target=f"{IMAGES}/other")
    with pytest.raises(errors.Exists):
        make("other", "dir", target=f"{IMAGES}/twin")


def test_a_definition_that_changed_meanwhile_is_not_overwritten(
    worker: WorkerProcess, heard: Listener, make: Callable[..., str]
) -> None:
    uuid = make("edited", "dir", target=f"{IMAGES}/edited")
    seen = becomes(heard, uuid, name="edited")["definition_hash"]
    there = wire.to_plain(PoolSpec("edited", "dir", uuid=uuid, target=f"{IMAGES}/moved"))
    worker.call("pool.define", spec=there, definition_hash=seen)
    with pytest.raises(errors.Conflict):
        worker.call("pool.define", spec=there, definition_hash=seen)


def test_a_file_system_is_made_only_where_nothing_is_or_when_that_is_meant(
    worker: WorkerProcess, heard: Listener, make: Callable[..., str], loop: str
) -> None:
    uuid = make("fs", "fs", target=f"{IMAGES}/fs", devices=(loop,), format="ext4")
    worker.call("pool.build", uuid=uuid)
    with pytest.raises(errors.Exists):
        worker.call("pool.build", uuid=uuid)
    worker.call("pool.build", uuid=uuid, overwrite=True)
    worker.call("pool.start", uuid=uuid)
    found = becomes(heard, uuid, is_active=True)
    assert found["source"] == loop
    assert 200 * MIB < found["capacity"] < 256 * MIB
    worker.call("volume.create", uuid=uuid, name="a", capacity=MIB, image_format="qcow2")
    wait_for(lambda: "a" in names(heard, uuid), 5)


def test_a_disk_is_partitioned(
    worker: WorkerProcess, heard: Listener, make: Callable[..., str], loop: str
) -> None:
    needs("parted")
    uuid = make("disk", "disk", devices=(loop,), format="gpt")
    worker.call("pool.build", uuid=uuid, overwrite=True)
    worker.call("pool.start", uuid=uuid)
    part = f"{Path(loop).name}p1"
    worker.call("volume.create", uuid=uuid, name=part, capacity=8 * MIB, image_format="none")
    wait_for(lambda: names(heard, uuid) == {part}, 10)


def test_targets_of_iscsi_are_found_and_their_disks_listed_and_wiped(
    worker: WorkerProcess, heard: Listener, own: LabHost, make: Callable[..., str]
) -> None:
    needs("tgtd", "tgtadm")
    if "iscsi-direct" not in heard.host["pool_types"]:
        pytest.skip("libvirt has no backend for it")
    own.inside("sh", "-c", f"""
        truncate -s 16M {IMAGES}/lun; tgtd -C 1 -f >/dev/null 2>&1 &
        for try in 1 2 3 4 5 6 7 8 9 10; do
          tgtadm -C 1 --lld iscsi --op new --mode target --tid 1 -T {TARGET} && break; sleep 0.5
        done
        tgtadm -C 1 --lld iscsi --op new --mode logicalunit --tid 1 --lun 1 -b {IMAGES}/lun
        tgtadm -C 1 --lld iscsi --op bind --mode target --tid 1 -I ALL""")  # fmt: skip
    asked = {"pool_type": "iscsi-direct", "machine": "127.0.0.1", "initiator": ME}
    assert worker.call("pool.discover", **asked)[0]["devices"] == [TARGET]
    uuid = make("iscsi", "iscsi-direct", hosts=("127.0.0.1",), devices=(TARGET,), initiator=ME)
    worker.call("pool.start", uuid=uuid)
    wait_for(lambda: "unit:0:0:1" in names(heard, uuid), 10)
    lun = next(it for it in heard.mirror["volume"].values() if it["name"] == "unit:0:0:1")
    assert lun["alias"] == f"iscsi:{TARGET}/1"
    worker.call("volume.wipe", uuid=uuid, name="unit:0:0:1", deadline_s=30.0)


def test_a_gluster_volume_is_found_and_read(
    worker: WorkerProcess, heard: Listener, own: LabHost, make: Callable[..., str]
) -> None:
    needs("glusterd", "gluster")
    if "gluster" not in heard.host["pool_types"]:
        pytest.skip("libvirt has no backend for it")
    own.inside("sh", "-c", f"""
        mkdir -p {IMAGES}/brick {IMAGES}/log
        mount -t tmpfs none /var/lib/glusterd
        mkdir -p /run/gluster
        mount -t tmpfs none /run/gluster  # another lab's brick has a pid of ours
        glusterd -p /run/glusterd.pid --log-file={IMAGES}/log/glusterd
        for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
          gluster --mode=script volume create vol {own.address}:{IMAGES}/brick force && break
          sleep 1
        done
        gluster --mode=script volume start vol""")  # fmt: skip
    found = worker.call("pool.discover", pool_type="gluster", machine=own.address)
    assert [one["source"] for one in found] == ["vol"]
    uuid = make("gluster", "gluster", hosts=(own.address,), source="vol")
    worker.call("pool.start", uuid=uuid)
    assert becomes(heard, uuid, is_active=True)["capacity"] > 0


def test_a_full_pool_says_so_and_keeps_nothing_half(
    worker: WorkerProcess, heard: Listener, own: LabHost, make: Callable[..., str]
) -> None:
    own.inside("sh", "-c", f"mkdir {IMAGES}/small; mount -t tmpfs -o size=5m none {IMAGES}/small")
    uuid = make("small", "dir", target=f"{IMAGES}/small")
    worker.call("pool.start", uuid=uuid)
    wanted = {"name": "big", "capacity": 64 * MIB, "image_format": "raw", "preallocation": "full"}
    with pytest.raises(errors.Problem, match="No space left"):
        worker.call("volume.create", uuid=uuid, **wanted)
    worker.call("pool.refresh", uuid=uuid)
    assert names(heard, uuid) == set()


def test_a_pool_whose_folder_is_gone_says_so(
    worker: WorkerProcess, own: LabHost, make: Callable[..., str]
) -> None:
    uuid = make("lost", "dir", target=f"{IMAGES}/lost")
    worker.call("pool.build", uuid=uuid)
    (own.folder / "lib/images/lost").rmdir()
    with pytest.raises(errors.Problem, match="cannot open"):
        worker.call("pool.start", uuid=uuid)


def test_types_without_a_backend_are_neither_offered_nor_defined(
    heard: Listener, make: Callable[..., str]
) -> None:
    offered = heard.host["pool_types"]
    assert {"dir", "fs", "disk"} <= set(offered)
    for missing in {"rbd", "zfs"} - set(offered):
        with pytest.raises(errors.NotSupported):
            make("none", missing, source="tank", hosts=("mon",) if missing == "rbd" else ())


def test_where_a_path_really_leads_is_said(worker: WorkerProcess, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    paths = [str(tmp_path / "link/x"), str(tmp_path)]
    assert worker.call("pool.resolve", paths=paths) == ["/etc/x", str(tmp_path)]
