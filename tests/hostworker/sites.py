"""A host whose own network is changed, seen from the worker, from inside and over the wire."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab.host import LabHost


class Site:
    """A lab whose network some tool sets up, and a worker that may change it. etc: of ifupdown."""

    def __init__(self, lab: LabHost, etc: Path, worker: WorkerProcess, heard: Listener) -> None:
        self.lab, self.etc, self.worker, self.heard = lab, etc, worker, heard
        self.before = self.file

    @property
    def file(self) -> str:
        """/etc/network/interfaces, where there is one."""
        path = self.etc / "interfaces"
        return path.read_text() if path.exists() else ""

    def members(self, bridge: str) -> list[str]:
        """Interfaces in a bridge."""
        return self.lab.inside("ls", f"/sys/class/net/{bridge}/brif").split()

    def links(self) -> dict[str, str]:
        """Interface to its addresses."""
        lines = self.lab.inside("ip", "-o", "-4", "addr").splitlines()
        return {it.split()[1]: it.split()[3] for it in lines}

    def exists(self, name: str) -> bool:
        return name in self.lab.inside("ls", "/sys/class/net").split()

    def is_reached(self) -> bool:
        """From outside, over the wire: its libvirt answers there."""
        with socket.socket() as line:
            line.settimeout(1)
            return line.connect_ex((self.lab.address, 16509)) == 0

    def begin(self, act: str, bridge: str, device: str = "", back_s: int = 40) -> str:
        """The change, as soon as it is asked for; its id."""
        args = {"act": act, "bridge": bridge, "device": device}
        plan = self.worker.call("host.network_plan", **args)
        trial = self.worker.call("host.network", **args, digest=plan["digest"], back_s=back_s)
        return str(trial["id"])

    def wait(self, state: str, timeout_s: float = 30) -> dict[str, Any]:
        wait_for(lambda: self.trial()["state"] == state, timeout_s, lambda: str(self.trial()))
        return self.trial()

    def trial(self) -> dict[str, Any]:
        """What the worker said of it last."""
        frames = [it for _, it in self.heard.frames if it.get("part") == "bridges"]
        return (frames[-1]["record"]["trial"] if frames else None) or {"state": ""}

    def watcher(self, trial: str) -> str:
        """The process that watches over a change, as the host counts it."""
        found = Path(f"/proc/{self.lab.pid1}/root/proc").glob("[0-9]*/cmdline")
        return next(it.parent.name for it in found if f"{trial}/watch".encode() in it.read_bytes())

    def keep(self, trial: str, is_kept: bool = True) -> None:
        self.worker.call("host.network_settle", trial=trial, is_kept=is_kept)

    def change(self, act: str, bridge: str, device: str = "") -> None:
        """Done and kept."""
        trial = self.begin(act, bridge, device)
        self.wait("trial")
        self.keep(trial)
        self.wait("kept")
