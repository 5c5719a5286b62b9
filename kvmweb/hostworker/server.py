"""The worker's socket: one connection is one request, or one subscription.

Raw sockets on the asyncio loop: streams cannot carry descriptors. A bad request costs its
connection and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from kvmweb.core import errors, wire
from kvmweb.hostworker.publisher import Publisher

log = logging.getLogger(__name__)

REQUEST_MAX = 2 * 1024 * 1024
REQUEST_S = 5.0
ANSWER_S = 10.0
STALLED_S = 30.0
"""A subscriber that takes nothing for so long is dropped; the hub subscribes again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a verb answers: a plain value, and maybe a descriptor that is closed once sent."""

    value: Any = None
    descriptor: int | None = None


Answer = Callable[[str, dict[str, Any], float], Awaitable[Reply]]


class Server:
    """Listens on a Unix socket that only the owner may open."""

    def __init__(self, path: str, publisher: Publisher, answer: Answer) -> None:
        self._path = path
        self._publisher = publisher
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Accept for ever."""
        loop = asyncio.get_running_loop()
        listener = _bind(self._path)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("accept: %s", error)
                await asyncio.sleep(0.2)
                continue
            connection.setblocking(False)
            task = asyncio.create_task(self._guarded(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _guarded(self, connection: socket.socket) -> None:
        with connection:
            try:
                await self._serve(connection)
            except (OSError, TimeoutError):
                pass  # the other side left, or stopped reading
            except Exception:
                log.exception("a connection stumbled")

    async def _serve(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                request = await _read(connection)
            verb, args = request.get("verb"), request.get("args") or {}
            if not isinstance(verb, str) or not isinstance(args, dict):
                raise errors.Invalid("a request has a verb and args")
            deadline_s = float(request.get("deadline_s") or 4.0)
        except (errors.Invalid, TypeError, ValueError) as error:
            await _send(connection, _trouble(errors.Invalid(str(error))))
            return
        if verb == "subscribe":
            await self._stream(connection)
            return
        await self._reply(connection, verb, args, deadline_s)

    async def _reply(
        self, connection: socket.socket, verb: str, args: dict[str, Any], deadline_s: float
    ) -> None:
        try:
            reply = await self._answer(verb, args, deadline_s)
        except errors.Problem as problem:
            await _send(connection, _trouble(problem))
        except TypeError as error:
            await _send(connection, _trouble(errors.Invalid(str(error))))
        except Exception as error:
            log.exception("%s stumbled", verb)
            await _send(connection, _trouble(errors.Fault(f"{type(error).__name__}: {error}")))
        else:
            await _send(connection, {"ok": reply.value}, reply.descriptor)

    async def _stream(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        outbox = self._publisher.subscribe()
        left = asyncio.ensure_future(loop.sock_recv(connection, 1))
        try:
            while not left.done():
                taken = asyncio.ensure_future(outbox.take())
                await asyncio.wait({left, taken}, return_when=asyncio.FIRST_COMPLETED)
                if not taken.done():
                    taken.cancel()
                    break
                async with asyncio.timeout(STALLED_S):
                    await loop.sock_sendall(connection, taken.result())
        finally:
            self._publisher.unsubscribe(outbox)
            left.cancel()


def _bind(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    listener.listen(128)
    listener.setblocking(False)
    return listener


async def _read(connection: socket.socket) -> dict[str, Any]:
    (length,) = wire.HEADER.unpack(await _exactly(connection, wire.HEADER.size))
    if length > REQUEST_MAX:
        raise errors.Invalid("the request is too large")
    request = json.loads(await _exactly(connection, length))
    if not isinstance(request, dict):
        raise errors.Invalid("a request is an object")
    return request


async def _exactly(connection: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    parts, missing = [], count
    while missing:
        part = await loop.sock_recv(connection, missing)
        if not part:
            raise ConnectionResetError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


async def _send(
    connection: socket.socket, message: dict[str, Any], descriptor: int | None = None
) -> None:
    """One frame; a descriptor travels with its first byte and is closed here."""
    frame = wire.frame(message)
    if descriptor is not None:
        try:
            sent = socket.send_fds(connection, [frame], [descriptor])
        finally:
            os.close(descriptor)
        frame = frame[sent:]
    async with asyncio.timeout(ANSWER_S):
        await asyncio.get_running_loop().sock_sendall(connection, frame)


def _trouble(problem: errors.Problem) -> dict[str, Any]:
    return {"problem": problem.code, "detail": problem.detail, "context": problem.context}
