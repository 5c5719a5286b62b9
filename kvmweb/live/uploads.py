"""The data of an upload, from the request's body into the worker's descriptor, piece by piece.

`PUT /storage/<host>/<pool>/uploads/<upload>/data` with a transfer ticket in a header. It begins at
`Upload-Offset`, or where `Content-Range` says; without both at the beginning. With `Upload-Until`
it ends before that byte, and other parts of the same file may come meanwhile. Nothing is kept on
the way: a piece is read when the one before was taken, so a slow pool slows the sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
from typing import Any
from uuid import UUID

from kvmweb.core import errors, flows, refs
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import UploadRecord
from kvmweb.live import transfers, uploads_wire
from kvmweb.live.transfers import GONE, SILENT_S, Application, Guarded, Receive, Scope, Send, desk
from kvmweb.services import uploads_line

log = logging.getLogger(__name__)

PLACE = re.compile(
    r"/storage/(?P<host>[a-z0-9-]+)/(?P<pool>[0-9a-f-]{36})/uploads/(?P<upload>[0-9a-f-]{36})/data"
)
RANGE = re.compile(rb"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")
HOLD_EVERY_S = 2.0
VERDICT_S = 60.0


def beside(application: Application) -> Application:
    """This application for the data of uploads, the other one for everything else."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        found = PLACE.fullmatch(transfers.path_of(scope)) if scope["method"] == "PUT" else None
        if found is None:
            await application(scope, receive, send)
            return
        try:
            pool, upload = UUID(found["pool"]), UUID(found["upload"])
        except ValueError:
            await transfers.refuse(send, errors.NotFound())
            return
        await _take(scope, receive, send, refs.pool(found["host"], str(pool)), upload)

    return either


async def _take(scope: Scope, receive: Receive, send: Send, ref: Ref, upload: UUID) -> None:
    try:
        actor, _, allowed = await transfers.by_ticket(scope, "up", ref)
        if allowed != upload:
            raise errors.Denied("the ticket is for another file", ref=str(ref))
        headers = transfers.headers(scope)
        offset, until = _offset(headers), _whole(headers.get(b"upload-until", b""))
        opened = await desk(uploads_line.take, actor, ref, upload, offset, until)
    except errors.Problem as problem:
        await transfers.refuse(send, problem)
        return
    moving = asyncio.ensure_future(_move(actor, ref, upload, opened, receive))
    try:
        record = await asyncio.shield(moving)
    except asyncio.CancelledError:
        await moving  # the server gives up on the client; what libvirt took is still written down
        raise
    if record is not None:
        await _say(send, record)
        return
    with contextlib.suppress(*GONE):  # given up, or refused with another part, meanwhile
        await transfers.refuse(send, errors.Conflict("this upload is over"))


async def _move(
    actor: Actor, ref: Ref, upload: UUID, opened: uploads_line.Opened, receive: Receive
) -> UploadRecord | None:
    """Everything between the open descriptor and the row that knows how far it came."""
    line = opened.line
    line.setblocking(False)
    try:
        with Guarded(actor, ref, "volume.upload") as guarded:
            pump = asyncio.ensure_future(_pump(receive, line, opened.left))
            holding = asyncio.ensure_future(_hold(guarded, ref, upload, opened.start))
            hearing = asyncio.ensure_future(_hear(line))
            either: set[asyncio.Future[Any]] = {pump, hearing, guarded.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for task in (pump, holding):
                task.cancel()
            await asyncio.gather(pump, holding, return_exceptions=True)
            verdict = await _verdict(line, hearing)
    finally:
        line.close()
    return await desk(uploads_line.settle, upload, opened.start, verdict)


async def _pump(receive: Receive, line: socket.socket, left: int) -> None:
    """Until the body ends, the sender leaves, or the worker takes no more."""
    loop = asyncio.get_running_loop()
    while left > 0:
        async with asyncio.timeout(SILENT_S):
            message = await receive()
        body = message.get("body", b"")
        if len(body) > left:
            body = body[:left]
        if body:
            async with asyncio.timeout(SILENT_S * 2):
                await loop.sock_sendall(line, body)
            left -= len(body)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= await uploads_wire.pour(receive, line, left, SILENT_S * 2)


async def _hold(guarded: Guarded, ref: Ref, upload: UUID, start: int) -> None:
    """Say every few seconds that this request is alive, and hear whether it was given up."""
    while True:
        await asyncio.sleep(HOLD_EVERY_S)
        try:
            if not await desk(uploads_line.hold, guarded.actor, ref, upload, start):
                guarded.end()
        except errors.Problem:
            guarded.end()


async def _hear(line: socket.socket) -> flows.Verdict:
    """What the worker says of it: when nothing more comes, or before, when it takes no more."""
    loop, frames = asyncio.get_running_loop(), flows.Frames()
    while frames.verdict is None:
        piece = await loop.sock_recv(line, 65536)
        if not piece:
            raise ConnectionResetError("the worker went away")
        list(frames.feed(piece))
    return frames.verdict


async def _verdict(line: socket.socket, hearing: asyncio.Future[flows.Verdict]) -> flows.Verdict:
    """Say that nothing more comes, and hear what that means."""
    try:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_WR)
        return await asyncio.wait_for(hearing, VERDICT_S)
    except (*GONE, TimeoutError, errors.Fault) as error:
        log.info("an upload ended without a verdict: %s", error)
        return flows.Verdict(problem="host-down")


async def _say(send: Send, record: UploadRecord) -> None:
    """Where it stands; the sender may have left."""
    said = {
        "offset": record.offset,
        "safe": record.safe,
        "size": record.size,
        "state": record.state,
        "problem": record.problem,
    }
    status = 422 if record.problem else 200
    try:
        await transfers.answer(send, status, said)
    except GONE as error:
        log.debug("nobody hears of an upload: %s", error)


def _offset(headers: dict[bytes, bytes]) -> int:
    """Where the data begin. Raises Invalid."""
    plain = _whole(headers.get(b"upload-offset", b""))
    if plain is not None:
        return plain
    said = headers.get(b"content-range", b"")
    found = RANGE.fullmatch(said)
    if found:
        return int(found[1])
    if said:
        raise errors.Invalid("the offset is a number")
    return 0


def _whole(said: bytes) -> int | None:
    """A count of bytes; None when none is said. Raises Invalid."""
    if not said:
        return None
    if said.isdigit() and len(said) < 19:
        return int(said)
    raise errors.Invalid("the offset is a number")
