"""Snapshots of a guest: what libvirt tells of each, and what can be done with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kvmweb.core.offers import Obstacle, Offer

NAME_MAX = 64
TEXT_MAX = 1000
NAME = re.compile(r"(?![0-9]+$)\w[\w.+-]*")
"""A name of ours: part of a file's name, never an option, and never taken for QEMU's number."""


class Memory(StrEnum):
    """Where the memory of the guest is kept. Source: snapshot XML <memory snapshot>."""

    NONE = "no"
    INTERNAL = "internal"
    EXTERNAL = "external"


class Kind(StrEnum):
    """Where the disks are kept: inside the image, or in the file that a new overlay leaves."""

    INTERNAL = "internal"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """One snapshot. Source: virDomainSnapshotGetXMLDesc.

    created_at: seconds since the epoch. disks: targets of those that are kept.
    needs: what the guest was connected to then, see `definitions.snapshots.needs`.
    """

    name: str
    description: str
    created_at: int
    state: str
    """Of the guest then: running, paused, shutoff, disk-snapshot, …"""
    parent: str
    memory: Memory
    kind: Kind
    disks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    has_added_vcpus: bool = False
    """Its memory was taken after virtual CPUs were added live: QEMU cannot load it again."""
    is_current: bool = False
    memory_file: str = ""
    """On the host, where its memory is kept outside of the disks."""
    limits: tuple[str, ...] = ()
    """Of its disks and interfaces then, see `core.limits`."""

    @property
    def is_active(self) -> bool:
        """Going back to it leaves a guest with a process."""
        return self.memory is not Memory.NONE


@dataclass(frozen=True, slots=True)
class Taking:
    """How a snapshot of a guest as it is now can be taken.

    with_memory, disks_only: what stands in the way of each, Obstacle.NONE where it is possible.
    kind: of the one with the disks alone. memory: where the other keeps memory, and the disks.
    """

    is_active: bool
    with_memory: Obstacle
    disks_only: Obstacle
    kind: Kind
    memory: Memory = Memory.INTERNAL
    can_go_back: bool = True
    """Whether its host can revert to a snapshot of that kind."""

    @property
    def is_possible(self) -> bool:
        """One of the two is."""
        return Obstacle.NONE in (self.with_memory, self.disks_only)

    @property
    def obstacle(self) -> Obstacle:
        """Why none can be taken at all."""
        return Obstacle.NONE if self.is_possible else self.disks_only

    @property
    def keeps(self) -> Obstacle:
        """What stands in the way of keeping the present state before a revert."""
        if self.is_active:
            return self.with_memory
        if self.disks_only is Obstacle.NONE and self.kind is Kind.EXTERNAL:
            return Obstacle.SNAPSHOT_DISKS
        return self.disks_only


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """One snapshot in its tree, for one reader. children: how many hang below it, in all."""

    record: SnapshotRecord
    depth: int
    children: int
    revert: Offer
    delete: Offer
    has_picture: bool = False
    """Its screen was kept, and this reader may see it."""
