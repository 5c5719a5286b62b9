"""A pool's page with 100 of its volumes: `python -m bench.volumes [sizes…]`.

Every third volume is a guest's disk, every tenth on a base.
"""

from __future__ import annotations

import sys

from bench import pages

POOL = "00000000-0000-4000-8000-000000000021"


def main(sizes: list[int]) -> None:
    """Print one line for each size and kind of page."""
    pages.table("volumes", sizes, prepare, addresses)


def addresses(size: int) -> dict[str, str]:
    """Kinds of pages."""
    start = f"/storage/one/{POOL}/"
    return {
        "first page": start,
        "last page": f"{start}?page={-(-size // 100)}",
        "by size": f"{start}?sort=-capacity",
        "unused": f"{start}?use=unused",
        "search": f"{start}?q=disk-0001",
    }


def prepare(size: int) -> None:
    """One pool of so many volumes, and an administrator."""
    from kvmweb.core.records import DiskRecord
    from tests.hub import plain

    told = [plain.pool(21)]
    for number in range(size):
        base = "/images/disk-00000" if number % 10 == 1 else ""
        facts = {"backing": base, "backing_path": base, "capacity": 2**30 + number}
        told.append(plain.volume(21, f"disk-{number:05d}", **facts))
        if number % 3 == 0:
            disk = DiskRecord("vda", "virtio", "disk", f"/images/disk-{number:05d}", "qcow2")
            told.append(plain.guest(1000 + number, disks=(disk,)))
    pages.fill(*told)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100, 2_000])
