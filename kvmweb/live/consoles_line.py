"""The guest's end of a console in the event loop: few copies, bounded, a turn for everybody.

Reads are at most 64 KiB and land in one buffer that all consoles of the process share; one read a
turn of the loop, so that a flooded neighbour is not felt.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

READ_SIZE = 64 * 1024
AHEAD = 128 * 1024
"""Read ahead of a viewer before reading stops and the hypervisor has to wait."""

_landing = memoryview(bytearray(READ_SIZE))


class GuestLine(asyncio.BufferedProtocol):
    """Bytes from and to the guest. Made by `connect`."""

    __slots__ = ("_ahead", "_is_paused", "_transport", "_waiter", "_writable", "is_over")

    def __init__(self) -> None:
        self._ahead: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_paused = False
        self._transport: asyncio.Transport
        self.is_over = False

    @classmethod
    async def connect(cls, line: socket.socket) -> GuestLine:
        """Read from this connected socket from now on."""
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(cls, sock=line)
        return protocol

    async def read(self) -> bytes:
        """The next chunk; empty when the guest's end was closed."""
        while not self._ahead:
            if self.is_over:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        chunk = self._ahead.pop(0)
        if self._is_paused and not self._ahead and not self.is_over:
            self._is_paused = False
            self._transport.resume_reading()
        return chunk

    async def write(self, data: bytes) -> None:
        """Send, and wait while the guest's end is full."""
        self._transport.write(data)
        if self._writable is not None:
            await self._writable

    def send(self, data: bytes) -> None:
        """Send without waiting: for a few bytes."""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """Let go of it at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's word."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next read lands."""
        return _landing

    def buffer_updated(self, nbytes: int) -> None:
        """A read landed: keep it, and stop reading when the viewer is behind."""
        self._ahead.append(bytes(_landing[:nbytes]))
        self._wake()
        if len(self._ahead) * READ_SIZE >= AHEAD and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The guest's end was closed; what was read before is still shown."""
        self.is_over = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """As `eof_received`."""
        self.is_over = True
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        """The guest does not take what is typed."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It does again."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
