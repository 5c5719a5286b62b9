"""The richer clipboard of RFB, as far as a guest may hear it: text alone, whole, written anew.

QEMU gives out what a guest copied in this form only. Its reader of it was crashed by messages that
were too short, never ended or came too early (CVE-2022-3165, CVE-2023-3255, CVE-2023-6683), so
nothing goes on as it came: a text is unpacked within the limit and packed again, all else is said
in our own words. Pure. Source: rfbproto, "Extended Clipboard Pseudo-Encoding".
"""

from __future__ import annotations

import struct
import zlib

ENCODING = -0x3F5E1A32  # 0xC0A1E5CE
PACKED_MORE = 1024
"""What a packed text may be longer than a plain one."""

TEXT = 1
CAPS, REQUEST, PEEK, NOTIFY, PROVIDE = (1 << bit for bit in range(24, 29))
_ACTIONS = 0xFF000000
_ALL = CAPS | REQUEST | PEEK | NOTIFY | PROVIDE
_CUT_TEXT = 6


def rewritten(body: bytes, text_max: int) -> bytes:
    """The message that says as much as may be said; empty for one that nobody may send.

    body: what follows the length. text_max: bytes of text.
    """
    if len(body) < 4:
        return b""
    (flags,) = struct.unpack_from(">I", body)
    actions = flags & _ACTIONS
    if actions & CAPS:
        return message(_ALL | TEXT, bytes(4))  # nothing unasked
    if actions in (REQUEST, PEEK, NOTIFY):
        return message(actions | flags & TEXT)
    if actions == PROVIDE and flags & TEXT:
        return _provided(body[4:], text_max)
    return b""


def message(flags: int, data: bytes = b"") -> bytes:
    """A client's message: its length is negative, which tells it from a plain text."""
    return struct.pack(">BxxxiI", _CUT_TEXT, -(4 + len(data)), flags) + data


def provided(text: bytes) -> bytes:
    """The message that carries this text."""
    return message(PROVIDE | TEXT, zlib.compress(struct.pack(">I", len(text)) + text))


def _provided(packed: bytes, text_max: int) -> bytes:
    try:
        plain = zlib.decompressobj().decompress(packed, 4 + text_max)
    except zlib.error:
        return b""
    if len(plain) < 4:
        return b""
    (size,) = struct.unpack_from(">I", plain)
    text = plain[4 : 4 + size]
    return provided(text) if len(text) == size else b""
