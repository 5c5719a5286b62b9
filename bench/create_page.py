"""The page of a new guest, beside what its host holds: `python -m bench.create_page [volumes…]`.

Every tenth volume of the one pool is an ISO.
"""

from __future__ import annotations

import sys

from bench import pages
from bench.volumes import POOL


def main(sizes: list[int]) -> None:
    """Print one line for each size and kind of page."""
    pages.table("volumes", sizes, prepare, addresses)


def addresses(_size: int) -> dict[str, str]:
    """Kinds of pages."""
    start = "/guests/create/"
    return {
        "from an ISO": start,
        "ISO chosen": f"{start}?source=iso&pool={POOL}&image=disk-00000.iso",
        "existing disk": f"{start}?source=import",
        "empty": f"{start}?source=empty",
    }


def prepare(size: int) -> None:
    """One host whose pool has so many volumes, and an administrator."""
    from tests.hub import plain

    told = [plain.pool(21), plain.network(1)]
    for number in range(size):
        name = f"disk-{number:05d}" + (".iso" if number % 10 == 0 else "")
        told.append(plain.volume(21, name, capacity=2**30 + number))
    pages.fill(*told)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 2_000])
