"""The facts that an image's header gives, and how its bytes are read without trust."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Trouble(StrEnum):
    """Why an image is not taken as it is, or what to know about it."""

    BACKING = "backing"
    DATA_FILE = "data-file"
    EXTERNAL = "external"
    """Parents or extents in other files."""
    BROKEN = "broken"
    CORRUPT = "corrupt"
    """The image itself says so."""
    SNAPSHOTS = "snapshots"
    COMPRESSED = "compressed"
    """Packed as a whole, by gzip or the like: no guest can read it."""
    OLD_ENCRYPTION = "old-encryption"
    """AES of qcow2, which QEMU opens no more."""
    OTHER_FORMAT = "other-format"
    """It is not what it was declared to be."""
    HIDDEN_FORMAT = "hidden-format"
    """Declared raw, but its data begins like an image of another format."""
    TOO_LARGE = "too-large"
    """It claims more than the pool could ever hold."""
    UNREAD = "unread"
    """Its header lies where it was not read."""


REFERENCES = frozenset({Trouble.BACKING, Trouble.DATA_FILE, Trouble.EXTERNAL})
"""It would open other files of the host."""


@dataclass(frozen=True, slots=True)
class Disc:
    """The ids of an ISO 9660 volume; of one that has UDF alone only its name.

    size: bytes of the volume as it says itself.
    is_bootable: it has a boot record of El Torito, which every PC starts from.
    """

    volume_id: str
    system_id: str = ""
    publisher_id: str = ""
    application_id: str = ""
    size: int = 0
    is_bootable: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a header says. format: as QEMU calls it, or how the whole file is packed.

    virtual_size: what a guest would see. backing, data_file: names as they stand, `?` where they
    lie out of sight. wants: bytes from the beginning that have to be read to be sure; 0: enough.
    """

    format: str
    version: int = 0
    virtual_size: int = 0
    backing: str = ""
    backing_format: str = ""
    data_file: str = ""
    others: tuple[str, ...] = ()
    """Names of extents and parents."""
    is_encrypted: bool = False
    snapshots: int = 0
    has_partitions: bool = False
    disc: Disc | None = None
    troubles: tuple[Trouble, ...] = ()
    wants: int = 0


def unpack(layout: str, data: bytes, at: int = 0) -> tuple[Any, ...] | None:
    """The values at this place; None where the data ends before."""
    if at < 0 or at + struct.calcsize(layout) > len(data):
        return None
    return struct.unpack_from(layout, data, at)


def string(data: bytes) -> str:
    """Text of a fixed field, to its first zero, without what cannot be shown."""
    shown = data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(char for char in shown if char.isprintable()).strip()
