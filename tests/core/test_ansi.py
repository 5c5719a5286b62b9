"""What reaches the terminal of a browser can never make it count beyond 10,000."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core.ansi import NUMBER_MAX, SEQUENCE_MAX, Clamp

CORPUS = [
    (b"a\x1b[2147483647b", b"a\x1b[10000b"),
    (b"\x1b[99999;99999H", b"\x1b[10000;10000H"),
    (b"\x1b[38;2;255;128;0mred\x1b[0m", b"\x1b[38;2;255;128;0mred\x1b[0m"),
    (b"\x1b[?2004h\x1b[?1049h", b"\x1b[?2004h\x1b[?1049h"),
    (b"\x1b[4:3m\x1b[38:2::1:2:3m", b"\x1b[4:3m\x1b[38:2::1:2:3m"),
    (b"\xc2\x9b2147483647S", b"\xc2\x9b10000S"),
    (b"\x1b[21\n47483647T", b"\n\x1b[10000T"),
    (b"\x1b\n[2147483647L", b"\n\x1b[10000L"),
    (b"\x1b[000000000000007A", b"\x1b[7A"),
    (b"\x1b[2147\xff483647Z", b"\x18\xff483647Z"),
    (b"\x1b\xff[2147483647Z", b"\x18\xff[2147483647Z"),
    (b"\x1b[1\xc2\x9b2147483647b", b"\x18\xc2\x9b10000b"),
    (b"\x1b[" + b"1;" * 400 + b"m!", b"\x18!"),
    ("100000 中文 é £\r\n".encode(), "100000 中文 é £\r\n".encode()),
    (b"\x1b[2147483647\x18b", b"\x1b[2147483647\x18b"),
]


@pytest.mark.parametrize(("sent", "shown"), CORPUS)
def test_a_sequence_when_whole_is_calmed(sent: bytes, shown: bytes) -> None:
    assert Clamp().feed(sent) == shown


BROKEN_OFF = [
    [b"\x1b[2147483647\xc2", b"b"],
    [b"\x1b[2147\xc2", b"483647b"],
    [b"\x1b\xc2", b"[2147483647b"],
    [b"\xc2", b"\x9b2147483647", b"\xc2", b"b"],
    [b"\x1b[2147483647?\x1b", b"b"],
]
"""The byte that is held back at a cut is half a character, which the terminal drops."""


@pytest.mark.parametrize("chunks", BROKEN_OFF)
def test_a_sequence_broken_off_by_half_a_character_is_not_gone_on_with(chunks: list[bytes]) -> None:
    clamp = Clamp()
    assert largest_number(b"".join(clamp.feed(chunk) for chunk in chunks)) <= NUMBER_MAX


@pytest.mark.parametrize(("sent", "_shown"), CORPUS)
def test_a_sequence_when_cut_at_every_byte_is_calmed_too(sent: bytes, _shown: bytes) -> None:
    for at in range(len(sent) + 1):
        clamp = Clamp()
        shown = clamp.feed(sent[:at]) + clamp.feed(sent[at:])
        assert largest_number(shown) <= NUMBER_MAX
    clamp = Clamp()
    assert largest_number(b"".join(clamp.feed(bytes([byte])) for byte in sent)) <= NUMBER_MAX


PIECES = st.one_of(
    st.sampled_from(
        [b"\x1b", b"[", b"\xc2", b"\x9b", b"\xff", b"\n", b"\x7f", b"\x18", b";", b"b"]
    ),
    st.sampled_from([b"2147483647", b"99999", b"00001", b"12", b"\x1b[", b"\xe4\xb8\xad", b"?"]),
    st.binary(max_size=4),
)


@given(st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=8))
def test_no_stream_however_cut_makes_a_terminal_count(chunks: list[bytes]) -> None:
    clamp = Clamp()
    assert largest_number(b"".join(clamp.feed(chunk) for chunk in chunks)) <= NUMBER_MAX


@given(
    st.lists(
        st.text(
            st.characters(
                min_codepoint=32,
                max_codepoint=0x2FFF,
                exclude_characters="\x7f" + "".join(map(chr, range(0x80, 0xA0))),
            )
        ),
        max_size=6,
    )
)
def test_plain_text_however_cut_stays_as_it_is(texts: list[str]) -> None:
    clamp = Clamp()
    chunks = [text.encode() for text in texts]
    clamp_out = b"".join(clamp.feed(chunk) for chunk in chunks)
    assert clamp_out == b"".join(chunks)


def test_text_in_bytes_however_cut_stays_as_it_is() -> None:
    clamp = Clamp()
    sent = "é£中 \x1b[1;31m红\x1b[0m ok".encode()
    assert b"".join(clamp.feed(bytes([byte])) for byte in sent) == sent


def test_an_endless_sequence_is_dropped_and_the_text_after_it_is_not() -> None:
    clamp = Clamp()
    shown = clamp.feed(b"\x1b[" + b"1" * (SEQUENCE_MAX + 10))
    shown += clamp.feed(b"2" * 100_000)
    assert shown + clamp.feed(b"mtext") == b"\x18text"


@pytest.mark.parametrize(
    "chunk", [b"x" * 65536, b"\x1b[1;32mok\x1b[0m " * 4096, b"\x1b[9" * 16384, b"\x1b[" * 32768]
)
def test_a_megabyte_of_it_costs_little(chunk: bytes) -> None:
    clamp, began = Clamp(), time.process_time()
    for _ in range(16):
        clamp.feed(chunk)
    assert time.process_time() - began < 2


def largest_number(stream: bytes) -> int:
    """The largest parameter that xterm.js would act upon: its decoder and its parser's states."""
    largest, number, before, state = 0, 0, 0, "ground"
    for char in decoded(stream):
        code = ord(char)
        if char == "\x1b":
            state = "escape"
        elif code == 0x9B or (state == "escape" and char == "["):
            state, number, before = "csi", 0, 0
        elif code in (0x18, 0x1A) or 0x80 <= code < 0xA0:
            state = "ground"
        elif code < 0x20 or code == 0x7F:
            pass
        elif state != "csi" or code >= 0xA0:
            state = "ground"
        elif char.isdigit():
            number = number * 10 + int(char)
        elif 0x40 <= code <= 0x7E:
            largest, state = max(largest, before, number), "ground"
        else:
            before, number = max(before, number), 0
    return largest


def decoded(stream: bytes) -> str:
    """As the terminal's decoder: what is not UTF-8 is skipped without a trace."""
    return stream.decode("utf-8", errors="ignore").replace("\ufeff", "")
