"""One look into one disk: what it finds, what it may not do, how it ends. One appliance for all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import errors, flows, inside
from tests.hostworker.process import WorkerProcess, wait_for
from tests.lab import disks
from tests.lab.host import LabHost

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(disks.why_not_inside()), reason=disks.why_not_inside()),
]
STARTS_S = 240
ROOT = "/dev/sda1"
IMAGES = "/var/lib/libvirt/images"


class Shown:
    """The lab's pool with a disk in it, and a look into it that is open."""

    def __init__(self, worker: WorkerProcess, lab: LabHost, pool: str, folder: Path) -> None:
        self.worker, self.lab, self.pool, self.folder = worker, lab, pool, folder
        self.before = self.digests()

    @property
    def base(self) -> str:
        return f"{IMAGES}/base.qcow2"

    def digests(self) -> dict[str, str]:
        """Of every image, as they are on the host."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.iterdir())
        }

    def image(self, **other: Any) -> dict[str, Any]:
        """What is looked at, as the worker is told."""
        top = {"name": "top.qcow2", "image_format": "qcow2", "chain": [self.base]}
        return {"uuid": self.pool, **top, **other}

    def ask(self, verb: str, image: dict[str, Any] | None = None, **args: Any) -> Any:
        return self.worker.call(f"inside.{verb}", **(image or self.image()), **args)

    def begin(self, **other: Any) -> Any:
        return self.ask("begin", self.image(**other))

    def state(self, **other: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("state", self.image(**other))
        return found

    def list(self, path: str, device: str = ROOT) -> dict[str, dict[str, Any]]:
        found = self.ask("list", device=device, path=path)
        return {entry["name"]: entry for entry in found["entries"]}

    def read(self, path: str, *, offset: int = 0, length: int = -1) -> bytes:
        about = self.ask("measure", device=ROOT, path=path)
        length = about["size"] - offset if length < 0 else length
        line, _ = self.worker.take(
            "inside.open", **self.image(), device=ROOT, path=path, offset=offset, length=length
        )  # fmt: skip
        return received(line)


def received(line: socket.socket) -> bytes:
    frames, found = flows.Frames(), b""
    with line:
        line.settimeout(30)
        while frames.verdict is None:
            came = line.recv(1024 * 1024)
            assert came, "cut off"
            found += b"".join(bytes(piece) for piece in frames.feed(came))  # type: ignore[arg-type]
    frames.verdict.or_raise()
    return found


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def shown(worker: WorkerProcess, lab: LabHost, tmp_path_factory: Any) -> Iterator[Shown]:
    folder = lab.folder / "lib/images"
    disk = disks.filled(tmp_path_factory.mktemp("disk"))
    disks.run("qemu-img", "convert", "-O", "qcow2", str(disk), str(folder / "base.qcow2"))
    for name in ("top.qcow2", "second.qcow2"):
        below = ["-F", "qcow2", "-b", f"{IMAGES}/base.qcow2"]
        disks.run(
            "qemu-img", "create", "-q", "-f", "qcow2", "-u", *below, f"{folder}/{name}", "34M"
        )
    disks.run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/shadow",
              f"{folder}/forged.qcow2", "34M")  # fmt: skip
    lab.virsh("pool-refresh", "default")
    found = Shown(worker, lab, lab.virsh("pool-uuid", "default").strip(), folder)
    found.begin()
    wait_for(lambda: found.state()["state"] != "starting", STARTS_S, "it did not start")
    state = found.state()
    assert state["state"] == "ready", state
    yield found
    lab.clear()


def test_partitions_and_file_systems_are_told_with_their_fill(shown: Shown) -> None:
    found = {it["device"]: it for it in shown.state()["file_systems"]}
    assert {name: it["kind"] for name, it in found.items()} == {
        ROOT: "ext4",
        "/dev/sda2": "swap",
        "/dev/sda3": "crypto_LUKS",
    }
    root = found[ROOT]
    assert root["is_open"]
    assert root["label"] == "roots\\x0alabel"
    assert 3 * disks.MIB < root["used"] < root["total"] <= root["size"] == 28 * disks.MIB
    assert found["/dev/sda2"]["label"] == "pages"
    assert not found["/dev/sda2"]["is_open"]
    assert not found["/dev/sda3"]["is_open"]


def test_names_that_are_no_text_are_told_and_found_again(shown: Shown) -> None:
    listed = shown.list("/odd")
    assert set(listed) == {inside.text(name) for name in disks.ODD}
    assert all(name.isprintable() for name in listed)
    for number, name in enumerate(disks.ODD):
        assert shown.read(f"/odd/{inside.text(name)}") == b"odd %d" % number


def test_a_large_folder_is_cut_and_says_by_how_much(shown: Shown) -> None:
    found = shown.ask("list", device=ROOT, path="/many")
    names = [entry["name"] for entry in found["entries"]]
    assert names == [f"file{number:04}" for number in range(500)]
    assert found["left_out"] == disks.MANY - 500


def test_a_file_comes_whole_or_in_part(shown: Shown) -> None:
    assert shown.read("/big.bin") == disks.BIG
    assert shown.read("/big.bin", offset=disks.MIB + 3, length=5) == disks.BIG[disks.MIB + 3 :][:5]
    assert shown.read("/empty") == b""
    entry = shown.list("/")["big.bin"]
    assert entry["size"] == len(disks.BIG)
    assert stat.S_ISREG(entry["mode"])
    assert time.time() - 3600 < entry["modified_at"] < time.time() + 60


def test_links_lead_nowhere_but_inside_of_the_disk(shown: Shown) -> None:
    assert shown.read("/links/out") == b"the guest's own\n"
    assert shown.read("/links/absolute") == b"inside\n"
    assert "shadow" in shown.list("/links/folder")
    found = shown.list("/links")
    assert found["out"]["target"] == "../../../../../../etc/shadow"
    assert found["gone"]["target"] == "/no/such\\x0aplace"
    for name in ("loop", "gone"):
        with pytest.raises(errors.NotFound):
            shown.read(f"/links/{name}")


@pytest.mark.parametrize("name", ["pipe", "disk", "folder", "../etc/shadow", "."])
def test_what_is_no_file_is_never_opened(shown: Shown, name: str) -> None:
    with pytest.raises(errors.Invalid):
        shown.read(f"/links/{name}")


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        ("/dev/sda2", errors.NotSupported),
        ("/dev/sda3", errors.NotSupported),
        ("/dev/sda9", errors.NotFound),
        ("/dev/sda", errors.NotFound),
        ("/etc", errors.NotFound),
        ("btrfsvol:/dev/sda1/x", errors.NotFound),
    ],
)
def test_only_what_was_found_can_be_opened(shown: Shown, device: str, problem: Any) -> None:
    with pytest.raises(problem):
        shown.list("/", device)


def test_two_files_come_at_once_while_somebody_lists(shown: Shown) -> None:
    lines = [
        shown.worker.take(
            "inside.open", **shown.image(), device=ROOT, path="/big.bin", offset=0,
            length=len(disks.BIG),
        )[0]
        for _ in range(2)
    ]  # fmt: skip
    assert "etc" in shown.list("/")
    assert [received(line) for line in lines] == [disks.BIG, disks.BIG]


def test_who_looks_is_nobody_and_is_confined(shown: Shown) -> None:
    found = processes(shown.worker.pid)
    assert found
    for pid in found:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert set(fields["Uid"].split()) == {str(pwd.getpwnam("nobody").pw_uid)}
        assert fields["NoNewPrivs"] == "1"
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert "unlimited" not in next(x for x in limits.splitlines() if "address space" in x)
        assert not [path for path in opened(pid) if "lib/images" in path or "libvirt" in path]
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"KVMWEB" not in environment


def test_neither_the_appliance_nor_what_is_around_it_has_a_network(shown: Shown) -> None:
    found, home = processes(shown.worker.pid), os.readlink("/proc/self/ns/net")
    machine = next(pid for pid in found if is_appliance(pid))
    words = Path(f"/proc/{machine}/cmdline").read_bytes().split(b"\0")
    assert not [word for word in words if b"netdev" in word or b"-nic" in word or word == b"-net"]
    assert b"-nodefaults" in words
    for pid in found:
        assert os.readlink(f"/proc/{pid}/ns/net") != home
        cards = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
        assert [card.split(":")[0].strip() for card in cards] in (["lo"], [])


def test_another_look_at_the_same_disk_is_the_same_one(shown: Shown) -> None:
    before = processes(shown.worker.pid)
    assert shown.begin()["state"] == "ready"
    assert processes(shown.worker.pid) == before


def test_a_disk_that_is_read_in_another_way_is_another_look(shown: Shown) -> None:
    """Who may see a raw disk does not thereby see what its content names as a qcow2 image."""
    assert shown.state(image_format="raw", chain=[])["state"] == "none"
    with pytest.raises(errors.Conflict):
        shown.ask("list", shown.image(image_format="raw", chain=[]), device=ROOT, path="/")


def test_a_chain_out_of_the_pools_is_refused(shown: Shown) -> None:
    with pytest.raises(errors.Invalid):
        shown.begin(name="forged.qcow2", chain=["/etc/shadow"])
    assert shown.state(name="forged.qcow2", chain=["/etc/shadow"])["state"] == "none"


def test_a_chain_that_nobody_was_judged_by_is_refused(shown: Shown) -> None:
    with pytest.raises(errors.Conflict):
        shown.begin(name="second.qcow2", chain=[])


@pytest.mark.parametrize(
    ("image_format", "problem"),
    [("vmdk", errors.NotSupported), ("", errors.NotSupported), ("auto", errors.NotSupported)],
)
def test_a_format_is_never_guessed(shown: Shown, image_format: str, problem: Any) -> None:
    with pytest.raises(problem):
        shown.begin(name="second.qcow2", image_format=image_format, chain=[])


def test_a_volume_that_a_running_guest_has_is_refused(shown: Shown) -> None:
    uuid = shown.lab.define_guest("uses", disk=f"{IMAGES}/second.qcow2")
    shown.lab.virsh("start", "uses")
    try:
        with pytest.raises(errors.Busy) as refused:
            shown.begin(name="second.qcow2")
        assert refused.value.context["holders"] == f"{uuid} uses"
    finally:
        shown.lab.forget(uuid)


def test_a_worker_that_is_killed_takes_its_looks_along(
    shown: Shown, start_worker: Callable[[str], WorkerProcess]
) -> None:
    other = start_worker(shown.lab.uri)
    other.call("inside.begin", **shown.image(name="second.qcow2"))
    wait_for(lambda: any(map(is_appliance, processes(other.pid))), 60, "no appliance began")
    there = processes(other.pid)
    os.kill(other.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, there)), 15, "something runs on")


def test_an_appliance_that_dies_ends_its_look_and_leaves_nothing(shown: Shown) -> None:
    """The last one: what was open until here is over."""
    there = processes(shown.worker.pid)
    assert shown.digests() == shown.before, "a look wrote to an image"
    for pid in filter(is_appliance, there):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.Problem):
        shown.list("/")
    wait_for(lambda: shown.state()["state"] == "ended", 15, "it goes on")
    assert shown.state()["problem"] == "fault"
    wait_for(lambda: not any(map(alive, there)), 10, "something runs on")
    assert not list(Path("/tmp").glob(f"kvmweb-look-{shown.worker.pid}-*"))
    with pytest.raises(errors.Conflict):
        shown.list("/")


def opened(pid: int) -> list[str]:
    """What this process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(entry))
    return found


def is_appliance(pid: int) -> bool:
    try:
        return b"qemu-system" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def processes(worker: int) -> list[int]:
    """Of all looks of this worker, by their sessions."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(worker)], capture_output=True, text=True, check=False
    )
    found = []
    for leader in children.stdout.split():
        group = subprocess.run(
            ["ps", "-o", "pid=,stat=", "-g", leader], capture_output=True, text=True, check=False
        )
        found += [
            int(line.split()[0]) for line in group.stdout.splitlines() if "Z" not in line.split()[1]
        ]
    return sorted(found)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
