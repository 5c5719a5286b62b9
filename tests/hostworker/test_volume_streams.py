"""A volume's data through the worker's descriptors: whole, in part, sparse, and ending ill."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import uuid as uuids
from collections.abc import Callable, Iterator

import pytest

from kvmweb.core import errors, flows
from kvmweb.hostworker import transfers
from tests.hostworker.process import WorkerProcess, wait_for
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab

MIB = 1024 * 1024
SMALL_POOL = (
    """<pool type='dir'><name>small</name><target><path>/mnt/small</path></target></pool>"""
)


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def pool(lab: LabHost) -> str:
    return lab.virsh("pool-uuid", "default").strip()


@pytest.fixture
def volume(lab: LabHost) -> Iterator[Callable[..., str]]:
    """Make a raw, sparse volume: `volume(10 * MIB)` answers its name."""
    made: list[tuple[str, str]] = []

    def make(size: int, pool: str = "default") -> str:
        name = f"v{uuids.uuid4().hex[:8]}"
        lab.virsh("vol-create-as", pool, name, f"{size}b", "--allocation", "0")
        made.append((name, pool))
        return name

    yield make
    for name, where in made:
        lab.virsh("vol-delete", name, where, check=False)


@pytest.fixture(scope="module")
def small_pool(lab: LabHost) -> Iterator[str]:
    """A pool with room for 8 MiB."""
    lab.inside("mkdir", "-p", "/mnt/small")
    lab.inside("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", "/mnt/small")
    path = lab.folder / "small.xml"
    path.write_text(SMALL_POOL)
    lab.virsh("pool-create", str(path))
    yield lab.virsh("pool-uuid", "small").strip()
    lab.virsh("pool-destroy", "small")
    lab.inside("umount", "/mnt/small")


def upload(line: socket.socket, data: bytes) -> flows.Verdict:
    """Send all of it, or as much as is taken, and hear how it ended."""
    with line:
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the verdict says why
        return verdict(line)[1]


def verdict(line: socket.socket) -> tuple[list[bytes | int], flows.Verdict]:
    frames, found = flows.Frames(), []
    line.settimeout(30)
    while frames.verdict is None:
        piece = line.recv(MIB)
        assert piece, "the worker left without a word"
        found += [x if isinstance(x, int) else bytes(x) for x in frames.feed(piece)]
    return found, frames.verdict


def download(worker: WorkerProcess, pool: str, name: str, **part: int) -> tuple[bytes, int]:
    """The data, and how much of it came as holes."""
    line, _ = worker.take("volume.download", uuid=pool, name=name, **part)
    with line:
        found, said = verdict(line)
    data = b"".join(bytes(x) if isinstance(x, int) else x for x in found)
    assert said.or_raise() == len(data)
    return data, sum(x for x in found if isinstance(x, int))


def test_what_goes_up_comes_down(worker, pool, volume) -> None:
    data = os.urandom(3 * MIB + 777)
    name = volume(len(data))
    line, _ = worker.take("volume.upload", uuid=pool, name=name, offset=0, length=len(data))
    assert upload(line, data) == flows.Verdict(len(data))
    assert download(worker, pool, name) == (data, 0)


def test_a_part_goes_where_it_belongs(worker, pool, volume) -> None:
    first, second = os.urandom(MIB + 5), os.urandom(MIB)
    name = volume(len(first) + len(second))
    for offset, part in ((0, first), (len(first), second)):
        line, _ = worker.take(
            "volume.upload", uuid=pool, name=name, offset=offset, length=len(part)
        )
        assert upload(line, part).or_raise() == len(part)
    assert download(worker, pool, name)[0] == first + second
    assert download(worker, pool, name, offset=MIB, length=10)[0] == (first + second)[MIB:][:10]


def test_zeros_take_no_room_and_are_not_sent(lab, worker, pool, volume) -> None:
    data = os.urandom(MIB) + bytes(40 * MIB) + os.urandom(MIB) + bytes(8 * MIB)
    name = volume(len(data))
    line, _ = worker.take("volume.upload", uuid=pool, name=name, offset=0, length=len(data))
    assert upload(line, data).or_raise() == len(data)
    seen, holes = download(worker, pool, name)
    assert hashlib.sha256(seen).digest() == hashlib.sha256(data).digest()
    assert holes > 40 * MIB
    allocated = lab.virsh("vol-info", name, "default", "--bytes")
    assert int(allocated.split("Allocation:")[1].split()[0]) < 4 * MIB


@pytest.mark.parametrize("zeros", [3 * MIB, 40 * MIB])
def test_parts_that_arrive_beside_each_other_spoil_none(lab, worker, pool, volume, zeros) -> None:
    """The last part first: zeros of an earlier one neither cut it off nor, if many, take room."""
    first = os.urandom(MIB) + bytes(zeros) + os.urandom(MIB + 7) + bytes(zeros)
    second = bytes(zeros) + os.urandom(MIB + 3)
    name = volume(len(first) + len(second))
    for offset, part in ((len(first), second), (0, first)):
        line, _ = worker.take(
            "volume.upload", uuid=pool, name=name, offset=offset, length=len(part), beside=True
        )
        assert upload(line, part).or_raise() == len(part)
    seen, _ = download(worker, pool, name)
    assert hashlib.sha256(seen).digest() == hashlib.sha256(first + second).digest()
    allocated = lab.virsh("vol-info", name, "default", "--bytes")
    most = 4 * MIB + (3 * zeros if zeros < 16 * MIB else 0)
    assert int(allocated.split("Allocation:")[1].split()[0]) < most


def test_parts_flow_at_the_same_time(worker, pool, volume) -> None:
    data = os.urandom(6 * MIB)
    name = volume(len(data))
    parts = [(at, data[at : at + 2 * MIB]) for at in (0, 2 * MIB, 4 * MIB)]
    args = {"uuid": pool, "name": name, "length": 2 * MIB, "beside": True}
    lines = [worker.take("volume.upload", offset=at, **args)[0] for at, _ in parts]
    for line, (_at, part) in zip(lines, parts, strict=True):
        line.sendall(part[:MIB])
    for line, (_at, part) in reversed(list(zip(lines, parts, strict=True))):
        assert upload(line, part[MIB:]).or_raise() == 2 * MIB
    assert download(worker, pool, name)[0] == data


def test_a_caller_that_leaves_loses_nothing_that_was_taken(worker, pool, volume) -> None:
    data = os.urandom(8 * MIB)
    name = volume(len(data))
    line, _ = worker.take("volume.upload", uuid=pool, name=name, offset=0, length=len(data))
    said = upload(line, data[: 2 * MIB])
    assert said == flows.Verdict(2 * MIB)
    line, _ = worker.take(
        "volume.upload", uuid=pool, name=name, offset=said.moved, length=len(data) - said.moved
    )
    assert upload(line, data[said.moved :]).or_raise() == 6 * MIB
    assert download(worker, pool, name)[0] == data


def test_a_caller_that_dies_leaves_no_line_behind(worker, pool, volume) -> None:
    name = volume(MIB)
    for _ in range(30):  # more than are allowed at once
        line, _ = worker.take("volume.upload", uuid=pool, name=name, offset=0, length=MIB)
        line.sendall(b"x")
        line.close()
        wait_for(lambda: _is_free(worker, pool, name), 10, "still busy")


def _is_free(worker: WorkerProcess, pool: str, name: str) -> bool:
    try:
        line, _ = worker.take("volume.download", uuid=pool, name=name)
    except (errors.Busy, errors.HostDown):
        return False
    line.close()
    return True


def test_a_full_pool_is_said_while_data_still_comes(worker, small_pool, volume) -> None:
    name = volume(32 * MIB, "small")
    line, _ = worker.take("volume.upload", uuid=small_pool, name=name, offset=0, length=32 * MIB)
    said = upload(line, os.urandom(32 * MIB))
    assert (said.problem, said.moved) == ("quota", 0)
    assert "No space left" in said.detail


def test_what_is_not_there_is_said_before_anything_moves(worker, pool) -> None:
    for verb in ("volume.upload", "volume.download"):
        with pytest.raises(errors.NotFound):
            worker.take(verb, uuid=pool, name="nothing", offset=0, length=1)
        with pytest.raises(errors.NotFound):
            worker.take(verb, uuid=str(uuids.uuid4()), name="nothing", offset=0, length=1)


def test_many_flow_at_once_and_the_next_is_told_to_wait(worker, pool, volume) -> None:
    name = volume(MIB)
    args = {"uuid": pool, "name": name, "offset": 0, "length": MIB}
    lines = [worker.take("volume.upload", **args)[0] for _ in range(transfers.MOST)]
    with pytest.raises(errors.Busy):
        worker.take("volume.upload", **args)
    for line in lines:
        line.close()
    wait_for(lambda: _is_free(worker, pool, name), 10, "still busy")


def test_a_host_that_dies_ends_the_flow(lab, worker, pool, volume) -> None:
    name = volume(64 * MIB)
    line, _ = worker.take("volume.upload", uuid=pool, name=name, offset=0, length=64 * MIB)
    line.sendall(os.urandom(MIB))
    killer = threading.Timer(0.3, lab.kill_libvirtd)
    killer.start()
    try:
        said = upload(line, os.urandom(63 * MIB) if killer.join() is None else b"")
        assert said.problem == "host-down"
    finally:
        lab.restart_libvirtd()
    wait_for(lambda: _is_free(worker, pool, name), 15, "not back")
