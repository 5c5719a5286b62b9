"""A hub running inside the test, with real workers, and ears for its notices."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer

from kvmweb.core import topics
from kvmweb.hub import publisher, runner
from kvmweb.hub.lanes import Lane
from kvmweb.hub.runner import Hub
from kvmweb.inventory.models import Guest, HostMirror
from kvmweb.store.models import Host

Look = Callable[[], Any]


class HubUnderTest:
    """Starts and stops a hub on the test's own loop; looks at its tables from a thread."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self.hub: Hub | None = None
        self._lane = Lane("test")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        publisher.bind(asyncio.get_running_loop())
        self.hub = runner.Hub()
        self._tasks.append(asyncio.create_task(self.hub.run()))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.hub is not None:
            await self.hub.close()
        self.hub = None

    async def close(self) -> None:
        await self.stop()
        publisher.bind(None)
        await self._lane.close()

    async def add(self, key: str, uri: str) -> None:
        await self.look(lambda: Host.objects.create(key=key, name=key, uri=uri))

    async def look(self, look: Look) -> Any:
        return await self._lane.run(look)

    async def until(self, look: Look, timeout_s: float = 15.0) -> float:
        """Wait until it is true; answers how long that took."""
        began = time.monotonic()
        while not (seen := await self.look(look)):
            assert time.monotonic() - began < timeout_s, f"still {seen!r} after {timeout_s} s"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def up(self, key: str) -> None:
        await self.until(lambda: HostMirror.objects.filter(host=key, state="up").exists())
        await self.until(lambda: Guest.objects.filter(host=key).exists())

    async def listen(self, *names: str) -> None:
        """Collect notices of these topics with the time of their arrival."""
        layer = get_channel_layer()
        channel = await layer.new_channel()
        for name in names or (topics.GUESTS, topics.HOSTS, topics.POOLS, topics.NETWORKS):
            await layer.group_add(name, channel)

        async def collect() -> None:
            while True:
                message = await layer.receive(channel)
                self.heard.append((time.time(), message))

        self._tasks.append(asyncio.create_task(collect()))

    def worker_pid(self, key: str) -> int:
        """Of the worker that this hub runs for the host; 0 between two lives."""
        assert self.hub is not None
        return self.hub.supervisor(key).pid


@pytest.fixture
def run_dir(settings: Any) -> Any:
    """A short path: a Unix socket's name has 107 characters at most."""
    folder = Path(tempfile.mkdtemp(prefix="kvr-", dir="/tmp"))
    settings.KVMWEB_RUN_DIR = folder
    settings.KVMWEB_LOCAL_URI = ""
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def hub(run_dir: Path, transactional_db: None) -> AsyncIterator[HubUnderTest]:
    """Not started yet: `await hub.add(...)`, `await hub.start()`."""
    under_test = HubUnderTest()
    yield under_test
    await under_test.close()
