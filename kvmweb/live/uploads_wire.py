"""The middle of an upload's body on its shortest way: from the connection into the worker's socket.

uvicorn hands a body on in pieces that were joined, parsed and copied five times, by a task that is
woken for each; an upload is little else than such pieces. Where its protocol over h11 is met, a
body of known length goes past it into one buffer, and from there into the socket, with the same
rule: what the worker does not take is not read from the sender. Head and end stay h11's, and any
other server gives plain ASGI.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

ROOM = 256 * 1024
LEAST = 512 * 1024
"""Less is not worth the change."""
GATHERED = 64 * 1024
"""The kernel wakes us for so much at once: a browser writes 16 KiB at a time, and a piece costs
every process on its way the same, however long it is."""
_NEEDED = ("transport", "conn", "flow", "body")


async def pour(
    receive: Callable[[], Awaitable[Any]], line: socket.socket, left: int, silent_s: float
) -> int:
    """Move what may be moved of these bytes of the body, and say how many; none elsewhere.

    Raises OSError when the worker takes no more, TimeoutError when nothing moves for so long.
    """
    intake = _begun(getattr(receive, "__self__", None), line, left)
    if intake is None:
        return 0
    try:
        await intake.run(silent_s)
    finally:
        intake.give_back()
    return intake.moved


def _begun(cycle: Any, line: socket.socket, left: int) -> Intake | None:
    """None where the server is another, or the body not of known length, or short."""
    if not all(hasattr(cycle, name) for name in _NEEDED):
        return None
    reader = getattr(cycle.conn, "_reader", None)
    count = min(left - len(cycle.body), getattr(reader, "_remaining", 0) - 1)
    if count < LEAST or cycle.disconnected or cycle.conn.trailing_data[0]:
        return None
    return Intake(cycle, reader, line, count)


class Intake(asyncio.BufferedProtocol):
    """Stands in the place of the server's protocol until so many bytes have come."""

    def __init__(self, cycle: Any, reader: Any, line: socket.socket, count: int) -> None:
        self.moved = 0
        self._reader, self._line, self._left = reader, line, count
        self._transport, self._flow = cycle.transport, cycle.flow
        self._loop = asyncio.get_running_loop()
        self._moved_at = self._loop.time()
        self._over: asyncio.Future[OSError | None] = self._loop.create_future()
        self._room = memoryview(bytearray(ROOM))
        self._usual: Any = self._transport.get_protocol()
        self._transport.set_protocol(self)
        self._gather(GATHERED)
        came, cycle.body = memoryview(cycle.body), bytearray()
        cycle.message_event.clear()
        self._push(came)

    async def run(self, silent_s: float) -> None:
        """Until all came, or the sender left. The worker has twice as long as the sender."""
        while not self._over.done():
            patience = silent_s * 2 if self._flow.read_paused else silent_s
            left = self._moved_at + patience - self._loop.time()
            if left <= 0:
                raise TimeoutError
            await asyncio.wait([self._over], timeout=left)
        error = self._over.result()
        if error is not None:
            raise error

    def give_back(self) -> None:
        """The end of the body, and whatever comes then, is the server's to understand."""
        self._loop.remove_writer(self._line)
        self._gather(1)
        self._transport.set_protocol(self._usual)

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio's word. What was in it is sent: before that, nothing is read."""
        return self._room[: self._left]

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio's word."""
        self._left -= nbytes
        self._reader._remaining -= nbytes
        if self._left < LEAST and self._is_gathering:  # as the last ones come, however few
            self._gather(1)
        self._push(self._room[:nbytes])

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's word."""
        self._usual.connection_lost(exc)
        self._end(None)

    def pause_writing(self) -> None:
        """asyncio's word."""
        self._usual.pause_writing()

    def resume_writing(self) -> None:
        """asyncio's word."""
        self._usual.resume_writing()

    def _push(self, rest: memoryview) -> None:
        """Give this to the worker; nothing is read before it has taken all."""
        self._moved_at = self._loop.time()
        try:
            sent = self._line.send(rest) if rest else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._flow.pause_reading()
            self._end(error)
            return
        self.moved += sent
        if sent < len(rest):
            self._flow.pause_reading()
            self._loop.add_writer(self._line, self._push, rest[sent:])
        elif self._left:
            if self._flow.read_paused:
                self._loop.remove_writer(self._line)
                self._flow.resume_reading()
        else:
            self._flow.pause_reading()
            self._end(None)

    def _gather(self, least: int) -> None:
        self._is_gathering = least > 1
        if not self._transport.is_closing():
            peer = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)

    def _end(self, error: OSError | None) -> None:
        self._loop.remove_writer(self._line)
        if not self._over.done():
            self._over.set_result(error)
