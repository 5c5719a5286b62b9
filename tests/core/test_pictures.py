"""Pictures of screens made small, from what QEMU writes and from what nobody should."""

from __future__ import annotations

import random
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kvmweb.core import pictures


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def png(columns: int, lines: int, rows: bytes, *, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", columns, lines, 8, colour, 0, 0, 0)
    body = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def filtered(kind: int, line: bytes, above: bytes) -> bytes:
    """As the specification words it, one byte at a time."""
    out = bytearray()
    for place, value in enumerate(line):
        left = line[place - 3] if place >= 3 else 0
        up, corner = above[place], above[place - 3] if place >= 3 else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda it: abs(guess - it))
        taken = (0, left, up, (left + up) // 2, nearest)[kind]
        out.append((value - taken) & 255)
    return bytes([kind]) + bytes(out)


def pixels(image: bytes) -> tuple[int, int, bytes]:
    columns, lines, channels, rows = pictures._rows(image)
    assert channels == 3
    return columns, lines, b"".join(rows)


def test_every_filter_is_undone() -> None:
    chance = random.Random(7)
    lines = [bytes(chance.choice((0, 0, 9, 200, chance.randrange(256))) for _ in range(30))
             for _ in range(25)]  # fmt: skip
    rows, above = b"", bytes(30)
    for number, line in enumerate(lines):
        rows += filtered(number % 5, line, above)
        above = line
    assert pixels(png(10, 25, rows)) == (10, 25, b"".join(lines))


def test_a_large_screen_becomes_a_small_picture_that_shows_the_same() -> None:
    left, right = b"\x00\x20\xff" * 640, b"\xf0\x10\x00" * 640
    rows = (b"\0" + left + right) * 800
    columns, lines, found = pixels(pictures.shrink(png(1280, 800, rows)))
    assert (columns, lines) == (320, 200)
    assert found[: 3 * 160] == b"\x00\x20\xff" * 160
    assert found[3 * 160 : 3 * 320] == b"\xf0\x10\x00" * 160
    alpha = (b"\0" + b"\x01\x02\x03\xff" * 720) * 400
    assert pixels(pictures.shrink(png(720, 400, alpha, colour=6)))[:2] == (360, 200)
    ppm = b"P6\n720 400\n255\n" + b"\x07\x08\x09" * 720 * 400
    assert pixels(pictures.shrink(ppm))[2] == b"\x07\x08\x09" * 360 * 200


def test_noise_is_made_smaller_until_it_fits_and_in_bearable_time() -> None:
    noise = random.Random(3).randbytes(1280 * 3)
    rows = b"".join(bytes([4]) + noise for _ in range(800))
    began = time.process_time()
    small = pictures.shrink(png(1280, 800, rows))
    assert len(small) <= pictures.SIZE_MAX
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "image",
    [
        b"", b"GIF89a", png(0, 5, b""), png(60_000, 60_000, b""), png(10, 10, b"\0" * 5),
        png(2, 1, b"\x09" + b"\0" * 6), b"\x89PNG\r\n\x1a\n" + b"\xff" * 40,
        b"P6 99999 99999 255 ", b"P6 10 10 255 \0", png(4, 4, b"\0" * 20, colour=3),
    ],
)  # fmt: skip
def test_what_is_no_screen_is_refused(image: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        pictures.shrink(image)


@given(some.binary(max_size=300), some.booleans())
def test_rubbish_is_refused_and_nothing_worse(image: bytes, has_start: bool) -> None:
    try:
        pictures.shrink((b"\x89PNG\r\n\x1a\n" if has_start else b"") + image)
    except ValueError:
        return
