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
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

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

T = TypeVar("T")
MOST = 2
"""At once on one host: each takes some 600 MiB."""
IDLE_S = 600.0
LONGEST_S = 2 * 3600.0
STARTED_WITHIN_S = 300.0
"""Emulated, on a busy machine, with the appliance still to be built."""
WATCH_S = 1.0
REMEMBERED = 64
"""Looks that ended, whose end is still told."""


@dataclass(frozen=True, slots=True)
class Image:
    """What is looked at. Read in another format, or judged by another chain, it is another one."""

    uuid: str
    name: str
    image_format: str
    chain: tuple[str, ...]

    @property
    def asked(self) -> dict[str, Any]:
        """As the hypervisor's functions take it."""
        return {
            "uuid": self.uuid,
            "name": self.name,
            "image_format": self.image_format,
            "chain": list(self.chain),
        }


@dataclass(slots=True)
class Open:
    """One look under way. look: what is told of it. ended: set to why it shall end."""

    image: Image
    purpose: str
    line: Line
    look: Look
    ended: asyncio.Future[errors.Problem | None]
    began_at: float
    used_at: float
    serving: image_serving.Serving | None = None
    process: Process | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Everything of it is gone."""

    def end(self, why: errors.Problem | None = None) -> None:
        """Soon; what follows it cleans up."""
        if not self.ended.done():
            self.ended.set_result(why)

    def use(self) -> None:
        """Somebody needs it still."""
        self.used_at = time.time()


class Looks:
    """All looks of this host."""

    def __init__(self, link: Link, publisher: Publisher) -> None:
        self._link = link
        self._publisher = publisher
        self._open: dict[Image, Open] = {}
        self._over: dict[Image, Look] = {}
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
        chain = tuple(map(str, args.pop("chain")))
        uuid, name = str(args.pop("uuid")), str(args.pop("name"))
        image = Image(uuid, name, str(args.pop("image_format")), chain)
        return await self._verbs[verb](image, **args)

    def changed(self) -> None:
        """Some guest differs: a look into what it runs with now ends."""
        for found in list(self._open.values()):
            self._spawn(self._recheck(found))

    async def _state(self, image: Image) -> Reply:
        return Reply(wire.to_plain(self._look(image)))

    async def _begin(self, image: Image) -> Reply:
        """Answers at once: what comes of it is told."""
        if image not in self._open:
            if not guestfs.is_here():
                raise errors.NotSupported("libguestfs")
            if len(self._open) >= MOST:
                raise errors.Quota(f"{MOST} looks are under way on this host")
            await self._make(image)
        return Reply(wire.to_plain(self._look(image)))

    async def _list(self, image: Image, device: str, path: str) -> Reply:
        return Reply(await self._ask(image, "list", device=device, path=path))

    async def _measure(self, image: Image, device: str, path: str) -> Reply:
        return Reply(await self._ask(image, "measure", device=device, path=path))

    async def _stream(
        self, image: Image, device: str, path: str, offset: int, length: int
    ) -> Reply:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        try:
            await self._ask(
                image, "stream", ours, device=device, path=path, offset=offset, length=length
            )
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return Reply(descriptor=theirs.detach())

    async def _end(self, image: Image) -> Reply:
        found = self._open.get(image)
        if found:
            found.end()
            await found.over.wait()
        return Reply()

    def _look(self, image: Image) -> Look:
        found = self._open[image].look if image in self._open else self._over.get(image, Look())
        return replace(found, is_able=guestfs.is_here())

    async def _ask(
        self, image: Image, act: str, end: socket.socket | None = None, **args: Any
    ) -> Any:
        """The answer of this look. One that does not answer in time is over: it may hang for ever.

        Raises Conflict where nobody looks.
        """
        found = self._open.get(image)
        if found is None or found.process is None or found.look.state is not LookState.READY:
            raise errors.Conflict("nobody looks into this disk now")
        found.use()
        try:
            return await found.process.ask(act, end.detach() if end else None, **args)
        except TimeoutError as error:
            found.end(errors.Fault("it does not answer"))
            raise errors.Busy(f"{act} takes too long") from error

    async def _make(self, image: Image) -> None:
        purpose, now = f"inside-{next(self._numbers)}", time.time()
        line = self._link.lines.of(purpose)
        ended = asyncio.get_running_loop().create_future()
        look = Look(LookState.STARTING, began_at=now)
        found = self._open[image] = Open(image, purpose, line, look, ended, now, now)
        self._over.pop(image, None)
        try:
            layers = await _on(line, partial(images.plan, **image.asked))
            serving = found.serving = image_serving.Serving([it.image for it in layers])
            serving.greet()
            line.submit(lambda _connection: serving.run())
            emulate = not guestfs.has_kvm()
            found.process = await inside_process.start(layers, serving.ends, emulate=emulate)
        except BaseException as error:
            await self._over_with(found, Look())
            if isinstance(error, OSError):
                raise errors.Fault(str(error)) from error
            raise
        self._tell(image)
        self._spawn(self._follow(found, found.process))

    async def _follow(self, found: Open, process: Process) -> None:
        """Until it ends, for whatever reason."""
        hearing = asyncio.ensure_future(self._hear(found, process))
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
        await self._over_with(found, ended)
        self._tell(found.image)

    async def _hear(self, found: Open, process: Process) -> None:
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
            self._tell(found.image)

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
            idle = partial(images.require_idle, uuid=found.image.uuid, name=found.image.name)
            await _on(line, idle)
        except errors.Problem as problem:
            found.end(problem)

    async def _over_with(self, found: Open, look: Look) -> None:
        if found.process:
            await found.process.end()
        if found.serving:
            found.serving.stop()
        self._link.lines.release(found.purpose)
        found.line.retire()
        if self._open.get(found.image) is found:
            del self._open[found.image]
        if look.state is LookState.ENDED:
            self._over[found.image] = look
            if len(self._over) > REMEMBERED:
                del self._over[next(iter(self._over))]
        found.over.set()

    def _tell(self, image: Image) -> None:
        self._publisher.tell_look(refs.volume_id(image.uuid, image.name))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _on(line: Line, work: Callable[..., T]) -> T:
    return await asyncio.wrap_future(line.submit(work))
