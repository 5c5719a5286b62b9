"""What may pass between a viewer and a guest: one lane for each open console.

Pure: bytes in, bytes out. The web process and the stand-alone gateway let pass the same.
"""

from __future__ import annotations

from typing import Protocol

from kvmweb.core import ansi, rfb


class Lane(Protocol):
    """What may pass between the two. window: unacknowledged bytes; 0 for no limit."""

    window: int

    @property
    def is_talking(self) -> bool:
        """The handshake is over."""

    @property
    def has_acted(self) -> bool:
        """What was passed on last came from a person's hand."""

    def from_guest(self, data: bytes) -> bytes:
        """For the viewer. Raises NotRfb."""

    def from_viewer(self, data: bytes, *, may_drive: bool) -> bytes:
        """For the guest. Raises NotRfb."""

    def let_go(self) -> bytes:
        """For the guest, when this viewer drives no more."""


class ScreenLane:
    """RFB: the guest's pictures as they come, the viewer's messages as far as they are allowed."""

    __slots__ = ("_greeting", "_messages")
    window = 0
    """No acknowledgements: an RFB viewer asks for each update."""

    def __init__(self) -> None:
        self._greeting: rfb.ServerGreeting | None = rfb.ServerGreeting()
        self._messages = rfb.ViewerMessages()

    @property
    def is_talking(self) -> bool:
        """The handshake is over."""
        return self._messages.is_talking

    @property
    def has_acted(self) -> bool:
        """The last message that passed was a key, the pointer or a text: no mere look."""
        return self._messages.has_acted

    def from_guest(self, data: bytes) -> bytes:
        """For the viewer. Raises rfb.NotRfb."""
        if self._greeting is None:
            return data
        shown = self._greeting.feed(data)
        if self._greeting.is_over:
            self._greeting = None
        return shown

    def from_viewer(self, data: bytes, *, may_drive: bool) -> bytes:
        """For the guest. Raises rfb.NotRfb."""
        return self._messages.feed(data, may_drive=may_drive)

    def let_go(self) -> bytes:
        """For the guest, when this viewer drives no more."""
        return self._messages.let_go()


class SerialLane:
    """Plain bytes: the guest's with calmed escape sequences, the driver's as they are.

    A terminal answers some sequences by itself; those answers are the driver's alone too, or each
    viewer's terminal would type one into the guest.
    """

    __slots__ = ("_clamp",)
    window = 1024 * 1024
    """Bytes that a terminal may be behind in drawing before it gets no more."""
    is_talking = True
    has_acted = True

    def __init__(self) -> None:
        self._clamp = ansi.Clamp()

    def from_guest(self, data: bytes) -> bytes:
        """For the viewer."""
        return self._clamp.feed(data)

    def from_viewer(self, data: bytes, *, may_drive: bool) -> bytes:
        """For the guest."""
        return data if may_drive else b""

    def let_go(self) -> bytes:
        """Nothing is held down on a serial line."""
        return b""


LANES: dict[str, type[ScreenLane] | type[SerialLane]] = {
    "screen": ScreenLane,
    "serial": SerialLane,
}
