"""Consoles: the portal beside stock websockify in the same run, on the same synthetic screen.

`python -m bench.console`. Passes are interleaved; what counts is the ratio of the two columns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.console_viewer import Viewer

PASSES, PULL_MIB, KEYS, STALL_S = 5, 256, 300, 5
WARM, IDLE, SOCKIFY_IDLE = 120, 240, 40
"""Consoles before it is measured, and measured: Python takes memory by the MiB, so that with few
of them a page more or less decides. websockify starts a process each, whose size is known soon."""
QUIET_S = 6
ROOT = Path(__file__).resolve().parent.parent
Open = Callable[[], Viewer]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="kvmweb-bench-") as folder, ExitStack() as running:
        os.environ.update(
            KVMWEB_DATA_DIR=folder, KVMWEB_PLAIN_HTTP="1", KVMWEB_EMBEDDED_HUB="0",
            DJANGO_SETTINGS_MODULE="kvmweb.settings", KVMWEB_ORIGINS="http://bench",
            KVMWEB_LOG_LEVEL="WARNING",
        )  # fmt: skip
        from bench import console_people
        from tests.e2e.portal import free_port

        console_people.prepare(WARM + IDLE)
        source, portal, sockify = free_port(), free_port(), free_port()
        path = str(Path(folder) / "run" / "lab.sock")
        _run(running, sys.executable, "-m", "bench.console_source", path, str(source))
        server = _run(
            running, sys.executable, "manage.py", "serve", "--web-only",
            KVMWEB_PORT=str(portal), KVMWEB_BIND="127.0.0.1",
        )  # fmt: skip
        proxy = _run(running, sys.executable, "-m", "websockify", str(sockify), f":{source}")
        time.sleep(4)
        table({
            "direct": (lambda: Viewer(source, direct=True), []),
            "websockify": (lambda: Viewer(sockify), [proxy.pid]),
            "portal": (lambda: console_people.viewer(portal), [server.pid]),
        })  # fmt: skip


def table(ways: dict[str, tuple[Open, list[int]]]) -> None:
    """Measure all, then print values and ratios."""
    pulls: dict[str, list[float]] = {name: [] for name in ways}
    keys: dict[str, list[float]] = {name: [] for name in ways}
    beside: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(PASSES):
        for name, (open_, _) in ways.items():
            pulls[name].append(pull(open_))
            keys[name] += typed(open_)
            beside[name] += typed_beside_flood(open_)
    rows = [
        ("throughput, MB/s", {name: statistics.median(pulls[name]) for name in ways}),
        ("key, median us", {name: statistics.median(keys[name]) * 1e6 for name in ways}),
        ("key, p99 us", {name: p99(keys[name]) * 1e6 for name in ways}),
        ("key beside flood, median us", {n: statistics.median(beside[n]) * 1e6 for n in ways}),
        ("key beside flood, p99 us", {name: p99(beside[name]) * 1e6 for name in ways}),
    ]
    proxies = {name: way for name, way in ways.items() if way[1]}
    counts = {"websockify": (4, SOCKIFY_IDLE), "portal": (WARM, IDLE)}
    rows.append(("idle console, KiB", {n: idle(*way, *counts[n]) for n, way in proxies.items()}))
    rows.append(("stalled viewer, KiB", {n: stalled(*way) for n, way in proxies.items()}))
    print(f"{'':30}{'direct':>10}{'websockify':>12}{'portal':>10}{'portal / websockify':>21}")
    for title, values in rows:
        direct = f"{values['direct']:.0f}" if "direct" in values else "-"
        ratio = values["portal"] / max(values["websockify"], 1e-9)
        print(
            f"{title:30}{direct:>10}{values['websockify']:>12.0f}{values['portal']:>10.0f}"
            f"{ratio:>21.2f}"
        )
    base = statistics.median(keys["direct"])
    added = {name: (statistics.median(keys[name]) - base) * 1e6 for name in proxies}
    print(
        f"{'key, added us':30}{'-':>10}{added['websockify']:>12.0f}{added['portal']:>10.0f}"
        f"{added['portal'] / max(added['websockify'], 1e-9):>21.2f}"
    )


def pull(open_: Open) -> float:
    """MB/s."""
    viewer = open_()
    viewer.pull(16)
    rate = viewer.pull(PULL_MIB)
    viewer.close()
    return rate


def typed(open_: Open) -> list[float]:
    """Seconds of each key."""
    viewer = open_()
    for _ in range(50):
        viewer.key()
    found = [viewer.key() for _ in range(KEYS)]
    viewer.close()
    return found


def typed_beside_flood(open_: Open) -> list[float]:
    """The same while somebody else's console floods, read by a process of its own."""
    neighbour = open_()
    neighbour.flood()
    reader = os.fork()
    if reader == 0:
        try:
            neighbour.swallow()
        finally:
            os._exit(0)
    viewer = open_()
    found = [viewer.key() for _ in range(KEYS)]
    viewer.close()
    os.kill(reader, 9)
    os.waitpid(reader, 0)
    neighbour.close()
    time.sleep(0.5)
    return found


def idle(open_: Open, pids: list[int], warm: int, count: int) -> float:
    """KiB that one more open console takes that nobody uses, when so many are open already."""
    viewers: list[Viewer] = []
    before = opened(open_, pids, viewers, warm)
    after = opened(open_, pids, viewers, count)
    for viewer in viewers:
        viewer.close()
    time.sleep(3)
    return (after - before) / count


def opened(open_: Open, pids: list[int], viewers: list[Viewer], count: int) -> float:
    """KiB once so many more are open and all is quiet; the server's pings are answered."""
    for number in range(count):
        viewers.append(open_())
        if number % 20 == 0:
            answer(viewers)
    until = time.monotonic() + QUIET_S
    while time.monotonic() < until:
        answer(viewers)
        time.sleep(1)
    return memory(pids)


def answer(viewers: list[Viewer]) -> None:
    """As browsers do by themselves."""
    for viewer in viewers:
        viewer.attend()


def stalled(open_: Open, pids: list[int]) -> float:
    """KiB that a viewer takes that reads nothing of a flood."""
    warm = open_()
    warm.pull(16)
    before = memory(pids)
    viewer = open_()
    viewer.flood()
    time.sleep(STALL_S)
    cost = memory(pids) - before
    viewer.close()
    warm.close()
    time.sleep(1)
    return cost


def memory(pids: list[int]) -> float:
    """KiB of these processes and their children, shared pages divided by who shares them."""
    total, waiting = 0, list(pids)
    while waiting:
        pid = waiting.pop()
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return total


def p99(values: list[float]) -> float:
    """The ninety-ninth of a hundred."""
    return statistics.quantiles(values, n=100)[98]


def _run(running: ExitStack, *command: str, **settings: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **settings},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    running.callback(process.wait)
    running.callback(process.kill)
    return process


if __name__ == "__main__":
    threading.current_thread().name = "bench"
    main()
