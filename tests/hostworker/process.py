"""A real worker process, and a listener that keeps what it says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kvmweb.core import errors
from kvmweb.hostlink import client, subscription

HOST = "here"


class WorkerProcess:
    """`python -m kvmweb.hostworker`, started and ended by the test."""

    def __init__(self, uri: str, directory: Path) -> None:
        self.uri = uri
        self.directory = directory
        self.path = client.socket_path(HOST, directory)
        self._hub_end = -1
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> WorkerProcess:
        worker_end, self._hub_end = os.pipe()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "kvmweb.hostworker", "--host", HOST, "--uri", self.uri),
                *("--socket", str(self.path), "--parent-fd", str(worker_end)),
            ],
            pass_fds=(worker_end,),
        )
        os.close(worker_end)
        wait_for(self._is_listening, 10, "no socket")
        return self

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX) as line:
            return line.connect_ex(str(self.path)) == 0

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def let_go(self) -> None:
        """As if the hub had died."""
        os.close(self._hub_end)
        self._hub_end = -1

    def stop(self) -> None:
        if self._hub_end >= 0:
            self.let_go()
        if self.process:
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

    def call(self, verb: str, **args: Any) -> Any:
        return client.call(HOST, verb, directory=self.directory, **args)

    def take(self, verb: str, **args: Any) -> Any:
        return client.take(HOST, verb, directory=self.directory, **args)

    def __enter__(self) -> WorkerProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Listener:
    """Follows the subscription on a thread of its own and keeps a little mirror."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.frames: list[tuple[float, dict[str, Any]]] = []
        self.mirror: dict[str, dict[str, dict[str, Any]]] = {
            kind: {} for kind in ("guest", "pool", "network", "volume", "interface", "nwfilter")
        }
        self.listed: dict[str, int] = {}
        self.links: list[tuple[float, str]] = []
        self.host: dict[str, Any] = {}
        self.samples: dict[str, dict[str, Any]] = {}
        self.sampled_at = 0.0
        self.host_sample: dict[str, Any] = {}
        self.ended = threading.Event()
        self._worker = worker
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(errors.HostDown, asyncio.CancelledError, RuntimeError):
            self._loop.run_until_complete(self._follow())
        self.ended.set()

    async def _follow(self) -> None:
        self._task = asyncio.current_task()
        async for frame in subscription.listen(HOST, self._worker.directory):
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        now = time.time()
        self.frames.append((now, frame))
        match frame["type"]:
            case "link":
                self.links.append((now, frame["state"]))
            case "host":
                self.host = frame["record"]
            case ("guest" | "pool" | "network" | "volume" | "interface" | "nwfilter") as kind:
                self.mirror[kind][frame["record"]["uuid"]] = frame["record"]
            case "gone":
                self.mirror[frame["kind"]].pop(frame["id"], None)
            case "listed":
                known = self.mirror[frame["kind"]]
                for identity in set(known) - set(frame["ids"]):
                    del known[identity]
                self.listed[frame["kind"]] = self.listed.get(frame["kind"], 0) + 1
            case "samples":
                self.samples = {sample["uuid"]: sample for sample in frame["guests"]}
                self.host_sample, self.sampled_at = frame["host"], now

    def guest(self, uuid: str) -> dict[str, Any]:
        return self.mirror["guest"].get(uuid, {})

    def wait_listed(self, timeout_s: float = 15, *, besides: str = "") -> Listener:
        kinds = {"guest", "pool", "network", "volume", "interface", "nwfilter"} - {besides}
        wait_for(
            lambda: kinds <= self.listed.keys() and bool(self.host),
            timeout_s,
            lambda: f"not listed: {sorted(kinds - self.listed.keys())}",
        )
        return self

    def wait_state(self, uuid: str, state: str, timeout_s: float = 20) -> dict[str, Any]:
        wait_for(
            lambda: self.guest(uuid).get("state") == state,
            timeout_s,
            lambda: f"{self.guest(uuid).get('state')}, not {state}",
        )
        return self.guest(uuid)

    def wait_link(self, state: str, timeout_s: float) -> float:
        """Seconds until the link is in this state."""
        began = time.time()
        wait_for(
            lambda: bool(self.links) and self.links[-1][1] == state,
            timeout_s,
            lambda: f"link {self.links[-1:]}",
        )
        return self.links[-1][0] - began

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        task = getattr(self, "_task", None)
        if task:
            self._loop.call_soon_threadsafe(task.cancel)
        self._thread.join(5)


def wait_for(
    is_so: Callable[[], bool], timeout_s: float, otherwise: str | Callable[[], str] = ""
) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.02)
