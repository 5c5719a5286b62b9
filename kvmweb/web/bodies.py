"""How much a request may carry: measured while it arrives, whatever it says of its own length.

Django reads a body whole, to disk, before it asks who sent it: without this a stranger fills
the disk with one request that names no length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

WHOLE_S = 60.0
TOO_LARGE, TOO_SLOW = 413, 408

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def bounded(application: Application) -> Application:
    """The same application, given no more than DATA_UPLOAD_MAX_MEMORY_SIZE within WHOLE_S."""

    async def measured(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        intake = _Intake(receive, send, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        if _declared(scope) > intake.limit:
            await intake.refuse(TOO_LARGE)
            return
        await application(scope, intake.receive, send)

    return measured


class _Intake:
    """One request's body on its way in."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send = receive, send
        self.limit = limit
        self._until = asyncio.get_running_loop().time() + WHOLE_S
        self._taken = 0
        self._is_whole = False

    async def receive(self) -> Message:
        """The next part; who sends too much is answered here and seems to have left."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return await self.refuse(TOO_SLOW)
        self._taken += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message if self._taken <= self.limit else await self.refuse(TOO_LARGE)

    async def refuse(self, status: int) -> Message:
        """Answer, and read no more of it."""
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b""})
        return {"type": "http.disconnect"}


def _declared(scope: dict[str, Any]) -> int:
    """The length that the request names; 0 for none, or for what is no number."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() and len(length) < 20 else 0
