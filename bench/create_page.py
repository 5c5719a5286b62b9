"""The page of a new guest: server time, queries and bytes, beside what its host holds.

`python -m bench.create_page [volumes…]` fills a mirror of its own in a folder that it removes: one
host with one pool, every tenth volume an ISO. A page is asked for through the whole ASGI
application in this process. No worker runs: nothing here can ask libvirt anything.
"""

from __future__ import annotations

import os
import sys
import tempfile

from bench.volumes import POOL, heading, measure

ADDRESSES = {
    "from an ISO": "",
    "ISO chosen": f"?source=iso&pool={POOL}&image=disk-00000.iso",
    "existing disk": "?source=import",
    "empty": "?source=empty",
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
                measure(size, name, f"/guests/create/{query}")


def prepare(size: int) -> None:
    """An empty database with one host whose pool has so many volumes, and an administrator."""
    from django.core.management import call_command

    from kvmweb.hub.mirror import Writer
    from tests import mirrors
    from tests.hub import plain

    call_command("migrate", verbosity=0)
    call_command("flush", verbosity=0, interactive=False)
    mirrors.host("one")
    told = [plain.pool(21), plain.network(1)]
    for number in range(size):
        name = f"disk-{number:05d}" + (".iso" if number % 10 == 0 else "")
        told.append(plain.volume(21, name, capacity=2**30 + number))
    writer = Writer("one", "bench")
    writer.open()
    writer.apply([*told, plain.link("up")])
    mirrors.person("ann", ("administrator", "everything"))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 2_000])
