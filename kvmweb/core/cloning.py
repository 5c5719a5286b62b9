"""A guest to be cloned: what may become of each of its disks, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kvmweb.core.refs import Ref


class Way(StrEnum):
    """What the clone gets in the place of a disk."""

    COPY = "copy"
    LINK = "link"
    """A thin image that keeps what differs from the original's disk."""
    SHARE = "share"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """A disk of the original that has a medium.

    volume: its id where it is one of a started pool, else empty. ways: those that are possible, the
    proposed one first. reason: why there is no more, in a sentence.
    """

    target: str
    source: str
    device: str
    is_readonly: bool
    ways: tuple[Way, ...]
    reason: str = ""
    volume: str = ""
    pool: str = ""
    pool_name: str = ""
    name: str = ""
    format: str = ""
    capacity: int = 0
    allocation: int = 0


@dataclass(frozen=True, slots=True)
class PoolChoice:
    """A pool that copies may be made in. available: bytes."""

    uuid: str
    name: str
    type: str
    available: int


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What will be made of a wish for a copy. ways: what becomes of each disk, by target.

    faults: field to sentence; while there are any, nothing can be made.
    """

    original: Original | None
    ways: Mapping[str, Way]
    faults: Mapping[str, str]
    machine: str = ""
    vcpus: int = 0
    memory: int = 0
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Original:
    """What stands to be cloned, as the mirror knows it.

    obstacles: sentences; while there are any, nothing can be cloned. notes: what is not taken
    along, or may not be meant.
    """

    ref: Ref
    name: str
    host_name: str
    host_uri: str
    definition_hash: str
    proposed_name: str
    disks: tuple[DiskPlan, ...]
    pools: tuple[PoolChoice, ...]
    obstacles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_copied(self) -> bool:
        """Some disk is copied where nothing else is chosen: the page asks where to."""
        return any(disk.ways[:1] == (Way.COPY,) for disk in self.disks)

    @property
    def unlinked(self) -> str:
        """Why no disk can be linked, where one of them tells."""
        disks = (disk for disk in self.disks if disk.device == "disk")
        return next((disk.reason for disk in disks if disk.reason), "")

    @property
    def may_link(self) -> bool:
        """Some disk can be linked: the page says what that means."""
        return any(Way.LINK in disk.ways for disk in self.disks)
