"""Is everything well: counts, hosts, guests by state, pools that fill up, what failed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.access.verbs import VIEW
from kvmweb.core.actors import Actor
from kvmweb.core.hosts import HostRow
from kvmweb.core.refs import Kind
from kvmweb.inventory import models as mirror
from kvmweb.services import hosts, pools, sight
from kvmweb.services.guard import open_to_all, sifted
from kvmweb.store.models import AuditEntry, Host

FULL_PERCENT = 80
_LATELY = timedelta(days=1)
_FEW = 8
_NO_FAILURE = ("ok", "begun", "", "unchanged", "invalid")
"""Outcomes after which nobody has anything to look into: a form said at once what it minded."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each noun this actor sees."""

    guests: int
    pools: int
    networks: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong lately. ref: as the audit keeps it, empty for the portal."""

    at: Any
    who: str
    verb: str
    ref: str
    name: str
    outcome: str


_KEPT_MAX = 256
_kept: dict[tuple[Any, ...], Counts] = {}


@sifted("guest.view")
def guest_count(actor: Actor) -> int:
    """How many guests this actor sees."""
    return mirror.Guest.objects.filter(sight.of_kind(actor, Kind.GUEST)).count()


@sifted("pool.view")
def pool_count(actor: Actor) -> int:
    """How many pools this actor sees."""
    return mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL)).count()


@sifted("network.view")
def network_count(actor: Actor) -> int:
    """How many networks this actor sees."""
    return mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK)).count()


@sifted("host.view")
def host_count(actor: Actor) -> int:
    """How many hosts this actor sees."""
    return Host.objects.filter(sight.of_hosts(actor)).count()


@open_to_all("each number is sifted by its own function")
def counts(actor: Actor) -> Counts:
    """The numbers beside the navigation: on every page, so kept until the mirror changes."""
    reaches = judge.reaches(actor, VIEW.values())
    key = (mirror.Revision.current(), Host.objects.count(), *reaches.values())
    kept = _kept.get(key)
    if kept is None:
        kept = Counts(
            guest_count(actor), pool_count(actor), network_count(actor), host_count(actor)
        )
        if len(_kept) >= _KEPT_MAX:
            _kept.clear()
        _kept[key] = kept
    return kept


@sifted("guest.view")
def guests_by_state(actor: Actor) -> dict[str, int]:
    """State to number of guests."""
    found = mirror.Guest.objects.filter(sight.of_kind(actor, Kind.GUEST))
    rows = found.values_list("state").annotate(number=Count("pk")).order_by("state")
    return dict(rows)


@sifted("guest.view")
def newest_guests(actor: Actor) -> list[mirror.Guest]:
    """The guests that changed last."""
    found = mirror.Guest.objects.filter(sight.of_kind(actor, Kind.GUEST))
    return list(found.order_by("-changed_at")[:_FEW])


@sifted("pool.view")
def filling_pools(actor: Actor) -> list[pools.PoolRow]:
    """Pools above `FULL_PERCENT`, the fullest first."""
    rows = [
        row for row in pools.list_(actor) if row.is_active and row.record.percent >= FULL_PERCENT
    ]
    return sorted(rows, key=lambda row: -row.record.percent)[:_FEW]


@sifted("host.view")
def host_rows(actor: Actor) -> list[HostRow]:
    """Every host that this actor sees, those in trouble first."""
    return sorted(hosts.list_(actor), key=lambda row: (row.is_up, row.name.casefold()))


@sifted("audit.view")
def failures(actor: Actor) -> list[Failure]:
    """What failed within a day, for who may read the audit; else nothing."""
    if not judge.can(actor, "audit.view"):
        return []
    found = AuditEntry.objects.filter(at__gte=timezone.now() - _LATELY)
    found = found.exclude(outcome__in=_NO_FAILURE).order_by("-at")[:_FEW]
    return [
        Failure(row.at, row.person_name, row.verb, row.ref, row.ref_name, row.outcome)
        for row in found
    ]


@open_to_all("says only what this actor may do")
def may(actor: Actor, verb: str) -> bool:
    """Whether this actor may do this on the portal itself: what the navigation shows."""
    return judge.can(actor, verb)


@open_to_all("says only what this actor may do somewhere")
def may_anywhere(actor: Actor, verb: str) -> bool:
    """Whether there is anything that this actor may do this with."""
    return not judge.reach(actor, verb).is_nowhere


@open_to_all("says only whether this actor holds any right")
def has_any_right(actor: Actor) -> bool:
    """No rights at all is a state of its own, never an empty list."""
    return judge.holds_anything(actor)


@open_to_all("each part is sifted by its own function")
def glance(actor: Actor) -> dict[str, Any]:
    """All that the overview shows beside the guests by state, for the page and its pushes."""
    return {
        "live_rev": revision(),
        "has_any_right": has_any_right(actor),
        "may_add_host": may(actor, "host.add"),
        "may_audit": may(actor, "audit.view"),
        "counts": counts(actor),
        "hosts": host_rows(actor),
        "guests": newest_guests(actor),
        "filling": filling_pools(actor),
        "failures": failures(actor),
    }


@open_to_all("a number without meaning of its own")
def revision() -> int:
    """The mirror's newest revision: read it before the rows of a page."""
    return mirror.Revision.current()
