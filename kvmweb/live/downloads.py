"""The data of a download, from the worker's descriptor into the answer, holes as zeros.

`GET /storage/<host>/<pool>/volumes/<volume>/download/` for who is signed in, or with a transfer
ticket. One range is answered (206), so that a download goes on where it broke off. Whatever is
wrong before the first byte is left to the page of that address, which says it in words.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from kvmweb.core import errors, flows, refs
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref, volume_id
from kvmweb.live import transfers
from kvmweb.live.transfers import (
    SILENT_S,
    TICKET,
    Application,
    Guarded,
    Receive,
    Scope,
    Send,
    desk,
)
from kvmweb.services import downloads
from kvmweb.services.downloads import Download

log = logging.getLogger(__name__)

PLACE = re.compile(
    r"/storage/(?P<host>[a-z0-9-]+)/(?P<pool>[0-9a-f-]{36})"
    r"/volumes/(?P<volume>[0-9a-f-]{36})/download/"
)
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
PIECE = 256 * 1024
_ODD = re.compile(r"[^A-Za-z0-9._+-]")


@dataclass(frozen=True, slots=True)
class Part:
    """Which bytes are answered. is_whole: all of them were asked for."""

    start: int
    length: int
    is_whole: bool


def beside(application: Application) -> Application:
    """This application for the data of downloads, the other one for everything else."""

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["method"] in ("GET", "HEAD")
        found = PLACE.fullmatch(transfers.path_of(scope)) if is_ours else None
        if found is None or not await _give(scope, receive, send, found):
            await application(scope, receive, send)

    return either


async def _give(scope: Scope, receive: Receive, send: Send, found: re.Match[str]) -> bool:
    """False when the page of this address shall answer."""
    has_ticket = TICKET in transfers.headers(scope)
    try:
        ref, volume = refs.pool(found["host"], str(UUID(found["pool"]))), UUID(found["volume"])
        actor = await _who(scope, ref, volume)
        if actor is None:
            return False
        about = await desk(downloads.measure, actor, ref, volume)
        part = await begin(scope, send, about)
        if part is None:
            return True
        line = await desk(downloads.open_, actor, ref, volume, part.start, part.length)
    except ValueError:
        return False
    except errors.Problem as problem:
        if has_ticket:
            await transfers.refuse(send, problem)
        return has_ticket
    await flow(Guarded(actor, ref, "volume.download"), line, receive, send, about, part)
    return True


async def begin(scope: Scope, send: Send, about: Download) -> Part | None:
    """What of it is asked for; None when no data is, and the answer was given."""
    part = _part(transfers.headers(scope), about)
    if part is None:
        await _send_head(send, 416, [(b"content-range", b"bytes */%d" % about.size)])
    elif scope["method"] == "HEAD" or not part.length:
        await _send_head(send, 200 if part.is_whole else 206, _described(about, part))
    else:
        return part
    await send({"type": "http.response.body", "body": b""})
    return None


async def _who(scope: Scope, ref: Ref, volume: UUID) -> Actor | None:
    if TICKET not in transfers.headers(scope):
        return await transfers.by_cookie(scope)
    actor, name, _ = await transfers.by_ticket(scope, "down", ref)
    if volume_id(ref.id, name) != str(volume):
        raise errors.Denied("the ticket is for another volume", ref=str(ref))
    return actor


async def flow(
    guarded: Guarded,
    line: socket.socket,
    receive: Receive,
    send: Send,
    about: Download,
    part: Part,
) -> None:
    """These bytes from the worker's frames, until all came, the reader left, or the right went."""
    line.setblocking(False)
    with line, guarded:
        await _send_head(send, 200 if part.is_whole else 206, _described(about, part))
        pump = asyncio.ensure_future(_pump(line, send, part.length))
        leaving = asyncio.ensure_future(_until_left(receive))
        either: set[asyncio.Future[None]] = {pump, leaving, guarded.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for task in (pump, leaving):
            task.cancel()
        results = await asyncio.gather(pump, leaving, return_exceptions=True)
        if isinstance(results[0], errors.Problem | OSError | TimeoutError):
            log.info("a download ended early: %s", results[0])


async def _pump(line: socket.socket, send: Send, left: int) -> None:
    """Exactly as many bytes as were promised; whatever goes wrong, fewer: then it is no end."""
    loop, frames = asyncio.get_running_loop(), flows.Frames()
    while left and frames.verdict is None:
        async with asyncio.timeout(SILENT_S * 2):
            came = await loop.sock_recv(line, PIECE)
        if not came:
            break
        for piece in frames.feed(came):
            left = await _put(send, piece, left)
    if not left:
        await send({"type": "http.response.body", "body": b""})


async def _put(send: Send, piece: bytes | memoryview | int, left: int) -> int:
    """Send data, or the zeros of a hole; answers how many bytes are missing still."""
    rest = piece if isinstance(piece, int) else len(piece)
    while rest and left:
        count = min(rest, left, len(flows.ZEROS))
        if isinstance(piece, int):
            body = flows.ZEROS[:count] if count < len(flows.ZEROS) else flows.ZEROS
        else:
            count = min(rest, left)
            body = bytes(piece[:count])
        async with asyncio.timeout(SILENT_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        rest, left = rest - count, left - count
    return left


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_head(send: Send, status: int, listed: list[tuple[bytes, bytes]]) -> None:
    found = [*listed, *transfers.SAFE]
    await send({"type": "http.response.start", "status": status, "headers": found})


def _described(about: Download, part: Part) -> list[tuple[bytes, bytes]]:
    end = part.start + part.length - 1
    listed = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(part.length).encode()),
        (b"content-disposition", disposition(about.name).encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", about.etag.encode()),
    ]
    if not part.is_whole:
        listed.append((b"content-range", b"bytes %d-%d/%d" % (part.start, end, about.size)))
    return listed


def _part(headers: dict[bytes, bytes], about: Download) -> Part | None:
    """What is asked for: all, unless one range of what is there still; None: nothing of it."""
    whole = Part(0, about.size, is_whole=True)
    asked = headers.get(b"range", b"").decode("latin-1")
    condition = headers.get(b"if-range", b"").decode("latin-1")
    found = RANGE.fullmatch(asked)
    if not found or not (found[1] or found[2]) or condition not in ("", about.etag):
        return whole
    if not found[1]:
        start = max(0, about.size - int(found[2]))
        return Part(start, about.size - start, is_whole=False) if int(found[2]) else None
    start = int(found[1])
    end = min(int(found[2]) if found[2] else about.size, about.size - 1)
    if start > end:
        return None
    return Part(start, end - start + 1, is_whole=False)


def disposition(name: str) -> str:
    """A file's name for a header: plain ASCII for all, exact for those that can (RFC 6266)."""
    plain = _ODD.sub("_", name).lstrip(".-_") or "volume"
    return f"attachment; filename=\"{plain[:150]}\"; filename*=UTF-8''{quote(name, safe='')[:600]}"
