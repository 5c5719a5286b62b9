"""Discs that have UDF alone, and no volume descriptor of ISO 9660: what their first bytes say.

The volume's name is the only id that they have. Sources: ECMA-167 2/9 and 3/10; OSTA UDF 2.60, 2.1.
"""

from __future__ import annotations

import struct

from kvmweb.core.images_facts import Disc, string

SECTOR = 2048
_SEQUENCE, _SEQUENCE_END = 16, 32
"""Sectors of the volume recognition sequence."""
ANCHOR = 256
"""The sector that says where the descriptors of the volume are."""
_ANCHOR_TAG, _PRIMARY_TAG = 2, 1
_MOST = 64
"""Sectors of descriptors that are looked at."""
_NAME = slice(24, 56)


def disc(first: bytes) -> Disc | None:
    """The name of the volume; None where this is no UDF."""
    marks = {bytes(_sector(first, number)[1:6]) for number in range(_SEQUENCE, _SEQUENCE_END)}
    if not marks & {b"NSR02", b"NSR03"}:
        return None
    anchor = _sector(first, ANCHOR)
    if not _is_tagged(anchor, _ANCHOR_TAG):
        return Disc(volume_id="")
    length, start = struct.unpack_from("<II", anchor, 16)
    there = (_sector(first, start + it) for it in range(min(length // SECTOR, _MOST)))
    names = (_name(it[_NAME]) for it in there if _is_tagged(it, _PRIMARY_TAG))
    return Disc(volume_id=next(names, ""))


def _sector(first: bytes, number: int) -> bytes:
    return first[number * SECTOR : (number + 1) * SECTOR]


def _is_tagged(sector: bytes, kind: int) -> bool:
    """By its tag, whose checksum leaves out the byte that it stands in."""
    if len(sector) < SECTOR or struct.unpack_from("<H", sector, 0)[0] != kind:
        return False
    return sector[4] == (sum(sector[:16]) - sector[4]) % 256


def _name(field: bytes) -> str:
    """Of a fixed field: its last byte is the length, its first the width of a character."""
    length = min(field[-1], len(field) - 1)
    if length < 2:
        return ""
    width, text = field[0], field[1:length]
    if width == 16:
        return string(text.decode("utf-16-be", "replace").encode())
    return string(text.decode("latin-1").encode()) if width == 8 else ""
