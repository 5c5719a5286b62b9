"""Read guests: the list, one row of it, and counts. A page costs a fixed number of queries.

The list asks for the revision first and for the rows after it: whatever changes in between is
newer than the page says it is, and is sent again. Twice is harmless, missing is not.
"""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from kvmweb.access import judge
from kvmweb.access.judge import Reach
from kvmweb.core import guest_filter, refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.guest_lists import GuestLine, GuestList, GuestRow, ListedHost, Use
from kvmweb.core.offers import Offer
from kvmweb.core.records import GuestState, HostState
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import maintenance, power, projects, sight
from kvmweb.services.guard import guarded, internal, sifted
from kvmweb.store.models import Belonging, Host

PAGE_SIZE = 100
TAGS_S = 5.0
"""How old the choice of tags may be: it is read from every tagged row."""
_COLUMNS = {
    "name": "name_fold", "host": "host", "state": "state", "vcpus": "vcpus", "memory": "memory",
    "cpu": "cpu", "memory_use": "memory_used", "address": "addresses",
    "autostart": "has_autostart", "tags": "tags",
}  # fmt: skip
_TIES = ("name_fold", "host", "uuid")
_MAIN = {
    GuestState.RUNNING: "guest.shutdown",
    GuestState.BLOCKED: "guest.shutdown",
    GuestState.SHUTTING_DOWN: "guest.destroy",
    GuestState.CRASHED: "guest.destroy",
    GuestState.PAUSED: "guest.resume",
    GuestState.SUSPENDED: "guest.reset",
}
_ACTIVE = frozenset(state.value for state in GuestState if state.is_active)
_RIGHTS = tuple({power.TABLE[word].right for word in _MAIN.values()} | {"guest.start"})
_FACETS_KEPT = 64
_KNOWN_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class _Facets:
    """What can be chosen, with numbers, as of one revision."""

    rev: int
    states: dict[str, int]
    hosts: dict[str, int]
    templates: int
    tags: tuple[str, ...]
    tags_at: float


class _Link(NamedTuple):
    """The connection to a host."""

    state: str
    heard_at: dt.datetime | None


class _Seen(NamedTuple):
    """What names one version of a guest, also after the mirror was rebuilt."""

    key: int
    rev: int
    digest: str
    is_answering: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """A guest as of one revision, and the act it suggests. right: what that act needs."""

    line: GuestLine
    is_active: bool
    right: str
    offers: dict[tuple[bool, bool, bool], Offer]
    """By whether it is allowed, whether the host is up, and whether it is in maintenance."""


_facets: dict[Reach, _Facets] = {}
_known: dict[_Seen, _Known] = {}
_lock = threading.Lock()


@sifted("guest.view")
def list_(actor: Actor, wanted: GuestFilter) -> GuestList:
    """One page of the guests that this actor may see, with what the filters can be set to."""
    reaches = judge.reaches(actor, ("guest.view", "host.view", "guest.create", *_RIGHTS))
    reach = reaches["guest.view"]
    rev = mirror.Revision.current()
    may_create = not reaches["guest.create"].is_nowhere
    if reach.is_nowhere:
        return GuestList(wanted, (), 0, 0, {}, (), (), rev, has_right=False, may_create=may_create)
    facets, known = _facets_of(reach, rev), projects.listed(actor)
    if wanted.project and wanted.project not in dict(known):
        wanted = replace(wanted, project=0, notes=(*wanted.notes, "project"))
    seen = sum(facets.hosts.values())
    found = _found(reach, wanted)
    total = found.count() if wanted.is_narrowed else seen
    last = max(1, -(-total // PAGE_SIZE))
    if wanted.page > last:
        wanted = replace(wanted, page=last, notes=(*wanted.notes, "page"))
    hosts = _links(mirror.HostMirror.objects.all())
    names, resting = _stored_hosts()
    return GuestList(
        wanted=wanted,
        rows=_rows(_page(found, wanted), hosts, reaches, resting),
        total=total,
        seen=seen,
        states=facets.states,
        hosts=_hosts(reaches["host.view"], hosts, facets.hosts, names),
        tags=facets.tags,
        rev=rev,
        may_create=may_create,
        page_size=PAGE_SIZE,
        templates=facets.templates,
        projects=known,
    )


@guarded("guest.view")
def show(actor: Actor, ref: Ref) -> GuestRow:
    """One guest as the list shows it. Raises NotFound."""
    found = mirror.Guest.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)
    hosts = _links(mirror.HostMirror.objects.filter(host=ref.host))
    rows = _rows(found, hosts, judge.reaches(actor, _RIGHTS), maintenance.resting())
    if not rows:
        raise NotFound(ref=str(ref))
    return rows[0]


@sifted("guest.view")
def count(actor: Actor) -> int:
    """How many guests this actor sees."""
    reach = judge.reach(actor, "guest.view")
    return 0 if reach.is_nowhere else _seen(reach).count()


@sifted("guest.view")
def use(actor: Actor, keys: Iterable[int]) -> dict[int, Use]:
    """The figures that change by the second, of these guests, where this actor sees them."""
    reach = judge.reach(actor, "guest.view")
    fields = ("pk", "state", "cpu", "memory_used", "memory")
    found = _seen(reach).filter(pk__in=list(keys)).values_list(*fields)
    return {
        key: Use(memory, cpu, used) if state in _ACTIVE else Use(memory)
        for key, state, cpu, used, memory in found
    }


@internal("for a process whose database was exchanged: tests")
def forget() -> None:
    """What this process remembers of the mirror."""
    with _lock:
        _facets.clear()
        _known.clear()


def _seen(reach: Reach) -> QuerySet[mirror.Guest]:
    # "IN (0)", for SQLite finds no index for the "NOT is_gone" that is_gone=False becomes.
    there = mirror.Guest.objects.filter(is_gone__in=[False])
    return there.filter(sight.where(reach))


def _found(reach: Reach, wanted: GuestFilter) -> QuerySet[mirror.Guest]:
    found = _seen(reach)
    if wanted.state:
        states = [wanted.state]
        if wanted.state == GuestState.RUNNING:
            states.append(GuestState.BLOCKED)
        found = found.filter(state__in=states)
    if wanted.host:
        found = found.filter(host=wanted.host)
    if wanted.tag:
        found = found.filter(tags__contains=f"|{wanted.tag}|")
    if wanted.project:
        inside = Belonging.objects.filter(project=wanted.project, kind=refs.Kind.GUEST)
        inside = inside.filter(host=OuterRef("host"), identity=OuterRef("uuid"))
        found = found.filter(Exists(inside))
    if wanted.template:
        templates = mirror.Guest.objects.filter(is_template=True).values("pk")
        are = Q(pk__in=templates)  # few, in an index of their own
        found = found.filter(are if wanted.template == guest_filter.ONLY else ~are)
    if wanted.q:
        found = found.filter(
            Q(name_fold__contains=wanted.q.casefold())
            | Q(title__icontains=wanted.q)
            | Q(addresses__contains=wanted.q.lower())
            | Q(uuid__startswith=wanted.q.lower())
        )
    return found


def _page(found: QuerySet[mirror.Guest], wanted: GuestFilter) -> QuerySet[mirror.Guest]:
    """Found and put in order in an index alone (migration 0004); only these rows are read."""
    order, start = _order(wanted), (wanted.page - 1) * PAGE_SIZE
    found = found.order_by(*order)[start : start + PAGE_SIZE]
    if wanted.column == "name" and not wanted.is_narrowed:
        return found  # the index has this order: no other rows are read anyway
    keys = found.values("pk")
    return mirror.Guest.objects.filter(pk__in=keys).order_by(*order)


def _order(wanted: GuestFilter) -> list[str]:
    """By the column, then always the same way, so that pages neither share nor miss a row."""
    sign = "-" if wanted.is_descending else ""
    first = _COLUMNS[wanted.column]
    if first == "name_fold":
        return [sign + name for name in _TIES]
    return [sign + first, *_TIES]


def _links(hosts: QuerySet[mirror.HostMirror]) -> dict[str, _Link]:
    found = hosts.values_list("host", "state", "heard_at")
    return {key: _Link(state, heard_at) for key, state, heard_at in found}


def _rows(
    found: QuerySet[mirror.Guest],
    hosts: dict[str, _Link],
    reaches: dict[str, Reach],
    resting: Collection[str],
) -> tuple[GuestRow, ...]:
    """Only what changes by the second is read of rows that this process has seen before."""
    read = list(found.values_list("pk", "rev", "digest", "is_answering", "cpu", "memory_used"))
    known = _known_of([_Seen(*row[:4]) for row in read])
    rows = []
    for key, _rev, _digest, _is_answering, cpu, used in read:
        if key not in known:
            continue  # deleted since
        it = known[key]
        line, host = it.line, hosts.get(it.line.ref.host)
        is_up = host is not None and host.state == HostState.UP
        is_allowed = reaches[it.right].covers(line.ref)
        use = Use(line.memory, cpu, used) if it.is_active else Use(line.memory)
        heard_at = host.heard_at if host and not is_up else None
        offer = it.offers[is_allowed, is_up, line.ref.host in resting]
        rows.append(GuestRow(line, use, offer, not is_up, heard_at))
    return tuple(rows)


def _known_of(wanted: list[_Seen]) -> dict[int, _Known]:
    with _lock:
        found = {seen.key: kept for seen in wanted if (kept := _known.get(seen))}
    missing = [seen.key for seen in wanted if seen.key not in found]
    if not missing:
        return found
    fresh = {guest.pk: guest for guest in mirror.Guest.objects.filter(pk__in=missing)}
    found |= {key: _know(guest) for key, guest in fresh.items()}
    with _lock:
        if len(_known) > _KNOWN_KEPT:
            _known.clear()
        for guest in fresh.values():
            seen = _Seen(guest.pk, guest.rev, guest.digest, guest.is_answering)
            _known[seen] = found[guest.pk]
    return found


def _know(guest: mirror.Guest) -> _Known:
    record = guest.record
    has_saved_state = bool(record.get("has_saved_state"))
    line = GuestLine(
        key=guest.pk,
        ref=guest.ref,
        rev=guest.rev,
        name=guest.name,
        title=guest.title,
        state=guest.state,
        vcpus=guest.vcpus,
        memory=guest.memory,
        has_autostart=guest.has_autostart,
        tags=tuple(guest.tags.strip("|").split("|")) if guest.tags else (),
        addresses=tuple(guest.addresses.split()),
        has_pending_changes=bool(record.get("has_pending_changes")),
        has_saved_state=has_saved_state,
        is_answering=guest.is_answering,
        is_template=bool(record.get("template")),
    )
    start = "guest.restore" if has_saved_state else "guest.start"
    act = power.TABLE[_MAIN.get(GuestState(guest.state), start)]
    facts = power.facts_of(guest, None)
    offers = {
        (is_allowed, is_up, rests): Offer(
            act.offer,
            power.obstacle(
                act,
                replace(facts, is_host_up=is_up, is_host_resting=rests),
                {act.right: is_allowed},
            ),
        )
        for is_allowed, is_up, rests in itertools.product((False, True), repeat=3)
    }
    return _Known(line, guest.state in _ACTIVE, act.right, offers)


def _facets_of(reach: Reach, rev: int) -> _Facets:
    """Kept until the mirror changes: most pages are asked for between two changes."""
    with _lock:
        kept = _facets.get(reach)
    if kept and kept.rev == rev:
        return kept
    states: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    seen, templates = _seen(reach), 0
    numbers = {"number": Count("*"), "templates": Count("pk", filter=Q(is_template=True))}
    groups = seen.values_list("host", "state").annotate(**numbers).order_by()
    for host, state, number, some in groups:
        hosts[host] += number
        templates += some
        states[GuestState.RUNNING if state == GuestState.BLOCKED else state] += number
    at = time.monotonic()
    if kept and at - kept.tags_at < TAGS_S:
        tags, at = kept.tags, kept.tags_at
    else:
        written = seen.exclude(tags="").values_list("tags", flat=True).distinct().order_by()
        found = {tag for text in written for tag in text.strip("|").split("|")}
        tags = tuple(sorted(found, key=str.casefold))
    fresh = _Facets(rev, dict(states), dict(hosts), templates, tags, at)
    with _lock:
        if len(_facets) >= _FACETS_KEPT:
            _facets.clear()
        _facets[reach] = fresh
    return fresh


def _stored_hosts() -> tuple[dict[str, str], set[str]]:
    """What hosts are called, and which are in maintenance."""
    found = list(Host.objects.values_list("key", "name", "rests_since"))
    return {key: name for key, name, _ in found}, {key for key, _, since in found if since}


def _hosts(
    reach: Reach, rows: dict[str, _Link], counts: dict[str, int], names: dict[str, str]
) -> tuple[ListedHost, ...]:
    """The hosts that this reader sees, or sees guests of."""
    keys = {key for key in {*names, *counts} if key in counts or reach.covers(refs.host(key))}
    listed = []
    for key in keys:
        row = rows.get(key)
        state = row.state if row else "connecting"
        heard_at = row.heard_at if row else None
        name = names.get(key, key)
        listed.append(ListedHost(key, name, state, heard_at, counts.get(key, 0)))
    return tuple(sorted(listed, key=lambda host: (host.name.casefold(), host.key)))
