"""The line to a worker that is missing, mute, or talks nonsense: always HostDown, in time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmweb.core import errors, wire
from kvmweb.hostlink import client, subscription


@pytest.fixture
def answer_with(tmp_path: Path) -> Iterator[Callable]:
    """A socket whose every connection is given to this function."""
    listeners = []

    def serve(act: Callable[[socket.socket], None]) -> Path:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "far.sock"))
        listener.listen()
        listeners.append(listener)

        def run() -> None:
            try:
                line, _ = listener.accept()
                with line:
                    act(line)
            except OSError:
                pass

        threading.Thread(target=run, daemon=True).start()
        return tmp_path

    yield serve
    for listener in listeners:
        listener.close()


def test_no_worker_is_host_down(tmp_path):
    with pytest.raises(errors.HostDown) as caught:
        client.call("far", "host.ping", directory=tmp_path)
    assert caught.value.context == {"host": "far"}


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0", b"\0\0\0\x04oops", b"\0\0\0\x02[]", b"\0\0\0\xff{"],
)
def test_worker_that_talks_nonsense_is_host_down(answer_with, garbage):
    folder = answer_with(lambda line: (line.recv(9999), line.sendall(garbage)))
    with pytest.raises(errors.HostDown):
        client.call("far", "host.ping", directory=folder, deadline_s=2)


def test_worker_that_says_nothing_costs_the_deadline(answer_with):
    folder = answer_with(lambda line: time.sleep(3))
    began = time.monotonic()
    with pytest.raises(errors.HostDown):
        client.call("far", "host.ping", directory=folder, deadline_s=0.5)
    assert time.monotonic() - began < 1


def test_worker_that_drips_costs_the_deadline_too(answer_with):
    def drip(line: socket.socket) -> None:
        for byte in wire.frame({"ok": "x" * 100}):
            line.sendall(bytes([byte]))
            time.sleep(0.1)

    folder = answer_with(drip)
    began = time.monotonic()
    with pytest.raises(errors.HostDown):
        client.call("far", "host.ping", directory=folder, deadline_s=0.6)
    assert time.monotonic() - began < 1


def test_problem_comes_back_as_it_was(answer_with):
    frame = wire.frame(
        {"problem": "wrong-state", "detail": "it is off", "context": {"state": "shut-off"}}
    )
    folder = answer_with(lambda line: (line.recv(9999), line.sendall(frame)))
    with pytest.raises(errors.WrongState, match="it is off") as caught:
        client.call("far", "guest.suspend", directory=folder, uuid="x")
    assert caught.value.context == {"state": "shut-off", "host": "far"}


def test_large_answer_in_pieces(answer_with):
    frame = wire.frame({"ok": "x" * 3_000_000})
    folder = answer_with(lambda line: (line.recv(9999), line.sendall(frame)))
    assert len(client.call("far", "host.facts", directory=folder)) == 3_000_000


def test_descriptor_comes_with_the_answer(answer_with):
    ours, theirs = socket.socketpair()

    def give(line: socket.socket) -> None:
        line.recv(9999)
        socket.send_fds(line, [wire.frame({"ok": None})], [theirs.fileno()])
        theirs.close()

    folder = answer_with(give)
    taken, value = client.take("far", "guest.open_screen", directory=folder, uuid="x")
    with taken, ours:
        assert value is None
        ours.sendall(b"RFB")
        assert taken.recv(3) == b"RFB"
        assert not os.get_inheritable(taken.fileno())


def test_answer_without_its_descriptor_is_a_fault(answer_with):
    folder = answer_with(lambda line: (line.recv(9999), line.sendall(wire.frame({"ok": None}))))
    with pytest.raises(errors.Fault):
        client.take("far", "guest.open_screen", directory=folder, uuid="x")


async def test_subscription_ends_in_host_down(answer_with, tmp_path):
    with pytest.raises(errors.HostDown):
        await anext(subscription.listen("nobody", tmp_path))
    folder = answer_with(lambda line: (line.recv(9999), line.sendall(wire.frame({"type": "link"}))))
    frames = subscription.listen("far", folder)
    assert await anext(frames) == {"type": "link"}
    with pytest.raises(errors.HostDown):
        await anext(frames)
