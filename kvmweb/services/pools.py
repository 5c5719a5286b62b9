"""Storage pools, list level."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.access import judge
from kvmweb.access.verbs import VIEW
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import sight
from kvmweb.services.guard import guarded, sifted
from kvmweb.store.models import Host


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A pool as the list shows it. is_away: its host is, and this is how it was last."""

    ref: Ref
    host_name: str
    record: PoolRecord
    is_away: bool
    rev: int

    @property
    def name(self) -> str:
        """What it is called."""
        return self.record.name

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return self.ref.dom_id

    @property
    def is_active(self) -> bool:
        """Whether libvirt has it started: only then are its numbers known."""
        return self.record.is_active

    @property
    def percent(self) -> float:
        """How full it is."""
        record = self.record
        return 100 * record.allocation / record.capacity if record.capacity else 0.0


@sifted("pool.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[PoolRow]:
    """Every pool that this actor sees, by name. search: within name, host and type."""
    found = mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL))
    if host:
        found = found.filter(host=host)
    rows = _rows(list(found.order_by("name_fold", "host", "uuid")))
    word = search.strip().casefold()
    return [row for row in rows if word in _text(row)] if word else rows


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere, whatever exists: the page says so."""
    return judge.reach(actor, VIEW[Kind.POOL]).is_nowhere


@guarded("pool.view")
def get(actor: Actor, ref: Ref) -> PoolRow:
    """One pool. Raises NotFound."""
    rows = _rows(list(mirror.Pool.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)))
    if not rows:
        raise NotFound(ref=str(ref))
    return rows[0]


def _rows(found: list[mirror.Pool]) -> list[PoolRow]:
    names = dict(Host.objects.values_list("key", "name"))
    away = set(mirror.HostMirror.objects.exclude(state="up").values_list("host", flat=True))
    return [
        PoolRow(
            ref=refs.pool(pool.host, pool.uuid),
            host_name=names.get(pool.host, pool.host),
            record=wire.from_plain(PoolRecord, pool.record),
            is_away=pool.host in away,
            rev=pool.rev,
        )
        for pool in found
    ]


def _text(row: PoolRow) -> str:
    return " ".join((row.name, row.host_name, row.record.type, row.record.path)).casefold()
