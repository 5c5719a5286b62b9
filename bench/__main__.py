"""`make bench`: every measurement, one after the other, as tables."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = (
    "bench.guest_list",
    "bench.live",
    "bench.console",
    "bench.volumes",
    "bench.create_page",
    "bench.sink",
    "bench.transfers",
)


def main() -> int:
    """Each in a process of its own, so that none is judged by what another left in memory."""
    failed = []
    for name in MEASUREMENTS:
        print(f"\n== {name.removeprefix('bench.').replace('_', ' ')}", flush=True)
        if subprocess.run([sys.executable, "-m", name], check=False).returncode:
            failed.append(name)
    if failed:
        print("not measured:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
