"""A picture of a guest's screen made small: PNG or PPM in, a small PNG out.

Pure Python on purpose: what is on a guest's screen, and a QEMU that a guest took over, must find no
decoder written in C to misuse. Source: PNG specification (ISO/IEC 15948), ppm(5).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate

WIDTH = 360
SIZE_MAX = 64 * 1024
PIXELS_MAX = 4096 * 2304
"""What is larger is not worth the time."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PPM = re.compile(rb"P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s")
_CHANNELS = {2: 3, 6: 4}
"""Of the colour types RGB and RGBA, the two that QEMU writes."""


def shrink(image: bytes, width: int = WIDTH, size_max: int = SIZE_MAX) -> bytes:
    """A PNG of at most this width and size. Raises ValueError for what is no such picture."""
    columns, lines, channels, rows = _rows(image)
    whole = list(rows)
    if len(whole) != lines:
        raise ValueError("the picture ends early")
    step = max(1, -(-columns // width))
    while True:
        small = _encode([*_sampled(whole, columns, channels, step)])
        if len(small) <= size_max:
            return small
        step += 1


def _rows(image: bytes) -> tuple[int, int, int, Iterator[bytes]]:
    """Columns, lines, channels, and the lines as bytes."""
    found = _PPM.match(image)
    if found:
        columns, lines = int(found[1]), int(found[2])
        _require_fit(columns, lines)
        body, stride = image[found.end() :], columns * 3
        places = range(0, min(len(body), lines * stride), stride)
        return columns, lines, 3, (body[at : at + stride] for at in places)
    if not image.startswith(_SIGNATURE):
        raise ValueError("neither PNG nor PPM")
    header, data = _chunks(image)
    columns, lines, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    _require_fit(columns, lines)
    channels = _CHANNELS.get(colour, 0)
    if depth != 8 or not channels or interlace:
        raise ValueError("a kind of PNG that no hypervisor writes")
    size = lines * (columns * channels + 1)
    try:
        raw = zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(raw) != size:
        raise ValueError("the picture ends early")
    return columns, lines, channels, _unfiltered(raw, columns * channels, channels)


def _require_fit(columns: int, lines: int) -> None:
    if not 0 < columns * lines <= PIXELS_MAX:
        raise ValueError("too large")


def _chunks(image: bytes) -> tuple[bytes, bytes]:
    """The header's content, and all of the data."""
    header, data, place = b"", [], len(_SIGNATURE)
    while place + 8 <= len(image):
        length, kind = struct.unpack_from(">I4s", image, place)
        content = image[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            data.append(content)
        place += length + 12
    if len(header) != 13:
        raise ValueError("no header")
    return header, b"".join(data)


def _unfiltered(raw: bytes, stride: int, channels: int) -> Iterator[bytes]:
    before = bytes(stride)
    for place in range(0, len(raw), stride + 1):
        kind, line = raw[place], raw[place + 1 : place + 1 + stride]
        if kind:
            row = bytearray(stride)
            for channel in range(channels):
                part = slice(channel, None, channels)
                row[part] = bytes(_restored(kind, line[part], before[part]))
            line = bytes(row)
        before = line
        yield line


def _restored(kind: int, line: bytes, above: bytes) -> Iterator[int]:
    """One channel of one line; the five filters of PNG."""
    if kind == 1:
        return accumulate(line, lambda left, value: (left + value) & 255)
    if kind == 2:
        return ((value + up) & 255 for value, up in zip(line, above, strict=True))
    if kind == 3:
        return _averaged(line, above)
    if kind == 4:
        return _paeth(line, above)
    raise ValueError("no such filter")


def _averaged(line: bytes, above: bytes) -> Iterator[int]:
    left = 0
    for value, up in zip(line, above, strict=True):
        left = (value + ((left + up) >> 1)) & 255
        yield left


def _paeth(line: bytes, above: bytes) -> Iterator[int]:
    left = corner = 0
    for value, up in zip(line, above, strict=True):
        if left == corner:
            best = up
        else:
            by_left, by_up = abs(up - corner), abs(left - corner)
            by_corner = abs(left + up - 2 * corner)
            best = corner
            if by_left <= by_up and by_left <= by_corner:
                best = left
            elif by_up <= by_corner:
                best = up
        corner = up
        left = (value + best) & 255
        yield left


def _sampled(rows: list[bytes], columns: int, channels: int, step: int) -> Iterator[bytes]:
    """Every output pixel is the mean of four of the square that it stands for."""
    near, far = step // 4, step - 1 - step // 4
    count = max(1, columns // step)
    for top in range(0, max(1, len(rows) - step + 1), step):
        one, other = rows[top + near], rows[min(top + far, len(rows) - 1)]
        row = bytearray(count * 3)
        for channel in range(3):
            first = slice(near * channels + channel, None, step * channels)
            last = slice(far * channels + channel, None, step * channels)
            four = zip(one[first], one[last], other[first], other[last], strict=False)
            mixed = [(a + b + c + d) >> 2 for a, b, c, d in four]
            row[channel::3] = bytes(mixed[:count])
        yield bytes(row)


def _encode(rows: list[bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
