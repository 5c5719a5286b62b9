"""Virtual networks: which there are, one with all that its page shows, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kvmweb.access import judge
from kvmweb.core import networks as core
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.network_details import Attached, NetworkDetails
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import GuestState, HostState, InterfaceRecord, NetworkRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, once, power_line, present, sight
from kvmweb.services.guard import guarded, internal, open_to_all, sifted
from kvmweb.services.mirrored import Row, Shelf
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import Host

NetworkRow = Row[NetworkRecord]

_SHELF = Shelf(
    Kind.NETWORK, mirror.Network, NetworkRecord, lambda record: (record.bridge, *record.subnets)
)
_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class _Act:
    """One offer. right: what the guard judges; on the host where `is_of_host`."""

    offer: str
    right: str
    judge: Callable[[NetworkRecord, bool], Obstacle]
    is_of_host: bool = False


def _to_start(record: NetworkRecord, _lost: bool) -> Obstacle:
    return Obstacle.NETWORK_ACTIVE if record.is_active else Obstacle.NONE


def _to_stop(record: NetworkRecord, _lost: bool) -> Obstacle:
    return Obstacle.NONE if record.is_active else Obstacle.NETWORK_INACTIVE


def _to_keep(record: NetworkRecord, _lost: bool) -> Obstacle:
    return Obstacle.NONE if record.is_persistent else Obstacle.NETWORK_TRANSIENT


def _to_restart(record: NetworkRecord, _lost: bool) -> Obstacle:
    return _to_stop(record, _lost) or _to_keep(record, _lost)


def _to_reattach(record: NetworkRecord, lost: bool) -> Obstacle:
    return _to_stop(record, lost) or (Obstacle.NONE if lost else Obstacle.NETWORK_ATTACHED)


def _to_nudge(record: NetworkRecord, _lost: bool) -> Obstacle:
    if record.spec.mode not in core.OWN_BRIDGE or not record.spec.ips:
        return Obstacle.NETWORK_WITHOUT_DHCP
    return _to_stop(record, _lost)


def _to_reserve(record: NetworkRecord, _lost: bool) -> Obstacle:
    has_place = record.spec.mode in core.OWN_BRIDGE and record.spec.ips
    return Obstacle.NONE if has_place else Obstacle.NETWORK_WITHOUT_DHCP


def _always(_record: NetworkRecord, _lost: bool) -> Obstacle:
    return Obstacle.NONE


_ACTS = (
    _Act("network.start", "network.start", _to_start),
    _Act("network.stop", "network.stop", _to_stop),
    _Act("network.restart", "network.stop", _to_restart),
    _Act("network.restart_dhcp", "network.start", _to_nudge),
    _Act("network.reattach", "network.start", _to_reattach),
    _Act("network.autostart", "network.autostart", _to_keep),
    _Act("network.edit", "network.edit", _to_keep),
    _Act("network.duplicate", "network.create", _always, is_of_host=True),
    _Act("network.reserve", "network.reserve", _to_reserve),
    _Act("network.delete", "network.delete", _always),
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
    """One network as the list shows it. Raises NotFound."""
    return _SHELF.get(ref)


@guarded("network.view")
def show(actor: Actor, ref: Ref) -> NetworkDetails:
    """What the mirror knows: a few queries, no libvirt call. Raises NotFound."""
    rev = mirror.Revision.current()
    record = read(ref)
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    everybody = attached(ref.host, record)
    reach = judge.reach(actor, "guest.view")
    filters = judge.reach(actor, "nwfilter.assign")
    seen = tuple(
        replace(it, may_filter=filters.covers(it.ref)) for it in everybody if reach.covers(it.ref)
    )
    may_read = judge.can(actor, "network.definition", ref)
    return NetworkDetails(
        ref=ref,
        host=sight.host_line(actor, ref, host),
        record=record if may_read else replace(record, xml=""),
        attached=seen,
        is_partial=not reach.covers(ref.on_host),
        offers=_offers(actor, ref, record, host, _lost(everybody)),
        may_read_definition=may_read,
        rev=rev,
    )


@guarded("network.definition")
def definition(actor: Actor, ref: Ref) -> str:
    """The stored XML. Raises NotFound."""
    return read(ref).xml


@guarded("network.start")
def start(actor: Actor, ref: Ref) -> Outcome:
    """Start it. Raises Overlap when its subnet or bridge is in use, and what libvirt says."""
    return _do(ref, "network.start")


@guarded("network.stop")
def stop(actor: Actor, ref: Ref) -> Outcome:
    """Stop it: every guest on it loses its link."""
    return _do(ref, "network.stop")


@guarded("network.stop")
def restart(actor: Actor, ref: Ref) -> Outcome:
    """Stop it, start it by its stored definition, and plug its guests in again."""
    record = read(ref)
    cards = [it for it in attached(ref.host, record) if it.is_active]
    own = cards if record.spec.mode in core.OWN_BRIDGE else []
    return _do(ref, "network.restart", guests=_by_guest(own))


@guarded("network.start")
def restart_dhcp(actor: Actor, ref: Ref) -> Outcome:
    """Start its DHCP and DNS server anew; no guest is unplugged."""
    return _do(ref, "network.restart_dhcp")


@guarded("network.start")
def reattach(actor: Actor, ref: Ref) -> Outcome:
    """Plug every guest in again that lost its link when the network was stopped."""
    lost = _lost(attached(ref.host, read(ref)))
    audit.running().detail.update(guests=[it.name for it in lost][:50])
    if not lost:
        audit.running().outcome = Outcome.UNCHANGED
        return Outcome.UNCHANGED
    return _do(ref, "network.reattach", guests=_by_guest(lost))


@guarded("network.autostart")
def autostart(actor: Actor, ref: Ref, *, enabled: bool) -> Outcome:
    """Whether the host starts it when it boots."""
    return _do(ref, "network.autostart", enabled=enabled)


@guarded("network.delete")
def delete(actor: Actor, ref: Ref) -> Outcome:
    """Stop it and forget its definition, which the audit keeps."""
    audit.running().detail.update(xml=read(ref).xml[:8000])
    return _do(ref, "network.delete")


_PRESSES: dict[str, Callable[[Actor, Ref], Outcome]] = {
    "network.start": start,
    "network.stop": stop,
    "network.restart": restart,
    "network.restart_dhcp": restart_dhcp,
    "network.reattach": reattach,
    "network.delete": delete,
    "network.autostart_on": lambda actor, ref: autostart(actor, ref, enabled=True),
    "network.autostart_off": lambda actor, ref: autostart(actor, ref, enabled=False),
}


@open_to_all("calls the one guarded function of this word")
def press(actor: Actor, ref: Ref, word: str, *, key: str = "") -> Outcome:
    """Do it, unless this very click was done already. Raises Invalid for an unknown word, and
    what the act raises.
    """
    act = _PRESSES.get(word)
    if act is None:
        raise Invalid(f"no such act: {word[:40]}")
    with once.only(actor, ref, word, key) as is_first:
        return act(actor, ref) if is_first else Outcome.UNCHANGED


@internal("a part of services of networks: the record whole, for whoever asked the guard")
def read(ref: Ref) -> NetworkRecord:
    """One network of the mirror. Raises NotFound."""
    found = mirror.Network.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return wire.from_plain(NetworkRecord, found.record)


@internal("a part of services of networks: all guests, seen or not")
def attached(host: str, record: NetworkRecord) -> tuple[Attached, ...]:
    """Every interface on this network, or plugged straight into the bridge that it leads to."""
    leads_to = record.bridge if record.spec.mode in (core.BRIDGE, core.OVS) else ""
    return tuple(
        it
        for it in cards(host)
        if (it.card.type == "network" and it.card.source == record.name)
        or (leads_to and it.card.type == "bridge" and it.card.source == leads_to)
    )


@internal("a part of services of networks: all guests, seen or not")
def cards(host: str) -> list[Attached]:
    """Every interface of every guest of this host, by the name of the guest."""
    guests = mirror.Guest.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    found = guests.values_list("uuid", "name", "state", "record__interfaces")
    return [
        Attached(
            refs.guest(host, uuid), name, GuestState(state), wire.from_plain(InterfaceRecord, it)
        )
        for uuid, name, state, interfaces in found
        for it in interfaces or ()
    ]


@open_to_all("a pure function")
def is_up(host: HostLine) -> bool:
    """What the mirror says is current, and acts can be tried."""
    return host.state is HostState.UP


@sifted("network.create")
def places(actor: Actor) -> list[HostLine]:
    """Hosts on which this actor may create networks, by name."""
    reach = judge.reach(actor, "network.create")
    found = Host.objects.filter(sight.of_hosts(actor)).order_by("name", "key")
    mirrors = {row.host: row for row in mirror.HostMirror.objects.all()}
    there = [it for it in found if reach.covers(it.ref)]
    return [sight.host_line(actor, it.ref, mirrors.get(it.key)) for it in there]


def _lost(found: tuple[Attached, ...]) -> tuple[Attached, ...]:
    return tuple(it for it in found if it.is_active and it.card.is_unplugged)


def _by_guest(found: list[Attached] | tuple[Attached, ...]) -> dict[str, list[str]]:
    guests: dict[str, list[str]] = {}
    for it in found:
        if it.card.type == "network":
            guests.setdefault(it.ref.id, []).append(it.card.mac)
    return guests


def _offers(
    actor: Actor,
    ref: Ref,
    record: NetworkRecord,
    host: mirror.HostMirror | None,
    lost: tuple[Attached, ...],
) -> tuple[Offer, ...]:
    """Every act, with the first thing in its way: rights, then the host, then the network."""
    reaches = judge.reaches(actor, {act.right for act in _ACTS} | {"network.start"})
    is_host_up = host is not None and host.is_up
    offers = []
    for act in _ACTS:
        if not reaches[act.right].covers(ref.on_host if act.is_of_host else ref):
            found = Obstacle.NO_RIGHT
        elif not is_host_up:
            found = Obstacle.HOST_AWAY
        else:
            found = act.judge(record, bool(lost))
        offers.append(Offer(act.offer, found))
    return tuple(offers)


def _do(ref: Ref, verb: str, **arguments: Any) -> Outcome:
    """Raises NotFound for a network that the mirror has not, HostDown at once for a host away."""
    if not mirror.Network.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).exists():
        raise NotFound(ref=str(ref))
    present.host(ref.host)
    return power_line.carry_out(ref, verb, _LIMIT_S, arguments)
