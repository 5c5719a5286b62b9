"""The guest list: server time of a page of 100 rows, its queries and its bytes.

`python -m bench.guest_list [sizes…]` fills a mirror of its own in a folder that it removes.
A page is asked for through the whole ASGI application in this process: middleware, session, guard,
templates. "changing": the mirror's revision advances before each page, so that no count is kept.
"CPU ms": of the process for one page; what is left of the time when others use the machine too.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from typing import Any

ROUNDS = 40
ADDRESSES = {
    "first page": "/guests/",
    "last page": "/guests/?page={last}",
    "by CPU use": "/guests/?sort=-cpu",
    "search": "/guests/?q=guest-0001",
}


def main(sizes: list[int]) -> None:
    """Print one line for each size and kind of page."""
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder:
        os.environ.update(
            KVMWEB_DATA_DIR=folder, KVMWEB_PLAIN_HTTP="1", KVMWEB_EMBEDDED_HUB="0",
            DJANGO_SETTINGS_MODULE="kvmweb.settings",
        )  # fmt: skip
        import django

        django.setup()
        print(f"{'guests':>7} {'page':<12} {'median ms':>9} {'p95 ms':>7} {'changing':>9} "
              f"{'CPU ms':>7} {'queries':>7} {'bytes':>7}")  # fmt: skip
        for size in sizes:
            prepare(size)
            for name, address in ADDRESSES.items():
                measure(size, name, address.format(last=-(-size // 100)))


def prepare(size: int) -> None:
    """An empty database with so many guests on two hosts, and an administrator."""
    from django.core.management import call_command

    from tests import mirrors

    call_command("migrate", verbosity=0)
    call_command("flush", verbosity=0, interactive=False)
    mirrors.host("one")
    mirrors.host("two")
    mirrors.fill(size, ("one", "two"))
    mirrors.person("ann", ("administrator", "everything"))


def measure(size: int, name: str, address: str) -> None:
    """One kind of page."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from kvmweb.inventory.models import Revision
    from kvmweb.store.models import Person

    client = Client()
    client.force_login(Person.objects.get(username="ann"))
    cookies = "; ".join(f"{key}={value.value}" for key, value in client.cookies.items())
    for _round in range(3):
        size_bytes = asyncio.run(timed(address, cookies))[1]
    began = time.process_time()
    still = sorted(asyncio.run(timed(address, cookies))[0] for _round in range(ROUNDS))
    cpu = (time.process_time() - began) * 1000 / ROUNDS
    changing = []
    for _round in range(ROUNDS // 2):
        Revision.advance()
        changing.append(asyncio.run(timed(address, cookies))[0])
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    middle, moved = statistics.median(still), statistics.median(changing)
    print(f"{size:>7} {name:<12} {middle:>9.1f} {still[-3]:>7.1f} {moved:>9.1f} {cpu:>7.1f} "
          f"{len(queries):>7} {size_bytes:>7}")  # fmt: skip


async def timed(address: str, cookies: str) -> tuple[float, int]:
    """Milliseconds and bytes of one GET through the application."""
    from kvmweb.asgi import application

    path, _, query = address.partition("?")
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"localhost"), (b"cookie", cookies.encode())],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    began = time.perf_counter()
    await application(scope, receive, send)
    spent = (time.perf_counter() - began) * 1000
    if sent[0]["status"] != 200:
        raise SystemExit(f"{address} answered {sent[0]['status']}")
    return spent, sum(len(message.get("body", b"")) for message in sent)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000])
