"""Storage pools, list level."""

from __future__ import annotations

from kvmweb.core.actors import Actor
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import guarded, sifted
from kvmweb.services.mirrored import Row, Shelf

PoolRow = Row[PoolRecord]

_SHELF = Shelf(Kind.POOL, mirror.Pool, PoolRecord, lambda record: (record.type, record.path))


@sifted("pool.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[PoolRow]:
    """Every pool that this actor sees, by name. search: within name, host, type and path."""
    return _SHELF.list_(actor, search=search, host=host)


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere, whatever exists: the page says so."""
    return _SHELF.is_blind(actor)


@guarded("pool.view")
def get(actor: Actor, ref: Ref) -> PoolRow:
    """One pool. Raises NotFound."""
    return _SHELF.get(ref)
