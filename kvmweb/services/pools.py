"""Storage pools: the list, and one pool with what its page shows."""

from __future__ import annotations

from django.db.models import Sum

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.volume_lists import PoolDetails
from kvmweb.inventory import models as mirror
from kvmweb.services import pool_figures, sight, storage_offers, volume_users, volumes
from kvmweb.services.guard import guarded, sifted
from kvmweb.services.mirrored import Row, Shelf

PoolRow = Row[PoolRecord]

_SHELF = Shelf(Kind.POOL, mirror.Pool, PoolRecord, lambda record: (record.type, record.path))


@sifted("pool.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[PoolRow]:
    """Every pool that this actor sees, by name. search: within name, host, type and path."""
    return _SHELF.list_(actor, search=search, host=host)


@sifted("pool.view")
def promised(actor: Actor, *, host: str = "") -> dict[Ref, int]:
    """What the volumes of each pool that this actor sees may grow to together."""
    reach = judge.reach(actor, "pool.view")
    rows = mirror.Volume.objects.filter(is_gone__in=[False])
    rows = rows.filter(host=host) if host else rows
    found = rows.values_list("host", "pool").annotate(together=Sum("capacity")).order_by()
    sums = {Ref(Kind.POOL, key, uuid): int(together) for key, uuid, together in found}
    return {ref: together for ref, together in sums.items() if reach.covers(ref)}


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere, whatever exists: the page says so."""
    return _SHELF.is_blind(actor)


@guarded("pool.view")
def get(actor: Actor, ref: Ref) -> PoolRow:
    """One pool. Raises NotFound."""
    return _SHELF.get(ref)


@guarded("pool.view")
def show(actor: Actor, ref: Ref) -> PoolDetails:
    """One pool with everything its page shows beside its volumes. Raises NotFound."""
    rev = mirror.Revision.current()
    pool = volumes.pool_row(ref)
    record, host = wire.from_plain(PoolRecord, pool.record), sight.host_line(actor, ref)
    return PoolDetails(
        ref=ref,
        host=host,
        record=record,
        figures=pool_figures.of(ref).figures,
        guests=volume_users.of_pool(actor, pool),
        rev=rev,
        offers=storage_offers.of(
            actor, ref, storage_offers.Facts(record, host.is_up), storage_offers.OF_POOL
        ),
    )
