"""What the socket understands: each verb, the line it works on, and how long it may keep others."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakValueDictionary

import libvirt

from kvmweb.core import errors
from kvmweb.hostworker.link import Link
from kvmweb.hostworker.publisher import Kind, Publisher
from kvmweb.hostworker.server import Reply
from kvmweb.hypervisor import actions, hosts, pools, screens
from kvmweb.hypervisor.connections import Line

CONTROL_LINES = 4
FORCE_LINES = 2
CONNECT_S = 2.0
LATE_S = 1.0
"""A pulse that takes longer: then it is the host that keeps a caller waiting, not the guest."""
MARGIN_S = 0.3
"""The answer leaves so much before the caller's deadline, to arrive in time."""

Work = Callable[..., object]

GUEST_VERBS: dict[str, Work] = {
    "guest.start": actions.start,
    "guest.shutdown": actions.shutdown,
    "guest.reboot": actions.reboot,
    "guest.suspend": actions.suspend,
    "guest.resume": actions.resume,
    "guest.save": actions.save,
    "guest.discard_saved": actions.discard_saved,
    "guest.nmi": actions.nmi,
    "guest.autostart": actions.autostart,
    "guest.describe": actions.describe,
    "guest.sendkeys": actions.sendkeys,
}
"""One after the other for the same guest."""

FORCE_VERBS: dict[str, Work] = {"guest.destroy": actions.destroy, "guest.reset": actions.reset}
"""Never behind anything else: their own lines, no waiting for the guest's turn."""


class Toucher(Protocol):
    """Whoever reads an object again after we changed it."""

    def __call__(self, kind: Kind, identity: str, event_at: float | None) -> None:
        """Read this object again soon."""


class Consoles(Protocol):
    """Whoever seats viewers at serial consoles."""

    async def join(self, uuid: str, alias: str) -> int:
        """A descriptor of a seat in the room of this console."""


class Verbs:
    """Answers requests of the socket."""

    def __init__(
        self, link: Link, publisher: Publisher, touch: Toucher, consoles: Consoles
    ) -> None:
        self._link = link
        self._publisher = publisher
        self._touch = touch
        self._consoles = consoles
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

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
        if verb in FORCE_VERBS:
            return await self._guest(FORCE_VERBS[verb], self._force(), args)
        if verb in GUEST_VERBS:
            turn = self._turns.setdefault(str(args.get("uuid")), asyncio.Lock())
            async with turn:
                return await self._guest(GUEST_VERBS[verb], self._control(), args)
        match verb:
            case "guest.screenshot":
                image, mime = await _on(self._control(), actions.screenshot, args)
                return Reply({"mime": mime}, image)
            case "guest.open_screen":
                args["uri"] = self._link.uri
                return Reply(descriptor=await _on(self._control(), screens.open_screen, args))
            case "guest.open_serial":
                seat = await self._consoles.join(str(args["uuid"]), str(args.get("alias", "")))
                return Reply(descriptor=seat)
            case "pool.refresh":
                await _on(self._link.lines.of("pools"), pools.refresh, args)
                self._touch("pool", str(args["uuid"]), time.time())
                return Reply()
            case "host.ping":
                return Reply(await _on(self._link.lines.of("events"), hosts.ping, {}))
            case "host.test" | "host.facts":
                record = await _on(self._control(), hosts.read, {"uri": self._link.uri})
                self._publisher.set_host(record)
                return Reply(record)
        raise errors.Invalid(f"no such verb: {verb}")

    async def _guest(self, work: Work, line: Line, args: dict[str, Any]) -> Reply:
        try:
            changed = await _on(line, work, args)
        finally:
            if actions.UUID.fullmatch(str(args.get("uuid"))):
                self._touch("guest", str(args["uuid"]), time.time())
        return Reply({"changed": changed is not False})

    def _control(self) -> Line:
        return self._link.lines.freest("control", CONTROL_LINES)

    def _force(self) -> Line:
        return self._link.lines.freest("force", FORCE_LINES)


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
