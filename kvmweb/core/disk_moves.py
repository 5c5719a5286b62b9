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
    """How far the copy of a running guest's disk is. is_ready: nothing but what is written now."""

    done: int
    total: int
    is_ready: bool
