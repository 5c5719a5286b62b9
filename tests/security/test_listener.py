"""What a stranger can make the server hold: nothing without a limit, and nothing for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from django.conf import settings as configured

from kvmweb.management import listener
from kvmweb.management.listener import Listener
from kvmweb.web import bodies
from tests.e2e.portal import free_port

LIMIT = configured.DATA_UPLOAD_MAX_MEMORY_SIZE
HEAD = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def portal(transactional_db: None, settings: Any) -> Iterator[int]:
    """The application behind the server's own listener."""
    settings.KVMWEB_EMBEDDED_HUB = False
    from kvmweb.asgi import application

    port = free_port()
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, http=Listener, log_level="error", lifespan="on"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield port
    running.should_exit = True
    thread.join(15)


@pytest.fixture
def say(portal: int) -> Callable[..., bytes]:
    def talk(*parts: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", portal), timeout=10) as line:
            try:
                for part in parts:
                    line.sendall(part)
                return line.recv(100)
            except ConnectionError:
                return b""

    return talk


def test_a_body_that_names_too_large_a_length_is_refused_before_it_comes(
    say: Callable[..., bytes],
) -> None:
    assert b" 413 " in say(HEAD + b"Content-Length: %d\r\n\r\n" % (LIMIT + 1))


def test_a_body_without_length_is_cut_off_at_the_limit(portal: int) -> None:
    piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", portal), timeout=10) as line:
        line.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            while sent < 20 * LIMIT:
                line.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
    assert sent < 20 * LIMIT


def test_a_body_within_the_limit_is_taken(say: Callable[..., bytes]) -> None:
    body = b"login=" + b"a" * 100_000
    head = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    assert b" 403 " in say(head, body)  # without a CSRF token: Django has read it


def test_a_body_that_trickles_is_ended(
    say: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "WHOLE_S", 0.2)
    assert b" 408 " in say(HEAD + b"Content-Length: 100\r\n\r\n", b"login=")


@pytest.mark.parametrize("line", [b"X-A: " + b"a" * 4096 + b"\r\n", b"X-A: 1\r\n"])
def test_a_head_without_end_is_refused(say: Callable[..., bytes], line: bytes) -> None:
    began = time.monotonic()
    answer = say(HEAD, *[line * (400_000 // len(line))] * 5)
    assert b" 400 " in answer or not answer
    assert time.monotonic() - began < 2


def test_who_never_finishes_a_head_is_put_out(portal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEAD_S", 0.2)
    for begun in (b"", b"GET / HT"):
        with socket.create_connection(("127.0.0.1", portal), timeout=5) as line:
            line.sendall(begun)
            with contextlib.suppress(ConnectionResetError):
                assert line.recv(1) == b""


def test_who_was_answered_may_ask_again_on_the_same_line(
    portal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_S", 0.2)
    with socket.create_connection(("127.0.0.1", portal), timeout=5) as line:
        for _ in range(3):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while b"alive" not in answer:
                answer += line.recv(65536)
            time.sleep(0.3)
