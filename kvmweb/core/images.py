"""What the first bytes of an image say: its format, its claims, and what else it would open.

Headers only, never the data behind them; the bytes are a stranger's, so every length is checked.
Sources: QEMU docs/interop/qcow2.rst and qed_spec.rst, block/{qcow,vmdk,vdi,vhdx,vpc}.c; ECMA-119.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from kvmweb.core import images_others as others
from kvmweb.core import images_udf
from kvmweb.core.images_facts import Disc, Facts, Trouble, string, unpack

__all__ = ["FIRST", "Disc", "Facts", "Format", "Trouble", "inspect"]

FIRST = 1024 * 1024
"""Bytes from the beginning that tell enough, unless `Facts.wants` asks for more."""
DISC = (images_udf.ANCHOR + 1) * images_udf.SECTOR
"""Bytes from the beginning that tell all about a disc."""


class Format(StrEnum):
    """What can be declared. AUTO: whatever it turns out to be."""

    AUTO = "auto"
    RAW = "raw"
    ISO = "iso"
    QCOW2 = "qcow2"
    VMDK = "vmdk"
    VDI = "vdi"
    VHDX = "vhdx"
    VPC = "vpc"
    QED = "qed"


SECTOR = 2048
_BOOT_RECORD = b"\0CD001\x01EL TORITO SPECIFICATION"
L1_MAX = 32 * 1024 * 1024
SNAPSHOTS_MAX = 1000
_BACKING_FORMAT, _DATA_FILE = 0xE2792ACA, 0x44415441
_CORRUPT, _EXTERNAL_DATA = 1 << 1, 1 << 2
_KNOWN_BITS = 0b11111
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
}


def inspect(first: bytes, size: int) -> Facts:
    """What this image is. first: its beginning, FIRST bytes or all; size: of the whole file."""
    for magic, read in _READERS:
        if first.startswith(magic):
            return _bounded(read(first), size)
    if first.startswith(b"LUKS\xba\xbe"):
        return Facts(format="luks", virtual_size=size, is_encrypted=True)
    packed = next((name for magic, name in _PACKED.items() if first.startswith(magic)), "")
    if packed:
        return Facts(format=packed, virtual_size=size, troubles=(Trouble.COMPRESSED,))
    if first[64:68] == others.VDI_SIGNATURE:
        return _bounded(others.vdi(first), size)
    disc = _disc(first)
    if disc is not None:
        return Facts(format="iso", virtual_size=size, disc=disc)
    has_table = first[510:512] == b"\x55\xaa" or first[512:520] == b"EFI PART"
    return Facts(format="raw", virtual_size=size, has_partitions=has_table)


def _bounded(facts: Facts, size: int) -> Facts:
    """A header that says nothing sensible of its size is broken."""
    if facts.virtual_size < 0 or facts.virtual_size >= 2**63:
        return replace(facts, virtual_size=size, troubles=(*facts.troubles, Trouble.BROKEN))
    return facts


def _disc(first: bytes) -> Disc | None:
    """The primary volume descriptor in sector 16, and whether a boot record comes after it; what
    UDF says where there is none.

    Sources: ECMA-119 8.4; El Torito 1.0, section 2.0.
    """
    sector, next_one = first[0x8000:0x8800], first[0x8800:0x9000]
    if len(sector) < SECTOR or sector[:6] != b"\x01CD001":
        return images_udf.disc(first)
    (blocks,) = struct.unpack_from("<I", sector, 80)
    (block,) = struct.unpack_from("<H", sector, 128)
    return Disc(
        volume_id=string(sector[40:72]),
        system_id=string(sector[8:40]),
        publisher_id=string(sector[318:446]),
        application_id=string(sector[574:702]),
        size=blocks * block,
        is_bootable=next_one.startswith(_BOOT_RECORD),
    )


def _qcow(first: bytes) -> Facts:
    (version,) = unpack(">4xI", first) or (0,)
    if version == 1:
        return _qcow1(first)
    head = unpack(">8xQIIQIIQQIIQ", first)
    if head is None or version not in (2, 3):
        return Facts(format="qcow2", troubles=(Trouble.BROKEN,))
    backing_at, backing_size, bits, size, crypt, l1_size, _, _, _, snapshots, _ = head
    incompatible, names_at, is_odd = _qcow3(first) if version == 3 else (0, 72, False)
    names = _extensions(first, names_at, backing_at or (1 << min(bits, 21)))
    found = {
        Trouble.BROKEN: is_odd or not 9 <= bits <= 21 or l1_size * 8 > L1_MAX,
        Trouble.SNAPSHOTS: snapshots > SNAPSHOTS_MAX,
        Trouble.CORRUPT: bool(incompatible & _CORRUPT),
        Trouble.DATA_FILE: bool(incompatible & _EXTERNAL_DATA) or _DATA_FILE in names,
        Trouble.BACKING: bool(backing_at),
        Trouble.OLD_ENCRYPTION: crypt == 1,
    }
    return Facts(
        format="qcow2",
        version=version,
        virtual_size=size,
        backing=_backing(first, backing_at, backing_size),
        backing_format=string(names.get(_BACKING_FORMAT, b"")),
        data_file=string(names.get(_DATA_FILE, b"")),
        is_encrypted=crypt != 0,
        snapshots=snapshots,
        troubles=tuple(trouble for trouble, is_there in found.items() if is_there),
    )


def _qcow3(first: bytes) -> tuple[int, int, bool]:
    """Incompatible features, where extensions begin, and whether that makes no sense."""
    more = unpack(">72xQQQII", first)
    if more is None:
        return 0, 72, True
    incompatible, _, _, _, length = more
    return incompatible, length, length < 104 or bool(incompatible & ~_KNOWN_BITS)


def _qcow1(first: bytes) -> Facts:
    head = unpack(">8xQIIQBBxxI", first)
    if head is None:
        return Facts(format="qcow", troubles=(Trouble.BROKEN,))
    backing_at, backing_size, _, size, _, _, crypt = head
    return Facts(
        format="qcow",
        version=1,
        virtual_size=size,
        backing=_backing(first, backing_at, backing_size),
        is_encrypted=crypt != 0,
        troubles=(Trouble.BACKING,) if backing_at else (),
    )


def _backing(first: bytes, at: int, size: int) -> str:
    """The name as it stands; a place outside of what we read still counts as one."""
    if not at:
        return ""
    return string(first[at : at + min(size, 1023)]) or "?"


def _extensions(first: bytes, at: int, end: int) -> dict[int, bytes]:
    """Header extensions by their magic. Each is 8 bytes and its data, padded to 8."""
    found: dict[int, bytes] = {}
    while 72 <= at <= min(end, len(first)) - 8 and len(found) < 64:
        magic, length = struct.unpack_from(">II", first, at)
        if magic == 0:
            break
        found[magic] = first[at + 8 : at + 8 + min(length, 4096)]
        at += 8 + (length + 7) // 8 * 8
    return found


Reader = Callable[[bytes], Facts]
_READERS: tuple[tuple[bytes, Reader], ...] = (
    (b"QFI\xfb", _qcow),
    (b"QED\0", others.qed),
    (b"KDMV", others.vmdk),
    (b"COWD", others.vmdk_old),
    (b"# Disk DescriptorFile", others.vmdk_description),
    (b"vhdxfile", others.vhdx),
    (b"conectix", others.vpc),
)
