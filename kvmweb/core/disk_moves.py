"""A disk of a guest that is to go to another pool."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.cloning import PoolChoice
from kvmweb.core.refs import Ref


@dataclass(frozen=True, slots=True)
class DiskMove:
    """What stands before anything happens. obstacles: why it cannot go, in sentences.

    pool, name: of its volume; format, capacity and allocation as well. pools: where it can go.
    """

    ref: Ref
    target: str
    source: str
    definition_hash: str
    is_active: bool
    pool: str = ""
    pool_name: str = ""
    name: str = ""
    format: str = ""
    capacity: int = 0
    allocation: int = 0
    may_delete: bool = False
    pools: tuple[PoolChoice, ...] = ()
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """How far the copy of a running guest's disk is. is_ready: it has caught up, and goes along."""

    done: int
    total: int
    is_ready: bool


@dataclass(slots=True)
class Hold:
    """How a guest was held while it was copied. is_unsure: its file systems may still be frozen."""

    how: str
    is_unsure: bool = False
