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
MOST = 24
"""At once on one host; each holds a connection and a thread."""


class Transfers:
    """Opens them. Lives on the asyncio thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._numbers = itertools.count(1)
        self._open = 0

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
        loop = asyncio.get_running_loop()

        def over(_moving: Future[None]) -> None:
            loop.call_soon_threadsafe(self._ended, purpose, line)

        moving.add_done_callback(over)
        return Reply(descriptor=end)

    def _ended(self, purpose: str, line: Line) -> None:
        self._open -= 1
        self._link.lines.release(purpose)
        line.retire()
