"""Page sockets against a hostile browser: origins, messages, numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.test import Client

from kvmweb.asgi import application
from kvmweb.live import pages, rights_watch
from kvmweb.live.entrance import is_own_origin
from tests import mirrors
from tests.live.pages import Socket
from tests.live.test_pages import ann as ann
from tests.live.test_pages import there

pytestmark = pytest.mark.django_db(transaction=True)
FOREIGN = [
    b"http://localhost:9090",
    b"https://localhost",
    b"https://localhost:9091",
    b"https://127.0.0.1:9090",
    b"https://evil.example",
    b"https://localhost:9090.evil.example",
    b"https://evil@localhost:9090",
    b"https://localhost:9090/",
    b"//localhost:9090",
    b"https://[",
    b"https://[::1",
    b"null",
    b"",
    b"\xff\xfe",
]


def shown(*headers: tuple[bytes, bytes]) -> bool:
    return is_own_origin({"scheme": "wss", "headers": list(headers)})


HOST = (b"host", b"localhost:9090")
OWN = (b"origin", b"https://localhost:9090")


def test_only_the_same_scheme_host_and_port_is_ones_own_origin() -> None:
    assert shown(HOST, OWN)
    assert shown(HOST, (b"origin", b"https://LocalHost:9090"))
    assert not [origin for origin in FOREIGN if shown(HOST, (b"origin", origin))]


def test_no_origin_or_more_than_one_is_foreign() -> None:
    assert not shown(HOST)
    assert not shown(HOST, (b"origin", b"https://evil.example"), OWN)
    assert not shown(HOST, OWN, (b"origin", b"https://evil.example"))


def test_a_second_host_header_does_not_make_an_origin_ones_own() -> None:
    evil = ((b"host", b"evil.example"), (b"origin", b"https://evil.example"))
    assert not shown(HOST, *evil)
    assert not shown(HOST, OWN, (b"host", b"evil.example"))


def test_a_forwarded_host_is_not_believed() -> None:
    evil = b"evil.example"
    assert not shown(HOST, (b"x-forwarded-host", evil), (b"origin", b"https://" + evil))


MALFORMED = [
    '{"page":"/","rev":1e999}',
    '{"page":"//[","rev":1}',
    '{"page":"/guests/?' + "a&" * 1500 + '","rev":0}',
    "[" * 100_000,
    '{"page":"/","rev":{}}',
    '{"page":"/","rev":0,"have":{"rows":5}}',
    "null",
]


@pytest.fixture
async def quiet() -> AsyncIterator[None]:
    """Nobody is left over at the end."""
    yield
    for _ in range(100):
        if not rights_watch.watch()._holders:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("a socket was left behind")


@pytest.mark.parametrize("message", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_message_closes_its_socket_and_leaves_nothing_behind(
    message: str, ann: Client, quiet: None
) -> None:
    socket = await Socket(ann, "/hosts/").open()
    await socket.wire.send_to(text_data=message)
    with pytest.raises(ConnectionError, match="4400"):
        await socket.frames(quiet_s=5)
    await socket.wire.disconnect()


@pytest.mark.parametrize("address", ["//[", "/guests/?" + "a&" * 1500])
async def test_an_address_that_is_none_is_refused_before_accept(
    address: str, ann: Client, quiet: None
) -> None:
    socket = Socket(ann, address)
    assert await socket.wire.connect(timeout=5) == (False, 4400)


async def test_a_fault_in_a_socket_leaves_nothing_behind(
    ann: Client, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await Socket(ann, "/hosts/").open()

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "_hello", fail)
    await socket.wire.send_to(text_data=json.dumps({"page": "/", "rev": 0}))
    with pytest.raises(ZeroDivisionError):
        await socket.wire.wait(timeout=5)


async def test_one_person_opens_only_so_many_pages_and_others_are_not_touched(
    ann: Client, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PER_PERSON", 3)
    first = [await Socket(ann, "/hosts/").open() for _ in range(3)]
    assert await Socket(ann, "/hosts/").wire.connect(timeout=5) == (False, 4429)

    def another() -> Client:
        client = Client()
        client.force_login(mirrors.person("bo", ("viewer", "everything")))
        return client

    bo = await Socket(await there(another), "/hosts/").open()
    await first.pop().wire.disconnect()
    again = await Socket(ann, "/hosts/").open()
    for socket in (*first, bo, again):
        await socket.wire.disconnect()


async def test_a_stranger_gets_no_socket_at_all(ann: Client) -> None:
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
    for path in (
        "/live/?page=%2F",
        "/consoles/lab/5c1e0000-0000-4000-8000-000000000001/screen/socket/",
    ):
        wire = WebsocketCommunicator(application, path, headers=headers)
        assert await wire.connect(timeout=5) == (False, 4401)
