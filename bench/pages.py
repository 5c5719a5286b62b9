"""A page's server time, its queries and its bytes, over mirrors of several sizes.

The mirror is filled in a folder that is removed, and the page asked for through the whole ASGI
application in this process. No worker runs: nothing here can ask libvirt anything.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from bench.guest_list import timed

ROUNDS = 40


def table(
    counted: str,
    sizes: list[int],
    prepare: Callable[[int], None],
    addresses: Callable[[int], Mapping[str, str]],
) -> None:
    """One line for each size and page. prepare: an empty database, filled to a size, and `ann`."""
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder:
        os.environ.update(
            KVMWEB_DATA_DIR=folder, KVMWEB_PLAIN_HTTP="1", KVMWEB_EMBEDDED_HUB="0",
            DJANGO_SETTINGS_MODULE="kvmweb.settings",
        )  # fmt: skip
        import django
        from django.core.management import call_command

        django.setup()
        print(f"{counted:>7} {'page':<13} {'median ms':>9} {'p95 ms':>7} {'CPU ms':>7} "
              f"{'queries':>7} {'bytes':>7}")  # fmt: skip
        for size in sizes:
            call_command("migrate", verbosity=0)
            call_command("flush", verbosity=0, interactive=False)
            prepare(size)
            for name, address in addresses(size).items():
                _measure(size, name, address)


def fill(*told: Any) -> None:
    """A host `one` of which this is told, and the administrator `ann`."""
    from kvmweb.hub.mirror import Writer
    from tests import mirrors
    from tests.hub import plain

    mirrors.host("one")
    writer = Writer("one", "bench")
    writer.open()
    writer.apply([*told, plain.link("up")])
    mirrors.person("ann", ("administrator", "everything"))


def _measure(size: int, name: str, address: str) -> None:
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
