"""Virtual networks, list level."""

from __future__ import annotations

from kvmweb.core.actors import Actor
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import guarded, sifted
from kvmweb.services.mirrored import Row, Shelf

NetworkRow = Row[NetworkRecord]

_SHELF = Shelf(
    Kind.NETWORK, mirror.Network, NetworkRecord, lambda record: (record.bridge, *record.subnets)
)


@sifted("network.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[NetworkRow]:
    """Every network that this actor sees, by name. search: within name, host, bridge, subnets."""
    return _SHELF.list_(actor, search=search, host=host)


@sifted("network.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no network anywhere, whatever exists: the page says so."""
    return _SHELF.is_blind(actor)


@guarded("network.view")
def get(actor: Actor, ref: Ref) -> NetworkRow:
    """One network. Raises NotFound."""
    return _SHELF.get(ref)
