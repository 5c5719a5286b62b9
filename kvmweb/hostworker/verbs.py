"""Answers the socket: each request on its line, in its object's turn, before its deadline."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

import libvirt

from kvmweb.core import errors
from kvmweb.core.hosts import Part
from kvmweb.core.records import HostRecord
from kvmweb.hostworker import transfers
from kvmweb.hostworker.catalogue import CATALOGUE, Act, Purpose
from kvmweb.hostworker.inside import Looks
from kvmweb.hostworker.link import Link
from kvmweb.hostworker.publisher import Kind, Publisher
from kvmweb.hostworker.server import Reply
from kvmweb.hypervisor.actions import UUID
from kvmweb.hypervisor.connections import Line

Turn = tuple[Kind | None, str]
"""Of one object: what waits for what else is done to it."""

CONNECT_S = 2.0
LATE_S = 1.0
"""A pulse that takes longer: then it is the host that keeps a caller waiting, not the guest."""
MARGIN_S = 0.3
"""The answer leaves so much before the caller's deadline, to arrive in time."""


class Toucher(Protocol):
    """Whoever reads an object again after we changed it."""

    def __call__(self, kind: Kind | Part, identity: str, event_at: float | None) -> None:
        """Read this object, or this part of the host, again soon."""


class Consoles(Protocol):
    """Whoever seats viewers at serial consoles."""

    async def join(self, uuid: str, alias: str) -> int:
        """A descriptor of a seat in the room of this console."""


class Verbs:
    """Answers requests of the socket."""

    def __init__(
        self,
        link: Link,
        publisher: Publisher,
        touch: Toucher,
        consoles: Consoles,
        looks: Looks,
    ) -> None:
        self._link = link
        self._publisher = publisher
        self._touch = touch
        self._consoles = consoles
        self._transfers = transfers.Transfers(link)
        self._looks = looks
        self._turns: WeakValueDictionary[tuple[Kind | None, str], asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def answer(self, verb: str, args: dict[str, Any], deadline_s: float) -> Reply:
        """The reply to one request, before its deadline. Raises a Problem."""
        await self._connected(min(CONNECT_S, deadline_s / 2))
        if self._publisher.link_state != "up":
            raise errors.HostDown(self._publisher.link_reason or self._publisher.link_state)
        work = asyncio.ensure_future(self._work(verb, dict(args)))
        work.add_done_callback(_forget)
        patience = max(0.1, deadline_s - MARGIN_S)
        either: list[asyncio.Future[Any]] = [work, self._link.away]
        await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.add_done_callback(_discard)
        if self._link.away.done() or self._link.unanswered_s > LATE_S:
            raise errors.HostDown(self._publisher.link_reason or "libvirt does not answer")
        raise errors.Busy(f"{verb} is still at work after {patience:.1f} s")

    async def _connected(self, patience: float) -> None:
        """A worker that has just begun is about to be connected: wait a moment."""
        until = time.monotonic() + patience
        while self._publisher.link_state == "connecting" and time.monotonic() < until:
            await asyncio.sleep(0.05)

    async def _work(self, verb: str, args: dict[str, Any]) -> Reply:
        if verb == "guest.open_serial":
            seat = await self._consoles.join(str(args["uuid"]), str(args.get("alias", "")))
            return Reply(descriptor=seat)
        if self._looks.knows(verb):
            return await self._looks.answer(verb, args)
        if verb in transfers.VERBS:
            return await self._transfers.open(verb, args)
        act = CATALOGUE.get(verb)
        if act is None:
            raise errors.Invalid(f"no such verb: {verb}")
        if act.wants_uri:
            args["uri"] = self._link.uri
        if not act.takes_turn:
            return await self._act(act, args)
        turn = self._turns.setdefault((act.kind, str(args.get("uuid"))), asyncio.Lock())
        async with turn:
            return await self._act(act, args)

    async def _act(self, act: Act, args: dict[str, Any]) -> Reply:
        line = self._line(act.purpose)
        try:
            found = await _on(line, act.work, args)
        finally:
            if act.kind and UUID.fullmatch(str(args.get("uuid"))):
                name = f"/{args.get('name')}" if act.kind == "volume" else ""
                self._touch(act.kind, f"{args['uuid']}{name}", time.time())
            for guest in args.get(act.touches) or ():
                self._touch("guest", str(guest), time.time())
            if act.part:
                self._touch(act.part, "", time.time())
        if act.kind and isinstance(found, dict) and UUID.fullmatch(str(found.get("uuid"))):
            self._touch(act.kind, str(found["uuid"]), time.time())  # a new one: it had none before
        if isinstance(found, HostRecord):
            self._publisher.set_host(found)
        return act.answers(found)

    def _line(self, purpose: Purpose) -> Line:
        lines = self._link.lines
        if purpose.lines == 1:
            return lines.of(purpose.name)
        return lines.freest(purpose.name, purpose.lines)


async def _on(line: Line, work: Callable[..., Any], args: dict[str, Any]) -> Any:
    def act(connection: libvirt.virConnect) -> Any:
        return work(connection, **args)

    return await asyncio.wrap_future(line.submit(act))


def _forget(work: asyncio.Future[Reply]) -> None:
    """Retrieve the outcome, so that asyncio does not complain when nobody else does."""
    if not work.cancelled():
        work.exception()


def _discard(work: asyncio.Future[Reply]) -> None:
    """The caller has left: a descriptor that comes too late is closed."""
    if not work.cancelled() and not work.exception():
        descriptor = work.result().descriptor
        if descriptor is not None:
            os.close(descriptor)
