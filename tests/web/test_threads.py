"""Pages are made in threads that last: nothing is opened anew, and who waits holds up no other."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from kvmweb.asgi import application
from kvmweb.web import respond

opened: list[object] = []
gates = {name: threading.Event() for name in ("in", "out")}


@respond.open_door("a page of this test")
def where(_request: HttpRequest) -> HttpResponse:
    connection.ensure_connection()
    opened.append(connection.connection)
    return HttpResponse("there")


@respond.open_door("a page of this test")
def waits(_request: HttpRequest) -> HttpResponse:
    gates["in"].set()
    gates["out"].wait(10)
    return HttpResponse("late")


urlpatterns = [path("where/", where), path("waits/", waits)]


async def get(address: str) -> str:
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": address, "raw_path": address.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"testserver")], "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }  # fmt: skip
    wire = ApplicationCommunicator(application, scope)
    await wire.send_input({"type": "http.request", "body": b""})
    assert (await wire.receive_output(15))["status"] == 200
    body = (await wire.receive_output(15))["body"]
    await wire.wait(15)
    return str(body.decode())


@pytest.fixture(autouse=True)
def _pages(settings: Any, transactional_db: None) -> None:
    settings.ROOT_URLCONF = __name__
    opened.clear()
    for gate in gates.values():
        gate.clear()


def test_pages_find_the_connections_of_earlier_ones_open() -> None:
    async def often() -> None:
        for _ in range(8):
            assert await get("/where/") == "there"

    asyncio.run(often())
    assert len(opened) == 8
    # Not always one: a thread may still be on its way back when the next page comes.
    assert len({id(kept) for kept in opened}) < 8


def test_a_page_that_waits_holds_up_no_other() -> None:
    async def both() -> None:
        late = asyncio.create_task(get("/waits/"))
        assert await asyncio.to_thread(gates["in"].wait, 10)
        assert await get("/where/") == "there"
        assert not late.done()
        gates["out"].set()
        assert await late == "late"

    asyncio.run(both())
