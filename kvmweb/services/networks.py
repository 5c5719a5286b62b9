"""Virtual networks, list level."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.access import judge
from kvmweb.access.verbs import VIEW
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import sight
from kvmweb.services.guard import guarded, sifted
from kvmweb.store.models import Host


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """A network as the list shows it. is_away: its host is, and this is how it was last."""

    ref: Ref
    host_name: str
    record: NetworkRecord
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


@sifted("network.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[NetworkRow]:
    """Every network that this actor sees, by name. search: within name, host, bridge, subnets."""
    found = mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK))
    if host:
        found = found.filter(host=host)
    rows = _rows(list(found.order_by("name_fold", "host", "uuid")))
    word = search.strip().casefold()
    return [row for row in rows if word in _text(row)] if word else rows


@sifted("network.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no network anywhere, whatever exists: the page says so."""
    return judge.reach(actor, VIEW[Kind.NETWORK]).is_nowhere


@guarded("network.view")
def get(actor: Actor, ref: Ref) -> NetworkRow:
    """One network. Raises NotFound."""
    rows = _rows(list(mirror.Network.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)))
    if not rows:
        raise NotFound(ref=str(ref))
    return rows[0]


def _rows(found: list[mirror.Network]) -> list[NetworkRow]:
    names = dict(Host.objects.values_list("key", "name"))
    away = set(mirror.HostMirror.objects.exclude(state="up").values_list("host", flat=True))
    return [
        NetworkRow(
            ref=refs.network(network.host, network.uuid),
            host_name=names.get(network.host, network.host),
            record=wire.from_plain(NetworkRecord, network.record),
            is_away=network.host in away,
            rev=network.rev,
        )
        for network in found
    ]


def _text(row: NetworkRow) -> str:
    record = row.record
    return " ".join((row.name, row.host_name, record.bridge, *record.subnets)).casefold()
