"""What a viewer may say to a guest's clipboard in the richer form."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import rfb, rfb_clipboard
from kvmweb.core.rfb_clipboard import CAPS, NOTIFY, PEEK, PROVIDE, REQUEST, TEXT, message

HELLO = rfb.VERSION + b"\x01\x00"
ASKED = struct.pack(">BxH2i", 2, 2, 16, rfb_clipboard.ENCODING)
UPDATE = struct.pack(">BBHHHH", 3, 1, 0, 0, 640, 480)
HTML = 4


def passed(*messages: bytes, may_drive: bool = True, asked: bytes = ASKED) -> bytes:
    """What the guest hears of these, after a viewer that knows the encoding said hello."""
    reader = rfb.ViewerMessages()
    reader.feed(HELLO + asked, may_drive=may_drive)
    found = b"".join(reader.feed(one, may_drive=may_drive) for one in (*messages, UPDATE))
    assert found.endswith(UPDATE)
    return found.removesuffix(UPDATE)


def unfinished(text: bytes) -> bytes:
    """As noVNC packs it: flushed, but never ended."""
    packer = zlib.compressobj()
    packed = packer.compress(struct.pack(">I", len(text)) + text)
    return packed + packer.flush(zlib.Z_FULL_FLUSH)


def text_of(provided: bytes) -> bytes:
    (length, flags) = struct.unpack_from(">iI", provided, 4)
    assert flags == PROVIDE | TEXT
    assert len(provided) == 8 - length
    reader = zlib.decompressobj()
    plain = reader.decompress(provided[12:])
    assert reader.eof  # QEMU before 8.1 reads one without an end for ever
    return plain[4:]


def test_a_text_is_packed_anew_and_ends() -> None:
    found = passed(message(PROVIDE | TEXT, unfinished(b"hello\0")))
    assert text_of(found) == b"hello\0"


@pytest.mark.parametrize("action", [REQUEST, PEEK, NOTIFY])
def test_what_is_said_about_texts_goes_on_without_other_formats(action: int) -> None:
    assert passed(message(action | TEXT | HTML, b"and more")) == message(action | TEXT)
    assert passed(message(action | HTML)) == message(action)


def test_caps_are_ours() -> None:
    found = passed(message(CAPS | TEXT | HTML, bytes(12)))
    assert found == message(CAPS | REQUEST | PEEK | NOTIFY | PROVIDE | TEXT, bytes(4))


WRONG = [
    b"\x00" * 3, struct.pack(">I", 0), struct.pack(">I", PROVIDE | NOTIFY | TEXT),
    struct.pack(">I", PROVIDE | TEXT) + b"no zlib", struct.pack(">I", PROVIDE | TEXT),
    struct.pack(">I", PROVIDE | HTML) + unfinished(b"<b>"),
    struct.pack(">I", PROVIDE | TEXT) + zlib.compress(b"\xff\xff\xff\xffshort"),
    struct.pack(">I", PROVIDE | TEXT) + zlib.compress(b"\x00\x00"),
    struct.pack(">I", PROVIDE | TEXT) + zlib.compress(b"\x7f\xff\xff\xff" + bytes(2**24)),
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG)
def test_what_is_malformed_or_bursts_is_dropped(body: bytes) -> None:
    assert passed(struct.pack(">Bxxxi", 6, -len(body)) + body) == b""


def test_a_text_beyond_the_limit_is_dropped_whole() -> None:
    assert text_of(passed(rfb_clipboard.provided(b"x" * rfb.CUT_TEXT_MAX)))
    assert passed(rfb_clipboard.provided(b"x" * (rfb.CUT_TEXT_MAX + 1))) == b""
    length = rfb.RICH_TEXT_MAX + 1
    assert passed(struct.pack(">Bxxxi", 6, -length) + bytes(length)) == b""


def test_who_watches_says_nothing_and_nobody_before_it_was_asked_for() -> None:
    ours = [message(REQUEST | TEXT), message(NOTIFY | TEXT), rfb_clipboard.provided(b"x")]
    assert passed(*ours, may_drive=False) == b""
    assert passed(*ours, asked=struct.pack(">BxHi", 2, 1, 16)) == b""


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body: bytes) -> None:
    found = rfb_clipboard.rewritten(body, 100)
    assert not found or found[0] == 6
