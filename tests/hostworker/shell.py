"""A shell in a booted guest, through its serial console as the portal opens it."""

from __future__ import annotations

import re
import time

from tests.hostworker.process import WorkerProcess


class Shell:
    """Types commands and reads what they print."""

    def __init__(self, worker: WorkerProcess, uuid: str) -> None:
        self.uuid = uuid
        self._line, _ = worker.take("guest.open_serial", uuid=uuid, alias="serial0")
        self._turn = 0
        self.run("true")

    def run(self, command: str, timeout_s: float = 20) -> tuple[int, str]:
        """Its exit status and all it printed."""
        self._turn += 1
        mark = f"DONE{self._turn}"
        self._line.sendall(f"\r{command}; echo {mark}=$?=\r".encode())
        seen, deadline = "", time.monotonic() + timeout_s
        while not (found := re.search(rf"{mark}=(\d+)=", seen)):
            self._line.settimeout(max(0.05, deadline - time.monotonic()))
            piece = self._line.recv(65536)
            assert piece, "the console was closed"
            seen += piece.decode(errors="replace")
        return int(found[1]), seen

    def reaches(self, address: str) -> bool:
        """Whether this address answers a ping within some seconds."""
        return self.run(f"ping -c 1 -W 2 {address}")[0] == 0 or (
            self.run(f"ping -c 2 -W 3 {address}")[0] == 0
        )

    def close(self) -> None:
        """Leave the console."""
        self._line.close()
