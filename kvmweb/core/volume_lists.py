"""Pools and volumes as pages show them: who uses what, how full, how much was promised."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.details import HostLine
from kvmweb.core.offers import Offer
from kvmweb.core.records import PoolRecord, VolumeRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.volume_filter import VolumeFilter


@dataclass(frozen=True, slots=True)
class User:
    """What needs a volume: a guest's disk, its snapshot, or an image that builds on it.

    how: the disk's target, the snapshot's name, or nothing for an image. is_active: the guest has
    a process and the disk in use.
    reads_as: the format that the guest's disk says it has.
    """

    ref: Ref
    name: str
    how: str = ""
    is_active: bool = False
    is_readonly: bool = False
    reads_as: str = ""
    is_binned: bool = False
    """The guest is in the recycle bin."""
    is_memory: bool = False
    """The memory of the guest's snapshot is kept in it."""
    is_template: bool = False
    """The guest is a template."""

    @property
    def is_guest(self) -> bool:
        """A guest's disk, not an image above this one."""
        return self.ref.kind is Kind.GUEST


@dataclass(frozen=True, slots=True)
class Users:
    """Those that the reader may see; hidden: how many others; more: seen, but not listed here."""

    seen: tuple[User, ...] = ()
    hidden: int = 0
    more: int = 0
    is_read_raw: bool = False
    """One of the hidden reads it as raw, whatever it looks like."""

    def __bool__(self) -> bool:
        return bool(self.seen or self.hidden)

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that may be seen, each once."""
        return tuple(dict.fromkeys(user.name for user in self.seen))


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """One volume for one reader. chain: what it builds on, the next first.

    forged: it was made as raw and now looks like another format, or a guest reads it as raw:
    whoever writes into it can make it name any file of the host.
    is_backing_known: what it builds on is a volume of an active pool.
    lock: `incoming` or `refused`, for an image that nobody may use; empty for all others.
    """

    ref: Ref
    record: VolumeRecord
    users: Users
    chain: tuple[str, ...] = ()
    is_backing_known: bool = True
    forged: bool = False
    lock: str = ""


@dataclass(frozen=True, slots=True)
class VolumeList:
    """rows: one page of what the filter found. total: how many it found; seen: all of the pool."""

    wanted: VolumeFilter
    rows: tuple[VolumeRow, ...]
    total: int
    seen: int
    formats: tuple[str, ...] = ()
    page_size: int = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """volumes: how many. promised: what all of them together may grow to; stored: really used."""

    volumes: int = 0
    promised: int = 0
    stored: int = 0


@dataclass(frozen=True, slots=True)
class PoolDetails:
    """One pool, whole, for one reader. rev: of the mirror before it was read."""

    ref: Ref
    host: HostLine
    record: PoolRecord
    figures: Figures
    guests: Users
    """Guests with a disk in it."""
    rev: int
    offers: tuple[Offer, ...] = ()
