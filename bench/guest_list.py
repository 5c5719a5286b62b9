"""The guest list: server time of a page of 100 rows, its queries and its bytes.

`python -m bench.guest_list [sizes…]`. Hosts of libvirt's test driver, generated with 1,000 guests
each, are mirrored by a portal with a worker for each of them. Then portal and workers are killed,
so that a page cannot cost a libvirt call, and pages are asked for through the whole ASGI
application in this process: middleware, session, guard, templates, packed as for a browser.
"changing": the mirror's revision advances before each page, so that no count is kept.
"CPU": of the process for one page; what is left of the time when others use the machine too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from bench import figures
from tests.e2e.portal import Portal

ROUNDS = 100
PER_HOST = 1_000
FILL_S = 90
MEDIAN_MS, GROWTH, BYTES, QUERIES = 15, 1.5, 60_000, 11
ADDRESSES = {
    "first page": "/guests/",
    "last page": "/guests/?page={last}",
    "by CPU use": "/guests/?sort=-cpu",
    "by address": "/guests/?sort=address",
    "running": "/guests/?state=running",
    "search": "/guests/?q=guest-0-001",
    "search, all found": "/guests/?q=machine",
}


class Measured(NamedTuple):
    """One kind of page."""

    median: float
    p95: float
    changing: float
    cpu: float
    queries: int
    size: int
    packed: int


def main(sizes: list[int]) -> None:
    """Print one table for each size."""
    most = float(MEDIAN_MS)
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder:
            pid = os.fork()  # a process for each, as each has a database and caches of its own
            if pid == 0:
                table(Path(folder), size, most)
                os._exit(0)
            if os.waitpid(pid, 0)[1]:
                raise SystemExit(f"not measured: {size} guests")
        most = MEDIAN_MS * GROWTH


def table(folder: Path, size: int, most: float) -> None:
    """Mirror so many guests, then measure."""
    os.environ.update(
        KVMWEB_DATA_DIR=str(folder), KVMWEB_PLAIN_HTTP="1", KVMWEB_EMBEDDED_HUB="0",
        DJANGO_SETTINGS_MODULE="kvmweb.settings",
    )  # fmt: skip
    import django

    django.setup()
    (folder / "static").mkdir()  # where `serve` collects them; else Django wonders
    logging.disable(logging.WARNING)
    from kvmweb import asgi

    asgi._settle()  # as its lifespan does
    took = mirrored(folder, size)
    figures.heading(f"{size} guests on {-(-size // PER_HOST)} hosts, mirrored in {took:.0f} s")
    cookies = signed_in()
    for name, address in ADDRESSES.items():
        it = measure(address.format(last=-(-size // 100)), cookies)
        figures.show(f"{name}: median", it.median, "ms", most=most)
        figures.note(f"p95 {it.p95:.1f}, changing {it.changing:.1f}, CPU {it.cpu:.1f} ms; "
                     f"{it.queries} queries; {it.size} bytes, packed {it.packed}")  # fmt: skip
        if name == "first page":
            figures.show("bytes, 100 rows", it.size, most=BYTES)
            figures.show("SQL queries", it.queries, most=QUERIES)
            figures.show("libvirt calls", int("libvirt" in sys.modules), most=0)


def mirrored(folder: Path, size: int) -> float:
    """Let a portal mirror its hosts, and end it. Returns the seconds that it took."""
    from django.core.management import call_command

    from kvmweb.inventory.models import Guest
    from kvmweb.store.models import Host
    from tests import mirrors

    call_command("migrate", verbosity=0)
    mirrors.person("ann", ("administrator", "everything"))
    for number in range(-(-size // PER_HOST)):
        path = folder / f"host{number}.xml"
        uri = figures.host_file(path, min(size, PER_HOST), prefix=f"guest-{number}")
        Host.objects.create(key=f"host{number}", name=f"host{number}", uri=uri)
    portal = Portal(folder).start()
    began = time.monotonic()
    try:
        while Guest.objects.exclude(cpu=None).count() < size // 2:
            if time.monotonic() - began > FILL_S:
                raise SystemExit(f"only {Guest.objects.count()} guests after {FILL_S} s")
            time.sleep(0.2)
    finally:
        portal.kill()
    return time.monotonic() - began


def signed_in() -> str:
    """The cookies of an administrator."""
    from django.test import Client

    from kvmweb.store.models import Person

    client = Client()
    client.force_login(Person.objects.get(username="ann"))
    return "; ".join(f"{key}={value.value}" for key, value in client.cookies.items())


def measure(address: str, cookies: str) -> Measured:
    """One kind of page."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from kvmweb.inventory.models import Revision

    async def times(rounds: int, *, is_changing: bool = False) -> list[float]:
        found = []
        for _round in range(rounds):
            if is_changing:
                await asyncio.to_thread(Revision.advance)
            found.append((await timed(address, cookies))[0])
        return sorted(found)

    asyncio.run(times(5))
    began = time.process_time()
    still = asyncio.run(times(ROUNDS))
    cpu = (time.process_time() - began) * 1000 / ROUNDS
    changing = asyncio.run(times(ROUNDS // 4, is_changing=True))
    client = Client(headers={"cookie": cookies})
    with CaptureQueriesContext(connection) as queries:
        page = client.get(address)
    packed = asyncio.run(timed(address, cookies))[1]
    return Measured(
        statistics.median(still), still[int(ROUNDS * 0.95) - 1], statistics.median(changing), cpu,
        len(queries), len(page.content), packed,
    )  # fmt: skip


async def timed(address: str, cookies: str) -> tuple[float, int]:
    """Milliseconds and bytes of one GET through the application."""
    from kvmweb.asgi import application

    path, _, query = address.partition("?")
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [
            (b"host", b"localhost"), (b"cookie", cookies.encode()), (b"accept-encoding", b"gzip"),
        ],
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
