"""A browser that does not read its page's socket costs nobody anything, and is let go."""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.inventory.models import Guest, Revision
from kvmweb.live import pages, rights_watch
from kvmweb.live.guest_list import GuestListRegion
from kvmweb.live.regions import Picture
from kvmweb.store.models import Grant
from tests import mirrors
from tests.live.conftest import Visitor

ADDRESS = "/live/?page=%2Fguests%2F&rev=0"
LET_GO_S = 4.0


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the list was rendered for each person."""
    seen: Counter[str] = Counter()
    look = GuestListRegion.look

    def counted(self: GuestListRegion, actor: Actor) -> Picture:
        seen[actor.name] += 1
        return look(self, actor)

    monkeypatch.setattr(GuestListRegion, "look", counted)
    monkeypatch.setattr(pages, "GATHER_S", 0.0)
    monkeypatch.setattr(pages, "HELLO_S", 0.0)
    monkeypatch.setattr(pages, "SEND_S", LET_GO_S)
    return seen


def open_without_reading(visitor: Visitor) -> socket.socket:
    """A page's socket as a browser opens it that then takes nothing more."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("localhost", visitor.port))
    lines = [
        f"GET {ADDRESS} HTTP/1.1", f"Host: localhost:{visitor.port}", "Upgrade: websocket",
        "Connection: Upgrade", f"Origin: http://localhost:{visitor.port}",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13", f"Cookie: {visitor.cookie}", "", "",
    ]  # fmt: skip
    line.sendall("\r\n".join(lines).encode())
    assert line.recv(12) == b"HTTP/1.1 101"
    return line


@pytest.fixture
def read(visitor: Callable[..., Visitor]) -> Iterator[Callable[[Visitor], list[float]]]:
    """`read(person)`: opens the list and reads all of it; the moments at which frames came."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def start(person: Visitor) -> list[float]:
        moments: list[float] = []
        wire = connect(
            f"ws://localhost:{person.port}{ADDRESS}",
            origin=f"http://localhost:{person.port}",  # type: ignore[arg-type]
            additional_headers={"Cookie": person.cookie},
            max_size=None,
        )

        def follow() -> None:
            with wire:
                while not ended.is_set():
                    try:
                        wire.recv(timeout=0.2)
                        moments.append(time.monotonic())
                    except TimeoutError:
                        continue
                    except ConnectionClosed:
                        return

        threads.append(threading.Thread(target=follow))
        threads[-1].start()
        return moments

    yield start
    ended.set()
    for thread in threads:
        thread.join(5)


def change_everything(number: int) -> None:
    """Every row of the page looks different: 60 KB for each reader."""
    rev = Revision.advance()
    Guest.objects.update(title=f"version {number} {'x' * 200}", digest=f"{number:064}", rev=rev)
    publisher.publish(Notice(topics.GUESTS, "", rev))


def test_who_does_not_read_is_rendered_nothing_more_and_then_let_go(
    visitor: Callable[..., Visitor], read: Callable[[Visitor], list[float]], looks: Counter[str]
) -> None:
    mirrors.fill(100, ("lab",))
    swift = visitor("swift", "viewer", Grant.EVERYTHING)
    slow = visitor("slow", "viewer", Grant.EVERYTHING)
    moments = read(swift)
    with open_without_reading(slow):
        number, looked_at, held_up_s = 0, time.monotonic(), 0.0
        deadline = looked_at + 90
        while holders() != {"swift"}:
            assert time.monotonic() < deadline, looks
            number, before, began = number + 1, looks["slow"], time.monotonic()
            change_everything(number)
            while not moments or moments[-1] < began:
                assert time.monotonic() < began + 5, "who reads waits for who does not"
                time.sleep(0.005)
            held_up_s = max(held_up_s, moments[-1] - began)
            if looks["slow"] != before:
                looked_at = time.monotonic()
    assert time.monotonic() - looked_at > LET_GO_S - 1, "it was closed before it was full"
    assert looks["swift"] > looks["slow"] + 10, looks
    assert held_up_s < 3


def holders() -> set[str]:
    """Whose pages the server holds open."""
    watches: Any = rights_watch._watches
    return {holder.actor.name for watch in watches.values() for holder in watch._holders}
