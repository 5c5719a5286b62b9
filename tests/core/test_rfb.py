"""A viewer's messages: whole, judged, and the same however the network cut them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import rfb

HELLO = rfb.VERSION + b"\x01\x00"
PASSED_HELLO = rfb.VERSION + b"\x01\x01"
PIXELS = b"\x00" + bytes(19)
UPDATE = struct.pack(">BBHHHH", 3, 1, 0, 0, 640, 480)
KEY_DOWN = struct.pack(">BBxxI", 4, 1, 0xFFE3)
KEY_UP = struct.pack(">BBxxI", 4, 0, 0xFFE3)
POINTER = struct.pack(">BBHH", 5, 1, 10, 20)
CUT = struct.pack(">BxxxI", 6, 5) + b"hello"
LONG_CUT = struct.pack(">BxxxI", 6, rfb.CUT_TEXT_MAX + 1) + bytes(rfb.CUT_TEXT_MAX + 1)
RICH_CUT = struct.pack(">Bxxxi", 6, -12) + bytes(12)
SIZE = struct.pack(">BxHHBx", 251, 800, 600, 1) + bytes(16)
QEMU_KEY = struct.pack(">BBHII", 255, 0, 1, 97, 30)
QEMU_SOUND = struct.pack(">BBH", 255, 1, 0)
POWER = b"\xfa\x00\x01\x02"
FENCE = b"\xf8" + bytes(3) + bytes(4) + b"\x03abc"
LOOKING = [PIXELS, UPDATE, FENCE]
ACTING = [KEY_DOWN, KEY_UP, POINTER, CUT, SIZE, QEMU_KEY]
NEVER = [LONG_CUT, RICH_CUT, QEMU_SOUND, POWER]


def said(*chunks: bytes, may_drive: bool) -> bytes:
    messages = rfb.ViewerMessages()
    return b"".join(messages.feed(chunk, may_drive=may_drive) for chunk in chunks)


def test_the_shared_flag_is_forced() -> None:
    assert said(HELLO, may_drive=False) == PASSED_HELLO


@pytest.mark.parametrize("message", LOOKING)
def test_who_watches_may_look(message: bytes) -> None:
    assert said(HELLO, message, may_drive=False) == PASSED_HELLO + message


@pytest.mark.parametrize("message", ACTING)
def test_only_who_drives_may_act(message: bytes) -> None:
    assert said(HELLO, message, UPDATE, may_drive=False) == PASSED_HELLO + UPDATE
    assert said(HELLO, message, UPDATE, may_drive=True) == PASSED_HELLO + message + UPDATE


@pytest.mark.parametrize("message", NEVER)
def test_what_nobody_may_send_is_dropped(message: bytes) -> None:
    assert said(HELLO, message, UPDATE, may_drive=True) == PASSED_HELLO + UPDATE


def test_dangerous_encodings_are_taken_out() -> None:
    asked = struct.pack(">BxH5i", 2, 5, 16, *sorted(rfb.REFUSED_ENCODINGS)[:3], -223)
    assert said(HELLO, asked, may_drive=False)[14:] == struct.pack(">BxH2i", 2, 2, 16, -223)


@pytest.mark.parametrize("start", [b"RFB 003.003\n", b"GET / HTTP/1.", rfb.VERSION + b"\x02"])
def test_another_protocol_or_security_ends_it(start: bytes) -> None:
    with pytest.raises(rfb.NotRfb):
        said(start, may_drive=True)


@pytest.mark.parametrize(
    "message", [b"\x07", b"\x01", b"\xff\x02\x00\x00", b"\x02\x00\x10\x00", b"\xf8" + b"\xff" * 8]
)
def test_an_unknown_or_oversized_message_ends_it(message: bytes) -> None:
    with pytest.raises(rfb.NotRfb):
        said(HELLO, message + bytes(8), may_drive=True)


@pytest.mark.parametrize("may_drive", [True, False])
def test_it_is_the_same_when_cut_at_every_byte(may_drive: bool) -> None:
    stream = HELLO + b"".join([*LOOKING, *ACTING, RICH_CUT, QEMU_SOUND, POWER, UPDATE])
    whole = said(stream, may_drive=may_drive)
    for at in range(len(stream)):
        assert said(stream[:at], stream[at:], may_drive=may_drive) == whole
    assert said(*(bytes([byte]) for byte in stream), may_drive=may_drive) == whole


@given(st.lists(st.sampled_from([*LOOKING, *ACTING, *NEVER]), max_size=12), st.data())
def test_any_talk_however_cut_is_judged_alike(talk: list[bytes], data: st.DataObject) -> None:
    stream = HELLO + b"".join(talk)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert said(*chunks, may_drive=False) == said(stream, may_drive=False)
    assert said(*chunks, may_drive=False) == PASSED_HELLO + b"".join(
        message for message in talk if message in LOOKING
    )


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(noise: bytes) -> None:
    messages = rfb.ViewerMessages()
    try:
        messages.feed(HELLO + noise, may_drive=False)
    except rfb.NotRfb:
        return
    assert len(messages._held) <= rfb.RICH_TEXT_MAX + 8


def test_held_keys_and_buttons_are_let_go_once() -> None:
    messages = rfb.ViewerMessages()
    messages.feed(HELLO + KEY_DOWN + QEMU_KEY + POINTER, may_drive=True)
    released = messages.let_go()
    assert KEY_UP in released
    assert struct.pack(">BBHII", 255, 0, 0, 97, 30) in released
    assert struct.pack(">BBHH", 5, 0, 10, 20) in released
    assert messages.let_go() == b""


GREETING = b"RFB 003.008\n\x02\x02\x01" + b"rest of it"


def test_the_greeting_offers_no_security_however_cut() -> None:
    for at in range(len(GREETING)):
        greeting = rfb.ServerGreeting()
        shown = greeting.feed(GREETING[:at]) + greeting.feed(GREETING[at:])
        assert shown == b"RFB 003.008\n\x01\x01rest of it"
        assert greeting.is_over


@pytest.mark.parametrize(
    "greeting", [b"RFB 003.008\n\x01\x02", b"RFB 003.008\n\x00", b"RFB 003.003\n\x01\x01"]
)
def test_a_screen_that_asks_for_a_password_is_not_shown(greeting: bytes) -> None:
    with pytest.raises(rfb.NotRfb):
        rfb.ServerGreeting().feed(greeting)
