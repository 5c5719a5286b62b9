"""All consoles that are open in this process, and what they hear of each other.

One listener and one clock for all of them. Every second: viewers that take nothing are put out,
sessions and rights are looked at again. Every five: seats are kept, lost notices are made good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from kvmweb.core import topics
from kvmweb.core.details import Sitter
from kvmweb.core.refs import Ref
from kvmweb.live.consoles_relay import STALLED, Relay
from kvmweb.services import seats, sessions, vigil
from kvmweb.ui import consoles as face

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

SEAT_LOST = (4408, "seat-lost")
SIGNED_OUT = (4401, "signed-out")
REVOKED = (4403, "revoked")
KEEP_S = 5
_pool = ThreadPoolExecutor(16, thread_name_prefix="consoles")


async def desk(service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a service in a thread of the consoles' own: a slow host delays no page."""
    call = database_sync_to_async(service, thread_sensitive=False, executor=_pool)
    result: R = await call(*args, **kwargs)
    return result


class Hall:
    """The consoles of one process (of one event loop)."""

    def __init__(self) -> None:
        self._relays: dict[int, Relay] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._dirty: set[Ref] = set()
        self._is_dirty = asyncio.Event()
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._seen: vigil.Seen | None = None
        self._unjudged: set[Relay] = set()

    async def enter(self, relay: Relay) -> None:
        """From now on this console is looked after."""
        self._relays[relay.seat] = relay
        self._unjudged.add(relay)
        if not self._tasks:
            self._channel = await self._layer.new_channel()
            works = (self._listen, self._usher, self._watch)
            self._tasks = [asyncio.create_task(self._lasting(work)) for work in works]
            await self._layer.group_add(topics.PEOPLE, self._channel)
        await self._layer.group_add(topics.console(relay.ref), self._channel)
        self.look(relay.ref)

    async def leave(self, relay: Relay) -> None:
        """It is over."""
        self._relays.pop(relay.seat, None)
        self._unjudged.discard(relay)
        if all(other.ref != relay.ref for other in self._relays.values()):
            await self._layer.group_discard(topics.console(relay.ref), self._channel)
        if not self._relays:
            tasks, self._tasks, self._seen = self._tasks, [], None
            for task in tasks:
                task.cancel()
            await self._layer.group_discard(topics.PEOPLE, self._channel)

    def look(self, ref: Ref) -> None:
        """Something changed at this guest's consoles."""
        self._dirty.add(ref)
        self._is_dirty.set()

    async def _lasting(self, work: Callable[[], Any]) -> None:
        """Go on after a fault: a database that is away must not end the watch."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("consoles: %s failed", work.__name__)
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        while True:
            notice = await self._layer.receive(self._channel)
            if notice["topic"] == topics.PEOPLE:
                await self._judge()
            else:
                self.look(Ref.parse(notice["ref"]))

    async def _usher(self) -> None:
        """Who sits and drives, told to all who sit there."""
        while True:
            await self._is_dirty.wait()
            self._is_dirty.clear()
            while self._dirty:
                ref = self._dirty.pop()
                # Who sits down while it is looked is not in what was seen, and not lost.
                here = [relay for relay in self._relays.values() if relay.ref == ref]
                self._place(here, await desk(seats.sitters, ref))

    def _place(self, relays: list[Relay], sitters: list[Sitter]) -> None:
        known = {sitter.id: sitter for sitter in sitters}
        for relay in relays:
            mine = known.get(relay.seat)
            if mine is None:
                relay.end(*SEAT_LOST)
                continue
            relay.set_drives(mine.drives)
            relay.tell(face.seating(mine, sitters))

    async def _watch(self) -> None:
        for beat in range(10**12):
            now = asyncio.get_running_loop().time()
            for relay in list(self._relays.values()):
                if relay.is_stalled(now):
                    relay.end(*STALLED)
            await self._judge()
            if beat % KEEP_S == 0:
                await self._keep()
            await asyncio.sleep(1)

    async def _judge(self) -> None:
        """Close what is not allowed any more. A quiet second costs two queries for all."""
        relays = list(self._relays.values())
        before = self._seen
        actors = {relay.actor for relay in relays}
        seen = await desk(vigil.look, actors, before.at if before else None)
        for relay in relays:
            if relay.actor in seen.ended:
                relay.end(*SIGNED_OUT)
        if not seen.is_news_after(before):
            relays = [relay for relay in relays if relay in self._unjudged]
        if relays:
            await self._narrow(relays)
        self._unjudged.difference_update(relays)
        self._seen = seen

    async def _narrow(self, relays: list[Relay]) -> None:
        """Rights changed: who may not watch is shown out, who may not drive watches on."""
        found = await desk(vigil.standings, [(relay.actor, relay.ref) for relay in relays])
        for relay in relays:
            standing = found[relay.actor, relay.ref]
            if not standing.may_watch:
                relay.end(*REVOKED)
            elif relay.drives and not standing.may_drive:
                relay.set_drives(False)
                await desk(seats.demote, relay.seat)

    async def _keep(self) -> None:
        now = asyncio.get_running_loop().time()
        for actor in {relay.actor for relay in self._relays.values() if relay.has_acted(now)}:
            await desk(sessions.touch, actor)
        relays = list(self._relays.values())
        kept = await desk(seats.refresh, [relay.seat for relay in relays])
        for relay in relays:
            if relay.seat not in kept:
                relay.end(*SEAT_LOST)
            self.look(relay.ref)


_halls: dict[asyncio.AbstractEventLoop, Hall] = {}


def hall() -> Hall:
    """The hall of the running loop."""
    loop = asyncio.get_running_loop()
    for old in [old for old in _halls if old.is_closed()]:
        del _halls[old]
    if loop not in _halls:
        _halls[loop] = Hall()
    return _halls[loop]
