"""The stand-alone gateway: stock websockify, the same tickets, the same rules."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection

from kvmweb.core import rfb
from kvmweb.store.models import AuditEntry, Grant, RightsEpoch, Ticket
from tests.e2e.portal import REPOSITORY, free_port
from tests.live.conftest import GUEST, Visitor
from tests.live.synthetic import SERVER_INIT, Worker, heard
from tests.live.test_consoles import KEY, LOOK, closed, shown

Enter = Callable[..., Visitor]


@pytest.fixture
def gateway(server: int, settings: Any, tmp_path: Path) -> Iterator[int]:
    """The command as an operator runs it, over the test's database."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    (folder / "kvmweb.sqlite3").symlink_to(connection.settings_dict["NAME"])
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTEST_VERSION"},
        "KVMWEB_DATA_DIR": str(folder),
        "KVMWEB_RUN_DIR": str(settings.KVMWEB_RUN_DIR),
        "KVMWEB_SECRET_KEY": settings.SECRET_KEY,
        "KVMWEB_PORT": str(server),
        "KVMWEB_PLAIN_HTTP": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "consolegateway", "--listen", f"127.0.0.1:{port}"],
        cwd=REPOSITORY,
        env=environment,
    )
    until = time.monotonic() + 20
    while not is_listening(port):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(10)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def at_gateway(visitor: Visitor, port: int, secret: str, **options: Any) -> ClientConnection:
    """As a page of the portal on the same host name opens it."""
    origin = options.pop("origin", f"http://localhost:{visitor.port}")
    kind = options.pop("kind", "screen")
    return Visitor(visitor.person, port, visitor.client).connect(
        kind, secret, origin=origin, **options
    )


def is_refused(visitor: Visitor, port: int, secret: str, **options: Any) -> bool:
    try:
        at_gateway(visitor, port, secret, **options).close()
    except (WebSocketException, OSError, EOFError):
        return True
    return False


def test_a_console_opens_through_it(visitor: Enter, worker: Worker, gateway: int) -> None:
    li = visitor("li")
    with at_gateway(li, gateway, li.ticket(mode="drive").json()["ticket"]) as viewer:
        assert viewer.subprotocol == "kvmweb.console.v1"
        guest = worker.screen()
        guest.sendall(rfb.VERSION + b"\x01\x01")
        assert shown(viewer, 14) == rfb.VERSION + b"\x01\x01"
        viewer.send(rfb.VERSION + b"\x01\x00")
        assert heard(guest) == rfb.VERSION + b"\x01\x01"
        guest.sendall(SERVER_INIT)
        assert shown(viewer, len(SERVER_INIT)) == SERVER_INIT
        viewer.send(KEY + LOOK)
        assert heard(guest) == KEY + LOOK
    until = time.monotonic() + 10
    while not AuditEntry.objects.filter(verb="console.close").exists():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_who_watches_cannot_type(visitor: Enter, worker: Worker, gateway: int) -> None:
    li = visitor("li")
    with at_gateway(li, gateway, li.ticket(mode="watch").json()["ticket"]) as viewer:
        viewer.send(rfb.VERSION + b"\x01\x00" + KEY + LOOK)
        assert heard(worker.screen()) == rfb.VERSION + b"\x01\x01" + LOOK


def test_tickets_sessions_and_origins_are_checked(visitor: Enter, gateway: int) -> None:
    li, wu = visitor("li"), visitor("wu")
    secret = li.ticket(mode="watch").json()["ticket"]
    assert is_refused(wu, gateway, secret)
    assert is_refused(li, gateway, secret, origin="http://evil.example")
    assert is_refused(li, gateway, secret, kind="serial")
    assert is_refused(li, gateway, "nothing")
    assert Ticket.objects.get().used_at is None
    at_gateway(li, gateway, secret).close()
    assert is_refused(li, gateway, secret)


def test_a_removed_grant_closes_it_within_2_s(visitor: Enter, worker: Worker, gateway: int) -> None:
    li = visitor("li")
    secret = li.ticket("serial", mode="drive").json()["ticket"]
    with at_gateway(li, gateway, secret, kind="serial") as viewer:
        worker.serial().sendall(b"login: ")
        assert shown(viewer, 7) == b"login: "
        time.sleep(0.5)
        Grant.objects.filter(person=li.person, scope=str(GUEST)).delete()
        RightsEpoch.advance()
        began = time.monotonic()
        closed(viewer)
        assert time.monotonic() - began < 2
