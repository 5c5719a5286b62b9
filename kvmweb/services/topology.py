"""How a host is wired: its interfaces, bridges, networks and the interfaces of guests."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.network_details import Attached
from kvmweb.core.networks import HostInterface
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import networks, sight
from kvmweb.services.guard import sifted
from kvmweb.store.models import Host


@dataclass(frozen=True, slots=True)
class Topology:
    """One host as this reader sees it. hosts: all that have a network or interface for them.

    is_partial: there may be guests or interfaces that the reader may not see.
    """

    host: HostLine | None
    hosts: tuple[HostLine, ...]
    interfaces: tuple[HostInterface, ...]
    networks: tuple[tuple[Ref, NetworkRecord], ...]
    cards: tuple[Attached, ...]
    is_partial: bool
    rev: int


@sifted("network.view")
def show(actor: Actor, *, host: str = "") -> Topology:
    """The wiring of this host, or of the first one that the actor sees anything of."""
    rev = mirror.Revision.current()
    seen = mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK))
    own = mirror.Interface.objects.filter(sight.of_kind(actor, Kind.INTERFACE))
    keys = {*seen.values_list("host", flat=True), *own.values_list("host", flat=True)}
    mirrors = {row.host: row for row in mirror.HostMirror.objects.all()}
    stored = Host.objects.filter(key__in=keys).order_by("name", "key")
    hosts = tuple(sight.host_line(actor, it.ref, mirrors.get(it.key)) for it in stored)
    chosen = next((it for it in hosts if it.ref.host == host), hosts[0] if hosts else None)
    if chosen is None:
        return Topology(None, (), (), (), (), is_partial=False, rev=rev)
    key = chosen.ref.host
    reach = judge.reach(actor, "guest.view")
    return Topology(
        host=chosen,
        hosts=hosts,
        interfaces=tuple(
            wire.from_plain(HostInterface, it.record)
            for it in own.filter(host=key).order_by("name_fold")
        ),
        networks=tuple(
            (it.ref, wire.from_plain(NetworkRecord, it.record))
            for it in seen.filter(host=key).order_by("name_fold")
        ),
        cards=tuple(it for it in networks.cards(key) if reach.covers(it.ref)),
        is_partial=not reach.covers(chosen.ref),
        rev=rev,
    )


@sifted("network.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no network anywhere, whatever exists: the page says so."""
    return judge.reach(actor, "network.view").is_nowhere
