"""The recycle bin: guests that were deleted and can be brought back for some days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kvmweb.core.deletion import DiskChoice
from kvmweb.core.refs import Ref


@dataclass(frozen=True, slots=True)
class BinnedVolume:
    """A disk that goes when the guest does. pool: UUID; name: within it."""

    pool: str
    name: str


@dataclass(frozen=True, slots=True)
class BinMark:
    """What a guest in the bin carries in its own definition. Source: our element in <metadata>.

    name: what it was called. at: seconds since the epoch. by: who deleted it, by name.
    """

    name: str
    at: float
    by: str = ""
    has_autostart: bool = False
    volumes: tuple[BinnedVolume, ...] = ()


@dataclass(frozen=True, slots=True)
class Binned:
    """One guest in the bin. size: of its disks, as far as they are volumes, in bytes.

    stored_name: what libvirt calls it meanwhile. is_bound: that is its own name, because its saved
    state, its snapshots or its firmware's settings are kept under it.
    proposed_name: the first that is free. going: the disks that go with it.
    """

    ref: Ref
    name: str
    host_name: str
    by: str
    at: datetime
    until: datetime
    stored_name: str
    is_bound: bool
    is_active: bool
    size: int
    disks: tuple[DiskChoice, ...] = ()
    going: tuple[DiskChoice, ...] = ()
    proposed_name: str = ""


@dataclass(frozen=True, slots=True)
class Bin:
    """The whole list for one reader. days: for how long guests are kept."""

    rows: tuple[Binned, ...]
    days: int
    rev: int
    may_change: bool = False
    is_blind: bool = False
