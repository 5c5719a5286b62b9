"""A viewer's end of a console: ASGI's `send`, with a shorter way for bytes where there is one.

uvicorn's own way copies each chunk four times on its way into a frame; a console is little else
than chunks. Where its sans-I/O protocol is met, without compression, a frame is written straight
to its transport, under the same rules: wait until it is writable, nothing after closing. Any other
server gets plain ASGI.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]

_SMALL, _MEDIUM = 125, 0xFFFF
_BINARY = 0x82
_NEEDED = ("transport", "writable", "disconnected", "close_sent", "conn")


class Wire:
    """Bytes and messages to one viewer. Raises OSError once the viewer is gone."""

    __slots__ = ("_protocol", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        owner: Any = getattr(send, "__self__", None)
        is_known = all(hasattr(owner, name) for name in _NEEDED)
        self._protocol: Any = owner if is_known and not owner.conn.extensions else None

    def forget_handshake(self) -> None:
        """Once accepted: drop the request, the answer and the scope, which nobody reads again.

        4 KiB of an idle console; the server itself would keep them until it closes.
        """
        protocol = self._protocol
        if protocol is not None:
            protocol.request = protocol.response = None
            protocol.scope.clear()

    async def send_bytes(self, data: bytes) -> None:
        """One binary frame; waits while the viewer does not take what was sent before."""
        protocol = self._protocol
        if protocol is None:
            await self.send({"type": "websocket.send", "bytes": data})
            return
        if not protocol.writable.is_set():
            await protocol.writable.wait()
        if protocol.disconnected or protocol.close_sent:
            raise ConnectionResetError("the viewer left")
        protocol.transport.write(_header(len(data)) + data)

    def abort(self) -> None:
        """Cut it off: a server's own closing waits until all is written."""
        owner = getattr(self.send, "__self__", None)
        transport = getattr(owner, "transport", None)
        if transport is not None:
            transport.abort()


def _header(size: int) -> bytes:
    """Of an unmasked binary frame. Source: RFC 6455 section 5.2."""
    if size <= _SMALL:
        return bytes((_BINARY, size))
    if size <= _MEDIUM:
        return struct.pack(">BBH", _BINARY, 126, size)
    return struct.pack(">BBQ", _BINARY, 127, size)
