"""Volume data on its way: a line of its own for each transfer, given up when it ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from kvmweb.core import errors
from kvmweb.hostworker.link import Link
from kvmweb.hostworker.server import Reply
from kvmweb.hypervisor import volume_streams
from kvmweb.hypervisor.connections import Line

log = logging.getLogger(__name__)

VERBS: dict[str, Callable[..., tuple[volume_streams.Flow, int]]] = {
    "volume.upload": volume_streams.open_upload,
    "volume.download": volume_streams.open_download,
}
MOST = 48
"""At once on one host; each holds a connection and a thread. A browser's upload makes four."""


class Transfers:
    """Opens them. Lives on the asyncio thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, verb: str, args: dict[str, Any]) -> Reply:
        """The caller's end of a flow that is under way. Raises Busy, and as opening does."""
        if self._open >= MOST:
            raise errors.Busy(f"{MOST} transfers are under way on this host")
        purpose = f"transfer-{next(self._numbers)}"
        lines = self._link.lines
        line = lines.of(purpose)
        self._open += 1
        try:
            flow, end = await asyncio.wrap_future(
                line.submit(lambda connection: VERBS[verb](connection, **args))
            )
            moving = line.submit(flow.run)
        except BaseException:
            self._ended(purpose, line)
            raise
        task = asyncio.create_task(self._follow(purpose, line, flow, moving))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Reply(descriptor=end)

    async def _follow(
        self, purpose: str, line: Line, flow: volume_streams.Flow, moving: Future[None]
    ) -> None:
        """Until it ends. When the host is lost, a flow that waits for its caller ends too."""
        moved = asyncio.wrap_future(moving)
        either: list[asyncio.Future[None]] = [moved, self._link.away]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not moved.done():
                flow.stop()
            await asyncio.wait([moved])
        finally:
            self._ended(purpose, line)

    def _ended(self, purpose: str, line: Line) -> None:
        self._open -= 1
        self._link.lines.release(purpose)
        line.retire()
