"""Serial rooms on a real guest: many viewers, one stream."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import uuid as uuids
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmweb.core import errors
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab.host import LabError

pytestmark = pytest.mark.lab

SECOND_PORT = "<console type='pty'><target type='virtio' port='1'/></console>"


@pytest.fixture(scope="module")
def worker(lab, tmp_path_factory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def heard(worker) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


@pytest.fixture(scope="module")
def guest(lab, heard) -> Iterator[str]:
    """A booted guest with two serial ports, for all tests that leave it running."""
    uuid = lab.define_guest("talker", start=True, extra=SECOND_PORT)
    lab.wait_ready("talker")
    heard.wait_state(uuid, "running", 5)
    yield uuid
    lab.forget(uuid)


@pytest.fixture
def own_guest(heard, busybox_guest) -> str:
    """A guest for the test that harms it."""
    uuid = busybox_guest(f"victim-{uuids.uuid4().hex[:6]}", booted=True)
    heard.wait_state(uuid, "running", 5)
    return uuid


class Viewer:
    """One seat in a room."""

    def __init__(self, worker: WorkerProcess, uuid: str, alias: str = "serial0") -> None:
        self.line, _ = worker.take("guest.open_serial", uuid=uuid, alias=alias)
        self.seen = b""

    def type(self, text: str) -> None:
        self.line.sendall(text.encode())

    def wait(self, text: str, timeout_s: float = 10) -> bytes:
        """Everything seen once this text has come; b"" never: the end fails the test."""
        deadline = time.monotonic() + timeout_s
        while text.encode() not in self.seen:
            self.line.settimeout(max(0.05, deadline - time.monotonic()))
            piece = self.line.recv(65536)
            assert piece, f"closed before {text!r}: {self.seen[-300:]!r}"
            self.seen += piece
        return self.seen

    def wait_end(self, timeout_s: float) -> float:
        """Seconds until end of file."""
        began = time.monotonic()
        self.line.settimeout(timeout_s)
        while self.line.recv(65536):
            pass
        return time.monotonic() - began

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()


def rss_kib(pid: int) -> int:
    return (
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    )


def test_two_viewers_see_the_same_and_a_newcomer_what_was(worker, guest):
    with Viewer(worker, guest) as first:
        first.type("\n")
        first.wait("# ")
        with Viewer(worker, guest) as second:
            first.type("echo one-$((40 + 2))\n")
            first.wait("one-42")
            second.wait("one-42")
            second.type("echo two-$((40 + 3))\n")
            first.wait("two-43")
            second.wait("two-43")
            with Viewer(worker, guest) as late:
                late.wait("one-42")
                assert b"two-43" in late.wait("two-43")
        first.type("echo still-$((1 + 1))\n")
        first.wait("still-2")


def test_last_to_leave_closes_and_the_next_finds_what_stood_there(worker, guest):
    for order in range(3):
        with Viewer(worker, guest) as viewer:
            if order:
                viewer.wait(f"turn-{order - 1}-2")
            viewer.type(f"echo turn-{order}-$((1 + 1))\n")
            viewer.wait(f"turn-{order}-2")


def test_ports_are_rooms_of_their_own(worker, heard, guest):
    assert [port["alias"] for port in heard.guest(guest)["serials"]] == ["serial0", "console1"]
    with Viewer(worker, guest) as serial, Viewer(worker, guest, "console1") as console:
        serial.type("echo on-$(basename $(tty))\n")
        serial.wait("on-ttyS0")
        console.type("echo on-$(basename $(tty))\n")
        console.wait("on-hvc0")
        assert b"on-hvc0" not in serial.seen


def test_latency_of_a_key_is_a_few_milliseconds(worker, guest):
    with Viewer(worker, guest) as viewer:
        viewer.type("\ncat > /dev/null\n")
        viewer.wait("cat > /dev/null")
        time.sleep(0.5)
        taken = []
        for order in range(20):
            key = chr(ord("a") + order)
            viewer.seen = b""
            began = time.monotonic()
            viewer.type(key)
            viewer.wait(key)
            taken.append(time.monotonic() - began)
            time.sleep(0.02)
        viewer.type("\x03")
        print(f"echo median {sorted(taken)[10] * 1000:.1f} ms")
        assert sorted(taken)[10] < 0.1


def test_slow_viewer_slows_nobody_and_is_dropped(worker, guest):
    with Viewer(worker, guest, "console1") as slow, Viewer(worker, guest, "console1") as quick:
        quick.type("\n")
        quick.wait("# ")
        before = rss_kib(worker.pid)
        quick.type("cat /dev/zero\n")
        began, taken = time.monotonic(), 0
        quick.line.settimeout(5)
        while time.monotonic() - began < 22:
            piece = quick.line.recv(65536)
            assert piece
            taken += len(piece)
        grown = rss_kib(worker.pid) - before
        print(f"flood {taken / 22e6:.2f} MB/s, worker grew {grown} KiB")
        assert taken > 4_000_000, "the flood was larger than all buffers"
        assert grown < 8 * 1024
        assert slow.wait_end(5) < 5, "the one that took nothing has lost the seat"
        quick.type("\x03")


def test_single_slow_viewer_keeps_the_worker_small(worker, guest):
    with Viewer(worker, guest, "console1") as slow:
        slow.type("\ncat /dev/zero\n")
        time.sleep(2)
        before = rss_kib(worker.pid)
        time.sleep(8)
        assert rss_kib(worker.pid) - before < 4 * 1024
        slow.line.settimeout(5)
        assert slow.line.recv(65536), "it may go on reading: only 15 s of nothing cost the seat"
        slow.type("\x03")


def test_guest_that_takes_no_input_makes_its_writers_wait(lab, worker, heard, own_guest):
    pid = lab.qemu_pid(heard.guest(own_guest)["name"])
    with Viewer(worker, own_guest) as viewer:
        os.kill(pid, signal.SIGSTOP)
        before, sent = rss_kib(worker.pid), 0
        viewer.line.settimeout(1)
        try:
            while sent < 32 * 1024**2:
                sent += viewer.line.send(b"x" * 65536)
        except TimeoutError:
            pass
        finally:
            os.kill(pid, signal.SIGCONT)
        print(f"{sent} bytes went before the writer had to wait")
        assert sent < 16 * 1024**2
        assert rss_kib(worker.pid) - before < 16 * 1024


def test_room_ends_when_the_guest_stops(worker, own_guest):
    with Viewer(worker, own_guest) as viewer:
        worker.call("guest.destroy", uuid=own_guest)
        assert viewer.wait_end(3) < 2
    with pytest.raises(errors.WrongState):
        worker.take("guest.open_serial", uuid=own_guest, alias="serial0")


def test_room_ends_when_libvirtd_goes_and_opens_again_after(lab, worker, heard, guest):
    with Viewer(worker, guest) as viewer:
        lab.kill_libvirtd()
        assert viewer.wait_end(5) < 2
    lab.restart_libvirtd()
    heard.wait_link("up", 10)
    with Viewer(worker, guest) as viewer:
        viewer.type("echo back-$((1 + 1))\n")
        viewer.wait("back-2")


def test_reset_keeps_the_room(lab, worker, heard, own_guest):
    name = heard.guest(own_guest)["name"]
    with Viewer(worker, own_guest) as viewer:
        for _ in range(3):  # emulated guests sometimes hang in the firmware after a reset
            boots = lab.serial_log(name).count("GUEST READY")
            worker.call("guest.reset", uuid=own_guest)
            viewer.line.settimeout(2)
            with contextlib.suppress(TimeoutError):
                assert viewer.line.recv(65536), "the room has ended"
            with contextlib.suppress(LabError):
                lab.wait_ready(name, boots=boots + 1, timeout_s=60)
                break
        viewer.wait("GUEST READY", 10)


@pytest.mark.parametrize("alias", ["serial9", "channel0", "../x"])
def test_only_serial_ports_can_be_opened(worker, guest, alias):
    with pytest.raises(errors.NotFound):
        worker.take("guest.open_serial", uuid=guest, alias=alias)


def test_console_that_somebody_else_holds_is_busy(lab, worker, guest):
    import subprocess

    pipe, ours = socket.socketpair()
    with pipe, ours:
        other = subprocess.Popen(
            ["script", "-qc", f"virsh -q -c '{lab.uri}' console {guest}", "/dev/null"],
            stdin=pipe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(1)
            with pytest.raises(errors.Busy, match="console session"):
                worker.take("guest.open_serial", uuid=guest, alias="serial0")
        finally:
            other.terminate()
            other.wait(5)
    wait_for(lambda: opens(worker, guest), 5, "still held")


def opens(worker: WorkerProcess, uuid: str) -> bool:
    try:
        Viewer(worker, uuid).line.close()
    except errors.Busy:
        return False
    return True
