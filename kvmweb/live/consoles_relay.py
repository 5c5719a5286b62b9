"""One open console: bytes between a viewer and a guest, until one of them or the portal ends it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from kvmweb.core import talk
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.lanes import Lane
from kvmweb.core.refs import Ref
from kvmweb.core.rfb import NotRfb
from kvmweb.live.consoles_line import GuestLine
from kvmweb.live.consoles_wire import Wire

log = logging.getLogger(__name__)

STALL_S = 15
GREETING_S = 20
RECENT_S = 10
GONE = (OSError, RuntimeError)
"""What the server raises for a send after the viewer went, or after its own pings failed."""
LEFT = (0, "left")
FAULT = (1011, "fault")
STALLED = (4408, "stalled")
GUEST_END = (-1, "")
"""Why the guest's end was closed has to be found out first."""

Receive = Callable[[], Awaitable[dict[str, Any]]]
Said = Callable[["Relay", dict[str, Any]], Awaitable[None]]


class Relay:
    """Moves bytes both ways. `drives` is kept by the hall: a key costs no query.

    sending_since: loop time at which the send under way began; 0 while none is.
    """

    __slots__ = (
        "_lane",
        "_news",
        "_read",
        "_said",
        "_teller",
        "_unread",
        "acted_at",
        "actor",
        "began_at",
        "drives",
        "line",
        "loop",
        "over",
        "pace",
        "receive",
        "ref",
        "seat",
        "sending_since",
        "shown",
        "typed",
        "wire",
    )  # fmt: skip

    def __init__(
        self,
        who: tuple[Actor, Ref, int],
        lane: Lane,
        receive: Receive,
        wire: Wire,
        said: Said,
    ) -> None:
        self.actor, self.ref, self.seat = who
        self.receive, self.wire = receive, wire
        self._lane, self._said = lane, said
        self.line: GuestLine
        self.loop = asyncio.get_running_loop()
        self.over: asyncio.Future[tuple[int, str]] = self.loop.create_future()
        self.drives = False
        self.began_at = self.loop.time()
        self.pace = talk.Pace()
        self.sending_since = self.acted_at = 0.0
        self.shown = self.typed = self._unread = 0
        self._read: asyncio.Event | None = None
        self._news: dict[str, dict[str, Any]] = {}
        self._teller: asyncio.Task[None] | None = None

    async def run(self) -> tuple[int, str]:
        """Until it is over; answers close code and reason. `line` is there by then."""
        tasks = [self.loop.create_task(self._down()), self.loop.create_task(self._up())]
        for task in tasks:
            task.add_done_callback(self._fell)
        try:
            return await self.over
        finally:
            if self._teller is not None:
                tasks.append(self._teller)
            for task in tasks:
                task.cancel()
            self.line.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self, code: int, reason: str) -> None:
        """Close it; the first who does decides why."""
        if not self.over.done():
            self.over.set_result((code, reason))

    def set_drives(self, drives: bool) -> None:
        """Whether what is typed here reaches the guest; held keys are let go with the seat."""
        if self.drives and not drives:
            self.line.send(self._lane.let_go())
        self.drives = drives

    def tell(self, message: dict[str, Any]) -> None:
        """Say something to the page beside the bytes; of each type only the newest waits."""
        self._news[message["type"]] = message
        if self._teller is None:
            self._teller = self.loop.create_task(self._tell())

    def acknowledge(self, count: int) -> None:
        """The terminal has drawn so many bytes."""
        self._unread = max(0, self._unread - count)
        if self._read is not None and self._unread <= self._lane.window:
            self._read.set()

    def is_stalled(self, now: float) -> bool:
        """The viewer takes nothing any more, or never finished its greeting."""
        if self.sending_since and now - self.sending_since > STALL_S:
            return True
        return not self._lane.is_talking and now - self.began_at > GREETING_S

    def _fell(self, task: asyncio.Task[None]) -> None:
        """A direction that failed ends the console; nothing is left half open."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("console of %s failed", self.ref, exc_info=error)
            self.end(*FAULT)

    def has_acted(self, now: float) -> bool:
        """The person typed or pointed within the last seconds: the session is not idle."""
        return bool(self.acted_at) and now - self.acted_at < RECENT_S

    async def _down(self) -> None:
        lane, line, wire, clock = self._lane, self.line, self.wire, self.loop.time
        try:
            while data := await line.read():
                data = lane.from_guest(data)
                if not data:
                    continue
                self.sending_since = clock()
                await wire.send_bytes(data)
                self.shown += len(data)
                if lane.window:
                    await self._until_drawn(len(data))
                self.sending_since = 0.0
        except NotRfb as problem:
            log.info("screen of %s: %s", self.ref, problem)
            self.end(Invalid.close_code, "protocol")
        except GONE:
            self.end(*LEFT)
        else:
            self.end(*GUEST_END)

    async def _until_drawn(self, count: int) -> None:
        self._unread += count
        if self._unread > self._lane.window:
            self._read = asyncio.Event()
            await self._read.wait()
            self._read = None

    async def _up(self) -> None:
        try:
            while True:
                message = await self.receive()
                data = message.get("bytes")
                if data:
                    passed = self._lane.from_viewer(data, may_drive=self.drives)
                    if passed:
                        self.typed += len(passed)
                        if self._lane.has_acted:
                            self.acted_at = self.loop.time()
                        await self.line.write(passed)
                elif message["type"] == "websocket.disconnect":
                    return self.end(*LEFT)
                else:
                    await self._said(self, talk.word(message.get("text") or ""))
        except (NotRfb, ValueError) as problem:
            log.info("viewer of %s: %s", self.ref, problem)
            self.end(Invalid.close_code, "protocol")
        except OSError:
            self.end(*GUEST_END)

    async def _tell(self) -> None:
        while self._news:
            message = self._news.pop(next(iter(self._news)))
            text = json.dumps(message, ensure_ascii=False)
            try:
                await self.wire.send({"type": "websocket.send", "text": text})
            except GONE:
                self.end(*LEFT)
        self._teller = None
