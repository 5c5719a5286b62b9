"""Looks into disks: begun, asked, watched and ended. Lives on the asyncio thread.

The bytes of an image come from this process, by libvirt and over a socket pair; whatever makes
sense of them has nothing else of ours (`appliance`, `confinement`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from kvmweb.core import errors, refs, wire
from kvmweb.core.inside import FileSystem, Look, LookState
from kvmweb.hostworker import inside_process
from kvmweb.hostworker.inside_process import Process
from kvmweb.hostworker.link import Link
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hostworker.server import Reply
from kvmweb.hypervisor import guestfs, image_serving
from kvmweb.hypervisor import inside as images
from kvmweb.hypervisor.connections import Line

log = logging.getLogger(__name__)

MOST = 2
"""At once on one host: each takes some 600 MiB."""
IDLE_S = 600.0
LONGEST_S = 2 * 3600.0
STARTED_WITHIN_S = 300.0
"""Emulated, on a busy machine, with the appliance still to be built."""
WATCH_S = 1.0
REMEMBERED = 64
"""Looks that ended, whose end is still told."""


@dataclass(slots=True)
class Open:
    """One look under way. look: what is told of it. ended: set to why it shall end."""

    uuid: str
    name: str
    purpose: str
    line: Line
    look: Look
    ended: asyncio.Future[errors.Problem | None]
    began_at: float
    used_at: float
    serving: image_serving.Serving | None = None
    process: Process | None = None

    def end(self, why: errors.Problem | None = None) -> None:
        """Soon; what follows it cleans up."""
        if not self.ended.done():
            self.ended.set_result(why)

    def use(self) -> None:
        """Somebody needs it still."""
        self.used_at = time.time()


class Looks:
    """All looks of this host, by the volume's id."""

    def __init__(self, link: Link, publisher: Publisher) -> None:
        self._link = link
        self._publisher = publisher
        self._open: dict[str, Open] = {}
        self._over: dict[str, Look] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[..., Awaitable[Reply]]] = {
            "inside.state": self._state,
            "inside.begin": self._begin,
            "inside.list": self._list,
            "inside.measure": self._measure,
            "inside.open": self._stream,
            "inside.end": self._end,
        }
        inside_process.sweep()

    def knows(self, verb: str) -> bool:
        """Whether this is a verb of ours."""
        return verb in self._verbs

    async def answer(self, verb: str, args: dict[str, Any]) -> Reply:
        """Raises a Problem."""
        return await self._verbs[verb](**args)

    def changed(self) -> None:
        """Some guest differs: a look into what it runs with now ends."""
        for found in list(self._open.values()):
            self._spawn(self._recheck(found))

    async def _state(self, uuid: str, name: str) -> Reply:
        return Reply(wire.to_plain(self._look(refs.volume_id(uuid, name))))

    async def _begin(self, uuid: str, name: str, image_format: str, chain: list[str]) -> Reply:
        """Answers at once: what comes of it is told."""
        key = refs.volume_id(uuid, name)
        if key not in self._open:
            if not guestfs.is_here():
                raise errors.NotSupported("libguestfs")
            if len(self._open) >= MOST:
                raise errors.Busy(f"{MOST} looks are under way on this host")
            await self._make(key, uuid, name, image_format, chain)
        return Reply(wire.to_plain(self._look(key)))

    async def _list(self, uuid: str, name: str, device: str, path: str) -> Reply:
        return Reply(await self._ready(uuid, name).ask("list", device=device, path=path))

    async def _measure(self, uuid: str, name: str, device: str, path: str) -> Reply:
        return Reply(await self._ready(uuid, name).ask("measure", device=device, path=path))

    async def _stream(
        self, uuid: str, name: str, device: str, path: str, offset: int, length: int
    ) -> Reply:
        process = self._ready(uuid, name)
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        try:
            await process.ask(
                "stream", ours.detach(), device=device, path=path, offset=offset, length=length
            )
        except BaseException:
            theirs.close()
            raise
        return Reply(descriptor=theirs.detach())

    async def _end(self, uuid: str, name: str) -> Reply:
        found = self._open.get(refs.volume_id(uuid, name))
        if found:
            found.end()
        return Reply()

    def _look(self, key: str) -> Look:
        found = self._open[key].look if key in self._open else self._over.get(key, Look())
        return replace(found, is_able=guestfs.is_here())

    def _ready(self, uuid: str, name: str) -> Process:
        found = self._open.get(refs.volume_id(uuid, name))
        if found is None or found.process is None or found.look.state is not LookState.READY:
            raise errors.Conflict("nobody looks into this disk now")
        found.use()
        return found.process

    async def _make(
        self, key: str, uuid: str, name: str, image_format: str, chain: list[str]
    ) -> None:
        purpose, now = f"inside-{next(self._numbers)}", time.time()
        line = self._link.lines.of(purpose)
        ended = asyncio.get_running_loop().create_future()
        look = Look(LookState.STARTING, began_at=now)
        found = self._open[key] = Open(uuid, name, purpose, line, look, ended, now, now)
        self._over.pop(key, None)
        try:
            layers = await asyncio.wrap_future(
                line.submit(
                    lambda connection: images.plan(
                        connection, uuid, name=name, image_format=image_format, chain=chain
                    )
                )
            )
            serving = found.serving = image_serving.Serving([it.image for it in layers])
            serving.greet()
            line.submit(lambda _connection: serving.run())
            emulate = not guestfs.has_kvm()
            found.process = await inside_process.start(layers, serving.ends, emulate=emulate)
        except BaseException as error:
            await self._over_with(key, found, Look())
            if isinstance(error, OSError):
                raise errors.Fault(str(error)) from error
            raise
        self._tell(key)
        self._spawn(self._follow(key, found, found.process))

    async def _follow(self, key: str, found: Open, process: Process) -> None:
        """Until it ends, for whatever reason."""
        hearing = asyncio.ensure_future(self._hear(key, found, process))
        watching = asyncio.ensure_future(self._watch(found))
        either: set[asyncio.Future[Any]] = {hearing, watching, found.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        why = found.ended.result() if found.ended.done() else errors.Fault("it broke off")
        for task in (hearing, watching):
            task.cancel()
        await asyncio.gather(hearing, watching, return_exceptions=True)
        ended = Look(LookState.ENDED)
        if why is not None:
            log.info("a look ended: %s", why)
            ended = replace(ended, problem=why.code, detail=why.detail)
        await self._over_with(key, found, ended)
        self._tell(key)

    async def _hear(self, key: str, found: Open, process: Process) -> None:
        async for said in process.messages():
            if "ready" in said:
                systems = [wire.from_plain(FileSystem, it) for it in said["ready"]]
                found.look = replace(found.look, state=LookState.READY, file_systems=tuple(systems))
                found.use()
            elif "ended" in said:
                found.end(errors.problem(str(said["ended"]), str(said.get("detail", ""))))
                return
            elif "moved" in said:
                found.use()
                continue
            else:
                done, total = int(said["done"]), int(said["total"])
                found.look = replace(found.look, done=done, total=total)
            self._tell(key)

    async def _watch(self, found: Open) -> None:
        while True:
            now = time.time()
            is_ready = found.look.state is LookState.READY
            if not is_ready and now - found.began_at > STARTED_WITHIN_S:
                found.end(errors.Busy(f"it did not start within {STARTED_WITHIN_S:.0f} s"))
            elif is_ready and now - found.used_at > IDLE_S:
                found.end(errors.Cancelled("idle"))
            elif now - found.began_at > LONGEST_S:
                found.end(errors.Cancelled("longest"))
            elif self._link.away.done():
                found.end(errors.HostDown(self._publisher.link_reason))
            await asyncio.sleep(WATCH_S)

    async def _recheck(self, found: Open) -> None:
        line = self._link.lines.of("pools")
        try:
            await asyncio.wrap_future(
                line.submit(lambda c: images.require_idle(c, found.uuid, name=found.name))
            )
        except errors.Problem as problem:
            found.end(problem)

    async def _over_with(self, key: str, found: Open, look: Look) -> None:
        if found.process:
            await found.process.end()
        if found.serving:
            found.serving.stop()
        self._link.lines.release(found.purpose)
        found.line.retire()
        if self._open.get(key) is found:
            del self._open[key]
        if look.state is LookState.ENDED:
            self._over[key] = look
            if len(self._over) > REMEMBERED:
                del self._over[next(iter(self._over))]

    def _tell(self, key: str) -> None:
        self._publisher.tell_look(key)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
