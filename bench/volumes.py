"""A pool's page: server time of 100 of its volumes, its queries and its bytes.

`python -m bench.volumes [sizes…]` fills a mirror of its own in a folder that it removes: one pool,
every third volume a guest's disk, every tenth on a base. A page is asked for through the whole ASGI
application in this process. No worker runs: nothing here can ask libvirt anything.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time

from bench.guest_list import timed

ROUNDS = 40
POOL = "00000000-0000-4000-8000-000000000021"
ADDRESSES = {
    "first page": "",
    "last page": "?page={last}",
    "by size": "?sort=-capacity",
    "unused": "?use=unused",
    "search": "?q=disk-0001",
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
        heading()
        for size in sizes:
            prepare(size)
            for name, query in ADDRESSES.items():
                address = f"/storage/one/{POOL}/{query.format(last=-(-size // 100))}"
                measure(size, name, address)


def heading() -> None:
    """Above the lines."""
    print(f"{'volumes':>7} {'page':<13} {'median ms':>9} {'p95 ms':>7} {'CPU ms':>7} "
          f"{'queries':>7} {'bytes':>7}")  # fmt: skip


def prepare(size: int) -> None:
    """An empty database with one pool of so many volumes, and an administrator."""
    from django.core.management import call_command

    from kvmweb.core.records import DiskRecord
    from kvmweb.hub.mirror import Writer
    from tests import mirrors
    from tests.hub import plain

    call_command("migrate", verbosity=0)
    call_command("flush", verbosity=0, interactive=False)
    mirrors.host("one")
    told = [plain.pool(21)]
    for number in range(size):
        base = "/images/disk-00000" if number % 10 == 1 else ""
        facts = {"backing": base, "backing_path": base, "capacity": 2**30 + number}
        told.append(plain.volume(21, f"disk-{number:05d}", **facts))
        if number % 3 == 0:
            disk = DiskRecord("vda", "virtio", "disk", f"/images/disk-{number:05d}", "qcow2")
            told.append(plain.guest(1000 + number, disks=(disk,)))
    writer = Writer("one", "bench")
    writer.open()
    writer.apply([*told, plain.link("up")])
    mirrors.person("ann", ("administrator", "everything"))


def measure(size: int, name: str, address: str) -> None:
    """One kind of page."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from kvmweb.store.models import Person

    client = Client()
    client.force_login(Person.objects.get(username="ann"))
    cookies = "; ".join(f"{key}={value.value}" for key, value in client.cookies.items())
    for _round in range(3):
        size_bytes = asyncio.run(timed(address, cookies))[1]
    began = time.process_time()
    spent = sorted(asyncio.run(timed(address, cookies))[0] for _round in range(ROUNDS))
    cpu = (time.process_time() - began) * 1000 / ROUNDS
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    middle = statistics.median(spent)
    print(f"{size:>7} {name:<13} {middle:>9.1f} {spent[-3]:>7.1f} {cpu:>7.1f} {len(queries):>7} "
          f"{size_bytes:>7}")  # fmt: skip


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 2_000])
