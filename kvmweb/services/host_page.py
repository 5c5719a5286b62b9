"""One host with everything that its page shows: a few queries of the mirror, no libvirt call."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet, Sum

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.hosts import (
    GuestShare,
    HardwareRecord,
    HostDetails,
    HostGuests,
    HostUse,
    Part,
    Shelved,
)
from kvmweb.core.readiness import Readiness
from kvmweb.core.records import GuestState, NetworkRecord, PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import hosts, parts, sight
from kvmweb.services.guard import guarded, internal

TOP = 8
_ACTIVE = tuple(state.value for state in GuestState if state.is_active)
_MAY = (
    "host.remove", "host.edit", "host.maintain", "host.secrets", "host.add",
)  # fmt: skip


@guarded("host.view")
def show(actor: Actor, ref: Ref) -> HostDetails:
    """What the mirror knows. Raises NotFound."""
    rev = mirror.Revision.current()
    row = hosts.get(actor, ref)
    found = mirror.HostMirror.objects.filter(host=ref.host).first()
    reaches = judge.reaches(actor, _MAY)
    may = frozenset(verb for verb, reach in reaches.items() if reach.covers(ref))
    hardware = parts.read(ref.host, Part.HARDWARE, HardwareRecord)
    readiness = parts.read(ref.host, Part.READINESS, Readiness)
    return HostDetails(
        row=row,
        rev=rev,
        use=_use(found),
        guests=_guests(actor, ref, row.record.cpus if row.record else 0),
        hardware=hardware.record if hardware else None,
        readiness=readiness.record if readiness else None,
        checked_at=readiness.at if readiness else None,
        pools=_pools(actor, ref),
        networks=_networks(actor, ref),
        may=may,
        connection=hosts.connection(ref),
    )


@guarded("host.view")
def use(actor: Actor, ref: Ref) -> tuple[HostUse, HostGuests]:
    """What changes every two seconds. Raises NotFound."""
    found = mirror.HostMirror.objects.filter(host=ref.host).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return _use(found), _guests(actor, ref, int(found.record.get("cpus", 0)))


@guarded("host.view")
def check(actor: Actor, ref: Ref) -> None:
    """Have the host looked at again; what is found arrives as a notice. Raises HostDown."""
    client.call(ref.host, "host.check")


@internal("a pure function")
def share(cpu: float | None, vcpus: int, cpus: int) -> float | None:
    """What a guest uses of its host, of percent of its own vCPUs."""
    return None if cpu is None or not cpus else round(cpu * vcpus / cpus, 1)


def _use(found: mirror.HostMirror | None) -> HostUse:
    if found is None:
        return HostUse()
    return HostUse(
        cpu=found.cpu if found.is_up else None,
        memory_used=found.memory_used if found.is_up else None,
        memory=int(found.record.get("memory", 0)),
        cpus=int(found.record.get("cpus", 0)),
        load=found.load if found.is_up else None,
        samples=tuple(tuple(sample) for sample in found.history),
    )


def _guests(actor: Actor, ref: Ref, cpus: int) -> HostGuests:
    seen = mirror.Guest.objects.filter(sight.of_kind(actor, Kind.GUEST), host=ref.host)
    active = Q(state__in=_ACTIVE)
    sums = seen.aggregate(
        total=Count("pk"),
        running=Count("pk", filter=active),
        vcpus=Sum("vcpus", filter=active),
        memory=Sum("memory", filter=active),
    )
    return HostGuests(
        total=sums["total"],
        running=sums["running"],
        vcpus=sums["vcpus"] or 0,
        memory=sums["memory"] or 0,
        top=_top(seen.filter(active), cpus),
    )


def _top(active: QuerySet[mirror.Guest], cpus: int) -> tuple[GuestShare, ...]:
    """Those that use most; among idle ones those that hold most memory."""
    fields = ("cpu", "vcpus", "memory_used", "uuid")
    busy = {
        uuid: (share(cpu, vcpus, cpus) or 0.0, used or 0)
        for cpu, vcpus, used, uuid in active.values_list(*fields)
    }
    first = sorted(busy, key=lambda uuid: busy[uuid], reverse=True)[:TOP]
    found = {guest.uuid: guest for guest in active.filter(uuid__in=first).defer("record")}
    return tuple(_share(found[uuid], cpus) for uuid in first if uuid in found)


def _share(guest: mirror.Guest, cpus: int) -> GuestShare:
    return GuestShare(
        ref=guest.ref,
        name=guest.name,
        state=guest.state,
        is_answering=guest.is_answering,
        vcpus=guest.vcpus,
        memory=guest.memory,
        cpu=share(guest.cpu, guest.vcpus, cpus),
        memory_used=guest.memory_used,
    )


def _pools(actor: Actor, ref: Ref) -> tuple[Shelved, ...]:
    found = mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL), host=ref.host)
    return tuple(_pool(row) for row in found.order_by("name_fold", "uuid"))


def _pool(row: mirror.Pool) -> Shelved:
    record = wire.from_plain(PoolRecord, row.record)
    return Shelved(row.ref, row.name, record.type, record.is_active, record.percent)


def _networks(actor: Actor, ref: Ref) -> tuple[Shelved, ...]:
    found = mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK), host=ref.host)
    return tuple(_network(row) for row in found.order_by("name_fold", "uuid"))


def _network(row: mirror.Network) -> Shelved:
    record = wire.from_plain(NetworkRecord, row.record)
    return Shelved(row.ref, row.name, record.forward, record.is_active)
