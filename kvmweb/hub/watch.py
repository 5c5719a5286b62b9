"""One host on this hub: its worker on this machine, and its mirror while the lease is ours."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.db import Error as DatabaseError

from kvmweb.core.errors import HostDown
from kvmweb.core.records import HostState
from kvmweb.hostlink import subscription
from kvmweb.hub import publisher
from kvmweb.hub.batches import Plain
from kvmweb.hub.lanes import Lane
from kvmweb.hub.leases import Leases
from kvmweb.hub.mirror import LeaseLost, Writer
from kvmweb.hub.supervisor import Supervisor

log = logging.getLogger(__name__)

BATCH = 500
"""Messages written in one transaction at most; the worker waits while they are written."""
RETRY_S = 0.25
GRACE_S = 3.0
"""After taking a host over: so long its rows keep the state that the last hub left."""


class Watch:
    """Runs until cancelled; neither the worker's nor the database's trouble ends it."""

    def __init__(self, host: str, uri: str, leases: Leases) -> None:
        self.host = host
        self.uri = uri
        self.supervisor = Supervisor(host, uri, self._silenced)
        self._leases = leases
        self._lane = Lane(f"mirror-{host}")
        self._was_silent = False

    async def run(self) -> None:
        """The two halves, side by side."""
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(self.supervisor.run(), name=f"supervisor-{self.host}")
                halves.create_task(self._mirror(), name=f"mirror-{self.host}")
        finally:
            await self._leases.give_up(self.host)
            await self._lane.close()

    def _silenced(self) -> None:
        self._was_silent = True

    async def _mirror(self) -> None:
        while True:
            await self._leases.take(self.host)
            try:
                await self._while_ours(self._follow())
            except LeaseLost:
                log.warning("host %s was taken over by another hub", self.host)
            except DatabaseError as error:
                log.warning("mirror of %s not written: %s", self.host, error)
            except Exception:
                log.exception("mirror of %s stumbled", self.host)
            await self._leases.give_up(self.host)
            await asyncio.sleep(1)

    async def _while_ours(self, work: Any) -> None:
        """Run it until the lease is lost. Raises what the work raises."""
        working = asyncio.ensure_future(work)
        lost = asyncio.ensure_future(self._leases.lost(self.host))
        try:
            await asyncio.wait({working, lost}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            lost.cancel()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _follow(self) -> None:
        """Listen to the worker, over all its lives. Raises LeaseLost, DatabaseError."""
        writer = Writer(self.host, secrets.token_hex(16))
        await self._lane.run(writer.open)
        quiet_until = asyncio.get_running_loop().time() + GRACE_S
        while True:
            try:
                async with aclosing(batches(self.host)) as stream:
                    async for batch in stream:
                        quiet_until = 0.0
                        await self._write(writer, batch)
            except HostDown as problem:
                if asyncio.get_running_loop().time() > quiet_until:
                    await self._away(writer, problem)
            await asyncio.sleep(RETRY_S)

    async def _away(self, writer: Writer, problem: HostDown) -> None:
        """The worker is not there: it is being started, or it was killed for its silence."""
        state = HostState.SILENT if self._was_silent else HostState.CONNECTING
        self._was_silent = False
        publisher.publish(*await self._lane.run(writer.link, state, ""))
        log.debug("worker of %s away: %s", self.host, problem.detail)

    async def _write(self, writer: Writer, batch: list[Plain]) -> None:
        try:
            publisher.publish(*await self._lane.run(writer.apply, batch))
        except (LeaseLost, DatabaseError):
            raise
        except Exception:
            if len(batch) == 1:
                log.exception("host %s: a %s not understood", self.host, batch[0].get("type"))
                return
            for message in batch:  # one bad record must not keep the others out
                await self._write(writer, [message])


async def batches(host: str) -> AsyncGenerator[list[Plain], None]:
    """What the worker says, as much as waits: the first at once. Raises HostDown when it ends."""
    waiting: asyncio.Queue[Plain] = asyncio.Queue(maxsize=BATCH)

    async def read() -> None:
        async with aclosing(subscription.listen(host)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                await waiting.put(frame)

    reading = asyncio.create_task(read())
    first = asyncio.ensure_future(waiting.get())
    try:
        while True:
            await asyncio.wait({first, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                await reading
                raise HostDown("the worker went away", host=host)
            batch = [first.result()]
            while not waiting.empty():
                batch.append(waiting.get_nowait())
            yield batch
            first = asyncio.ensure_future(waiting.get())
    finally:
        first.cancel()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
