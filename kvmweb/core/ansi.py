"""Escape sequences of a guest's serial port, made harmless for the terminal in the browser.

13 bytes freeze a terminal: `CSI 2147483647 b` repeats a character that often (85 s measured).
Numbers are held to 10,000 before they reach it. The terminal drops control bytes and broken UTF-8
inside a sequence and reads on, so a number can be split by them; here the first are moved before
the sequence and at the second CAN takes the sequence's place.
"""

from __future__ import annotations

import re

NUMBER_MAX = 10_000
SEQUENCE_MAX = 512
"""A longer sequence is dropped; real ones have a few dozen bytes."""
CANCEL = b"\x18"
"""Ends whatever sequence the terminal is in and shows nothing."""

# CAN, SUB and ESC end a sequence; all other control bytes, and DEL, are carried out inside it.
_C0 = rb"\x00-\x17\x19\x1c-\x1f\x7f"
_INTRODUCER = rb"(?:\x1b[" + _C0 + rb"]*\[|\xc2\x9b)"
_BODY = rb"[" + _C0 + rb"\x20-\x3f]*"
# One that stands unfinished at the end was broken off by the byte that is held back: had it begun
# there itself, all of it were held.
_SEQUENCE = re.compile(
    _INTRODUCER + _BODY + rb"(?:(?P<final>[\x40-\x7e])|(?=[\x80-\xff]|\Z))"
    rb"|\x1b[" + _C0 + rb"]*(?=[\x80-\xff]|\Z)"
)
_DANGER = re.compile(
    rb"(?:\x1b\[|\xc2\x9b)[\x20-\x3f]*?(?:[0-9]{5}|[" + _C0 + rb"\x80-\xff]|\Z)"
    rb"|(?:\x1b\[|\xc2\x9b)[\x20-\x3f]{%d}|\x1b(?:[" % SEQUENCE_MAX + _C0 + rb"\x80-\xff]|\Z)"
)
_TAIL = re.compile(rb"(?:\x1b[" + _C0 + rb"]*(?:\[" + _BODY + rb")?|\xc2(?:\x9b" + _BODY + rb")?)")
_CONTROLS = re.compile(rb"[" + _C0 + rb"]+")
_NUMBERS = re.compile(rb"[0-9]{5,}")
_REST = re.compile(_BODY)


class Clamp:
    """One direction of one terminal; sequences may be cut anywhere between two chunks."""

    __slots__ = ("_held", "_is_dropping")

    def __init__(self) -> None:
        self._held = b""
        self._is_dropping = False

    def feed(self, data: bytes) -> bytes:
        """The same bytes with calmed sequences; one that is not whole yet waits for its rest."""
        if self._held:
            data, self._held = self._held + data, b""
        if self._is_dropping:
            data = self._dropped(data)
        last = max(data.rfind(b"\x1b"), data.rfind(b"\xc2"))
        if last < 0:
            return data
        if _TAIL.fullmatch(data, last):
            data = self._hold(data, last)
        if _DANGER.search(data):
            return _SEQUENCE.sub(_calmed, data)
        return data

    def _hold(self, data: bytes, at: int) -> bytes:
        tail = data[at:]
        controls = b"".join(_CONTROLS.findall(tail))
        tail = _CONTROLS.sub(b"", tail)
        if len(tail) > SEQUENCE_MAX:
            self._is_dropping = True
            return data[:at] + controls + CANCEL
        self._held = tail
        return data[:at] + controls

    def _dropped(self, data: bytes) -> bytes:
        """Skip to the end of the sequence that was too long."""
        match = _REST.match(data)
        end = match.end() if match else 0
        if end < len(data):
            self._is_dropping = False
            end += 0x40 <= data[end] <= 0x7E
        return data[end:]


def _calmed(match: re.Match[bytes]) -> bytes:
    raw = match.group()
    controls = b"".join(_CONTROLS.findall(raw))
    clean = _CONTROLS.sub(b"", raw)
    if match["final"] is None or len(clean) > SEQUENCE_MAX:
        return controls + CANCEL
    return controls + _NUMBERS.sub(_clamped, clean)


def _clamped(match: re.Match[bytes]) -> bytes:
    return b"%d" % min(int(match.group()), NUMBER_MAX)
