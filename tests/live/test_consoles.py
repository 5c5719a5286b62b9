"""Consoles over a real server: who gets in, what passes, who drives, and when it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from kvmweb.core import rfb
from kvmweb.live import consoles_relay
from kvmweb.store.models import AuditEntry, Seat, Ticket
from tests.live.conftest import GUEST, OTHER, Visitor
from tests.live.synthetic import SERVER_INIT, Worker, heard

Enter = Callable[..., Visitor]
KEY = b"\x04\x01\x00\x00\x00\x00\x00\x61"
LOOK = b"\x03\x01" + bytes(8)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def shown(socket: ClientConnection, size: int) -> bytes:
    """So many bytes of the console; what is said about it meanwhile is kept for `told`."""
    found = b""
    while len(found) < size:
        part = socket.recv(timeout=5)
        if isinstance(part, bytes):
            found += part
        else:
            vars(socket).setdefault("kept", []).append(part)
    return found


def told(socket: ClientConnection, **wanted: Any) -> dict[str, Any]:
    """The next control message that says this."""
    until = time.monotonic() + 5
    kept = vars(socket).setdefault("kept", [])
    while time.monotonic() < until:
        part = kept.pop(0) if kept else socket.recv(timeout=5)
        if isinstance(part, str):
            message: dict[str, Any] = json.loads(part)
            if wanted.items() <= message.items():
                return message
    raise AssertionError(f"never told {wanted}")


def drain(socket: ClientConnection, until: float) -> None:
    while True:
        socket.recv(timeout=max(0.01, until - time.monotonic()))


def closed(socket: ClientConnection, within: float = 5) -> tuple[int, str]:
    """Why it was closed."""
    with pytest.raises(ConnectionClosed) as end:
        drain(socket, time.monotonic() + within)
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


def screen(
    visitor: Visitor, worker: Worker, number: int, mode: str = "drive", **options: Any
) -> ClientConnection:
    """An open screen past its handshake."""
    socket = visitor.open("screen", mode, **options)
    guest = worker.screen(number)
    guest.sendall(b"RFB 003.008\n")
    assert shown(socket, 12) == b"RFB 003.008\n"
    socket.send(rfb.VERSION)
    guest.sendall(b"\x02\x02\x01")
    assert shown(socket, 2) == b"\x01\x01"
    socket.send(b"\x01")
    guest.sendall(bytes(4))
    assert shown(socket, 4) == bytes(4)
    socket.send(b"\x00")
    assert heard(guest) == rfb.VERSION + b"\x01" + b"\x01"
    guest.sendall(SERVER_INIT)
    assert shown(socket, len(SERVER_INIT)) == SERVER_INIT
    return socket


def test_who_drives_sees_and_types(visitor: Enter, worker: Worker) -> None:
    with screen(visitor("li"), worker, 0) as socket:
        told(socket, drives=True)
        socket.send(KEY + LOOK)
        assert heard(worker.screen()) == KEY + LOOK


def test_who_only_watches_cannot_type(visitor: Enter, worker: Worker) -> None:
    with screen(visitor("li"), worker, 0, "watch") as socket:
        assert told(socket, type="seats")["drives"] is False
        socket.send(KEY + LOOK)
        assert heard(worker.screen()) == LOOK


def test_the_right_to_watch_gives_no_ticket_to_drive(visitor: Enter) -> None:
    from kvmweb.store.models import CustomRole

    CustomRole.objects.create(key="watcher", label="Watcher", verbs=["guest.view", "console.watch"])
    li = visitor("li", "watcher")
    assert li.ticket(mode="watch").status_code == 200
    assert li.ticket(mode="drive").status_code == 403


@pytest.mark.parametrize(("scope", "status"), [(str(GUEST), 403), (str(OTHER), 404)])
def test_without_the_right_there_is_no_ticket(visitor: Enter, scope: str, status: int) -> None:
    answer = visitor("li", "viewer", scope).ticket(mode="watch")
    assert answer.status_code == status
    assert "ticket" not in answer.json()
    assert Ticket.objects.count() == 0


def test_a_ticket_is_stored_hashed_and_lasts_30_seconds(visitor: Enter) -> None:
    secret = visitor("li").ticket(mode="watch").json()["ticket"]
    row = Ticket.objects.get()
    assert len(secret) >= 43
    assert secret not in json.dumps([str(value) for value in vars(row).values()])
    assert timedelta(seconds=25) < row.expires_at - timezone.now() <= timedelta(seconds=30)


def refused(visitor: Visitor, secret: str, **options: Any) -> bool:
    try:
        visitor.connect(options.pop("kind", "screen"), secret, **options).close()
    except InvalidStatus as error:
        return error.response.status_code == 403
    return False


def test_a_ticket_works_once(visitor: Enter, worker: Worker) -> None:
    li = visitor("li")
    secret = li.ticket(mode="watch").json()["ticket"]
    li.connect("screen", secret).close()
    assert refused(li, secret)


def test_a_ticket_of_another_is_refused_and_stays_good(visitor: Enter, worker: Worker) -> None:
    li, wu = visitor("li"), visitor("wu")
    secret = li.ticket(mode="watch").json()["ticket"]
    assert refused(wu, secret)
    assert refused(li, secret, kind="serial")
    assert refused(li, secret[:-1] + "x")
    assert refused(li, "")
    li.connect("screen", secret).close()


def test_a_ticket_of_another_session_or_guest_is_refused(visitor: Enter) -> None:
    li = visitor("li", "operator", "host:lab")
    secret = li.ticket(mode="watch").json()["ticket"]
    assert refused(li, secret, ref=OTHER)
    again = Visitor(li.person, li.port)
    again.client.force_login(li.person)
    assert refused(again, secret)


def test_an_old_ticket_is_refused(visitor: Enter) -> None:
    li = visitor("li")
    secret = li.ticket(mode="watch").json()["ticket"]
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(li, secret)


@pytest.mark.parametrize(
    "origin",
    ["https://localhost:{port}", "http://localhost:1", "http://evil.example", "null",
     "http://localhost:{port}.evil.example", "http://localhost"],
)  # fmt: skip
def test_a_foreign_origin_is_refused_before_accept(visitor: Enter, origin: str) -> None:
    li = visitor("li")
    secret = li.ticket(mode="watch").json()["ticket"]
    assert refused(li, secret, origin=origin.format(port=li.port))
    assert Ticket.objects.get().used_at is None


def test_nobody_gets_in_without_a_session(visitor: Enter) -> None:
    li = visitor("li")
    secret = li.ticket(mode="watch").json()["ticket"]
    li.client.cookies.clear()
    assert refused(li, secret)


def test_the_first_drives_hands_over_and_gets_it_back(visitor: Enter, worker: Worker) -> None:
    with screen(visitor("li"), worker, 0) as li, screen(visitor("wu"), worker, 1) as wu:
        assert told(li, drives=True)["me"]
        seat = told(wu, drives=False)["me"]
        wu.send(KEY)
        assert heard(worker.screen(1)) == b""
        wu.send(json.dumps({"type": "ask"}))
        while not any(one["asks"] for one in told(li, type="seats")["seats"]):
            pass
        li.send(KEY)
        li.send(json.dumps({"type": "hand-over", "seat": seat}))
        told(wu, drives=True)
        told(li, drives=False)
        wu.send(KEY)
        assert heard(worker.screen(1)) == KEY
        li.send(KEY)
        assert heard(worker.screen(0)) == KEY + b"\x04\x00" + KEY[2:]
        wu.close()
        told(li, drives=True)


def test_only_the_entitled_take_over(visitor: Enter, worker: Worker) -> None:
    with (
        screen(visitor("li"), worker, 0) as li,
        screen(visitor("wu"), worker, 1) as wu,
        screen(visitor("boss", "administrator", "everything"), worker, 2) as boss,
    ):
        told(li, drives=True)
        wu.send(json.dumps({"type": "take-over"}))
        assert told(wu, type="problem")["problem"] == "denied"
        wu.send(json.dumps({"type": "take"}))
        assert told(wu, type="problem")["problem"] == "busy"
        boss.send(json.dumps({"type": "take-over"}))
        told(boss, drives=True)
        told(li, drives=False)
    assert AuditEntry.objects.filter(verb="console.takeover", outcome="ok").count() == 1


def test_a_guest_that_stops_is_said_in_words(visitor: Enter, worker: Worker) -> None:
    from kvmweb.inventory import models as mirror

    li = visitor("li")
    with screen(li, worker, 0) as socket:
        mirror.Guest.objects.filter(uuid=GUEST.id).update(state="shut-off")
        worker.screen().close()
        assert closed(socket) == (4409, "shut-off")
    answer = li.ticket(mode="watch")
    assert (answer.status_code, answer.json()["state"]) == (409, "shut-off")


def test_opening_and_closing_are_audited(visitor: Enter, worker: Worker) -> None:
    with screen(visitor("li"), worker, 0) as socket:
        socket.send(LOOK)
    deadline = time.monotonic() + 5
    while not AuditEntry.objects.filter(verb="console.close").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    opened = AuditEntry.objects.get(verb="console.open")
    ended = AuditEntry.objects.get(verb="console.close")
    assert (opened.outcome, opened.detail["kind"], opened.ref) == ("ok", "screen", str(GUEST))
    assert ended.detail["bytes_shown"] >= len(SERVER_INIT)
    assert ended.detail["why"] == "left"
    assert Seat.objects.count() == 0


def test_the_ninth_viewer_is_turned_away(visitor: Enter, worker: Worker) -> None:
    li = visitor("li")
    sockets = [screen(li, worker, number, "watch") for number in range(8)]
    assert li.ticket(mode="watch").status_code == 409
    for socket in sockets:
        socket.send(LOOK)
        socket.close()


def test_serial_is_typed_by_the_driver_alone_and_calmed(visitor: Enter, worker: Worker) -> None:
    li, wu = visitor("li"), visitor("wu")
    with li.open("serial") as first:
        told(first, drives=True)
        with wu.open("serial") as second:
            told(second, drives=False)
            worker.serial(0).sendall(b"login: \x1b[2147483647b")
            assert shown(first, 15) == b"login: \x1b[10000b"
            second.send(b"rm -rf /\n")
            first.send(b"root\n")
            assert heard(worker.serial(0)) == b"root\n"
            assert heard(worker.serial(1)) == b""


def test_a_terminal_that_draws_slowly_gets_no_more_until_it_has(
    visitor: Enter, worker: Worker
) -> None:
    with visitor("li").open("serial") as socket:
        worker.serial().settimeout(0.5)
        with pytest.raises(TimeoutError):
            worker.serial().sendall(b"x" * 8 * 2**20)
        got = len(shown(socket, 2**20))
        assert got < 1.5 * 2**20
        socket.send(json.dumps({"type": "ack", "bytes": got}))
        assert shown(socket, 65536)


def flooded(guest: Any) -> tuple[int, OSError]:
    """Bytes that went before it was refused, and how."""
    sent = 0
    try:
        while True:
            sent += guest.send(b"\x5a" * 65536)
    except OSError as refusal:
        return sent, refusal


def test_a_viewer_that_takes_nothing_is_bounded_and_cut_off(
    visitor: Enter, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles_relay, "STALL_S", 2)
    with screen(visitor("li"), worker, 0, max_queue=1):
        guest, began = worker.screen(), time.monotonic()
        guest.settimeout(0.5)
        sent, refusal = flooded(guest)
        assert isinstance(refusal, TimeoutError)
        assert sent < 12 * 2**20  # most of it in the kernel's buffers of a loopback connection
        guest.settimeout(8)
        assert isinstance(flooded(guest)[1], BrokenPipeError | ConnectionResetError)
        assert time.monotonic() - began < 6


def test_both_ways_to_a_viewer_write_the_same_frames(visitor: Enter, worker: Worker) -> None:
    with visitor("li").open("serial") as socket:
        for size in (1, 125, 126, 65535, 65536, 200_000):
            worker.serial().sendall(b"x" * size)
            assert shown(socket, size) == b"x" * size
            socket.send(json.dumps({"type": "ack", "bytes": size}))
