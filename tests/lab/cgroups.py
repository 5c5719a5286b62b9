"""A memory cap around a whole lab host: without it a runaway test takes the machine down."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
V1 = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")


def version() -> str:
    """`1`, `2`, or `0` where cgroups cannot be written (an unprivileged container)."""
    if not os.access(ROOT, os.W_OK):
        return "0"
    if (ROOT / "cgroup.controllers").exists():
        return "2"
    writable = all(os.access(ROOT / name, os.W_OK) for name in V1)
    return "1" if writable and (ROOT / "memory").is_dir() else "0"


def folders(name: str) -> list[Path]:
    """Where this lab's processes are put."""
    kind = version()
    if kind == "2":
        return [ROOT / name]
    return [ROOT / part / name for part in V1] if kind == "1" else []


def make(name: str, memory_bytes: int) -> list[Path]:
    """Make them, capped; answers the cgroup.procs files that a process enters itself through."""
    if version() == "2":
        for controller in (ROOT / "cgroup.controllers").read_text().split():
            with suppress(OSError):
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
    for folder in folders(name):
        folder.mkdir(exist_ok=True)
    if version() == "1":
        for part in ("cpuset.cpus", "cpuset.mems"):
            (ROOT / "cpuset" / name / part).write_text((ROOT / "cpuset" / part).read_text())
        (ROOT / "memory" / name / "memory.limit_in_bytes").write_text(str(memory_bytes))
    elif version() == "2":
        with suppress(OSError):
            (ROOT / name / "memory.max").write_text(str(memory_bytes))
    return [folder / "cgroup.procs" for folder in folders(name)]


def remove(name: str) -> None:
    """Remove them; what still holds a process stays."""
    for folder in folders(name):
        for path, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                Path(path).rmdir()
