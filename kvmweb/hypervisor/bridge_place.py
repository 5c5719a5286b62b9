"""Where a host's network is set up: the namespaces that its libvirt lives in.

On most machines that is this process's own; where it is not (a portal in a container that may see
the host's processes), commands are run in the daemon's namespaces and files are reached by them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kvmweb.core import errors

SPACES = ("mnt", "net", "pid", "uts", "ipc")
COMMAND_S = 15.0
LONG_S = 60.0
NET_ADMIN, SYS_ADMIN = 12, 21
"""Source: linux/capability.h."""
_DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True, slots=True)
class Place:
    """root: its file system, as we reach it. enter: what a command is put behind."""

    root: Path
    enter: tuple[str, ...] = ()

    @property
    def search(self) -> str:
        """Where programs are looked for."""
        own = os.environ.get("PATH", "").split(":")
        return ":".join(dict.fromkeys([*filter(None, own), *_DIRECTORIES]))

    def has(self, program: str) -> bool:
        """Whether this program is installed there."""
        return any(self.path(f"{folder}/{program}").exists() for folder in self.search.split(":"))

    def path(self, name: str) -> Path:
        """A file of the host, as we reach it."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str:
        """What is in a file of the host; empty where there is none."""
        try:
            return self.path(name).read_text(errors="surrogateescape")
        except OSError:
            return ""

    def said(self, *command: str, timeout_s: float = COMMAND_S) -> str:
        """What a command prints. Raises Fault with its words when it fails or takes too long."""
        try:
            done = subprocess.run(
                [*self.enter, *command], capture_output=True, text=True, check=False,
                timeout=timeout_s, stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C", "PATH": self.search},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise errors.Fault(f"{command[0]}: {error}") from error
        if done.returncode:
            raise errors.Fault(f"{command[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout


def of(daemon: int) -> Place:
    """The place that the process with this number lives in."""
    if all(_space("self", name) == _space(daemon, name) for name in SPACES):
        return Place(Path("/"))
    enter = ("nsenter", "-t", str(daemon), "--mount", "--net", "--pid", "--uts", "--ipc")
    return Place(Path(f"/proc/{daemon}/root"), enter)


def may_change(place: Place) -> bool:
    """Whether this process may change the network and its files there."""
    if os.geteuid() != 0:
        return False
    wanted = [NET_ADMIN, *([SYS_ADMIN] if place.enter else [])]
    have = _capabilities()
    return all(have >> number & 1 for number in wanted) and os.access(place.path("/etc"), os.W_OK)


def _capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _space(pid: int | str, name: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{name}")
    except OSError:
        return ""
