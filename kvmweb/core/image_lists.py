"""The library of images as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.images_facts import Disc
from kvmweb.core.refs import Ref
from kvmweb.core.systems import Support, System


@dataclass(frozen=True, slots=True)
class Holding:
    """What an image holds, as far as it is known.

    is_read: its first sectors were read as they are now; is_readable: they could be.
    system: None where nothing tells it. is_sure: the ids of the disc told it, not the file's name.
    others: systems whose discs bear the same ids. named: another system, which the name tells.
    disc: None for what is no ISO 9660 volume, or is not read. is_cut: the file ends before it.
    """

    is_read: bool = False
    is_readable: bool = True
    system: System | None = None
    is_sure: bool = False
    others: tuple[System, ...] = ()
    named: System | None = None
    disc: Disc | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image that a guest can be installed or made from.

    ref: of the volume; pool: of its pool. is_disc: an ISO, else a disk image. size: what a guest
    sees. may_create: this reader may make a guest of it.
    """

    ref: Ref
    pool: Ref
    pool_name: str
    host_name: str
    name: str
    is_disc: bool
    size: int
    holding: Holding
    support: Support
    may_create: bool
