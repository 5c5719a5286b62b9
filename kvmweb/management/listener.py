"""What the server takes from a connection before it is a request: little, and soon.

h11 holds no more than 64 KiB of a head and answers 400 beyond; the faster parser of uvicorn takes
any length, in time that grows with its square. Whoever connects and never finishes a head would
hold a descriptor for ever: after HEAD_S the connection is ended.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 30.0


class Listener(H11Protocol):
    """uvicorn's protocol with a deadline for the head of every request."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio's word."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """A head that is whole stops the clock, the beginning of the next one starts it."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's word."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_S, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
