"""The link to libvirt: open, watch, lose, open again. Everything of one connection's life is a
session; what outlives it (records, details) belongs to the worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Coroutine
from typing import Any

from kvmweb.core import errors
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hypervisor import connections, events, hosts
from kvmweb.hypervisor.connections import Lines

log = logging.getLogger(__name__)

PULSE_S = 1.0
SILENT_AFTER_S = 3.0
GIVE_UP_AFTER_S = 12.0
"""A call that hangs longer ends the process: only its death lets go of the thread."""
BACKOFF_FIRST_S = 0.3
BACKOFF_LOCAL_S = 2.0
BACKOFF_REMOTE_S = 15.0
EXIT_HUNG = 75

Session = Callable[[Lines], list[Coroutine[Any, Any, None]]]


class Link:
    """Keeps one host connected. `away` is done whenever the link is not up."""

    def __init__(self, uri: str, publisher: Publisher, post: events.Post, session: Session) -> None:
        self.uri = uri
        self.lines = Lines(uri)
        self.away: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.away.set_result(None)
        self._publisher = publisher
        self._post = post
        self._session = session
        self._is_connected = False

    @property
    def unanswered_s(self) -> float:
        """How long libvirt has owed us the answer to an open or a pulse."""
        return max((x.pending_s for x in self.lines.all() if x.purpose == "events"), default=0.0)

    async def run(self) -> None:
        """For ever: connect, serve, lose, wait, connect."""
        watchdog = asyncio.create_task(self._watch())
        longest = BACKOFF_LOCAL_S if connections.is_local(self.uri) else BACKOFF_REMOTE_S
        wait = BACKOFF_FIRST_S
        try:
            while True:
                try:
                    lost = await self._connect()
                except errors.Problem as problem:
                    self._set("down", problem.detail)
                    wait = min(longest, wait * 2)
                else:
                    wait = BACKOFF_FIRST_S
                    self._set("down", await self._serve(lost))
                finally:
                    self.lines.retire()
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
        finally:
            watchdog.cancel()

    async def _connect(self) -> asyncio.Future[str]:
        """Open the line that carries events. The result is done when it is lost."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[str] = loop.create_future()

        def report(reason: str) -> None:
            loop.call_soon_threadsafe(_settle, lost, reason)

        self.lines = Lines(self.uri, on_close=report)
        if self._publisher.link_state not in ("silent", "down"):
            self._set("connecting", "")
        line = self.lines.of("events")
        await asyncio.wrap_future(line.submit(lambda c: events.listen(c, self._post)))
        return lost

    async def _serve(self, lost: asyncio.Future[str]) -> str:
        """Be up until the link is lost; answers why it was."""
        self._is_connected = True
        self._set("up", "")
        tasks = [asyncio.create_task(work) for work in (self._pulse(), *self._session(self.lines))]
        waiting: list[asyncio.Future[Any]] = [lost, *tasks]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if lost in done:
                return lost.result()
            return await _why(*done)
        finally:
            self._is_connected = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pulse(self) -> None:
        """Ask the daemon something cheap, again and again."""
        line = self.lines.of("events")
        while True:
            await asyncio.wrap_future(line.submit(hosts.ping))
            if self._is_connected:
                self._set("up", "")
            await asyncio.sleep(PULSE_S)

    async def _watch(self) -> None:
        """Say when libvirt does not answer; end the process when it never will.

        The test driver lives in this process and is merely slow to load a large file.
        """
        while not connections.is_test(self.uri):
            await asyncio.sleep(0.25)
            pending = self.unanswered_s
            if pending > SILENT_AFTER_S:
                self._set("silent", "libvirt does not answer")
            if pending > GIVE_UP_AFTER_S:
                log.error("libvirt has not answered for %.0f s; ending", pending)
                os._exit(EXIT_HUNG)

    def _set(self, state: str, reason: str) -> None:
        if state != self._publisher.link_state:
            log.info("link %s %s", state, reason)
        self._publisher.set_link(state, reason)
        if state == "up" and self.away.done():
            self.away = asyncio.get_running_loop().create_future()
        elif state != "up" and not self.away.done():
            self.away.set_result(None)


def _settle(future: asyncio.Future[str], reason: str) -> None:
    if not future.done():
        future.set_result(reason)


async def _why(*ended: asyncio.Future[Any]) -> str:
    """What ended a session's task: a problem of the link, or a fault of ours."""
    for task in ended:
        try:
            await task
        except errors.Problem as problem:
            if not isinstance(problem, errors.HostDown):
                log.exception("the session stumbled")
            return problem.detail or problem.code
        except Exception:
            log.exception("the session stumbled")
            return "internal fault"
    return "closed"
