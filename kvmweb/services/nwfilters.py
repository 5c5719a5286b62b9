"""Network filters: which there are, who passes them, choosing one, and their XML.

A filter's rules become the host's firewall: its XML is written by those with a verb of its own,
who gave their password lately.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound
from kvmweb.core.network_details import Attached
from kvmweb.core.networks import FilterRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import Notice
from kvmweb.definitions import nwfilters as xml
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, networks, present, sessions, sight
from kvmweb.services.guard import guarded, sifted
from kvmweb.store.models import Host

TEXT_MAX = 200_000
STARTS = xml.STARTS


@dataclass(frozen=True, slots=True)
class FilterRow:
    """A filter as the list shows it. users: interfaces of guests that this reader sees."""

    ref: Ref
    host_name: str
    record: FilterRecord
    users: int
    is_away: bool

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return self.ref.dom_id


@dataclass(frozen=True, slots=True)
class FilterDetails:
    """One filter, whole. included_by: filters that are made of it."""

    ref: Ref
    host: HostLine
    record: FilterRecord
    users: tuple[Attached, ...]
    included_by: tuple[FilterRow, ...]
    parts: tuple[FilterRow, ...]
    may_edit: bool
    rev: int


@dataclass(frozen=True, slots=True)
class Choice:
    """An interface of a guest, the filter it passes, and those it could."""

    guest: str
    host: HostLine
    mac: str
    network: str
    now: str
    names: tuple[str, ...]


@sifted("nwfilter.view")
def list_(actor: Actor, *, search: str = "", host: str = "") -> list[FilterRow]:
    """Every filter that this actor sees, by name."""
    found = mirror.Filter.objects.filter(sight.of_kind(actor, Kind.FILTER))
    if host:
        found = found.filter(host=host)
    rows = _rows(actor, list(found.order_by("name_fold", "host")))
    word = search.strip().casefold()
    return [row for row in rows if word in f"{row.record.name} {row.host_name}".casefold()]


@sifted("nwfilter.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no filter anywhere, whatever exists: the page says so."""
    return judge.reach(actor, "nwfilter.view").is_nowhere


@guarded("nwfilter.view")
def show(actor: Actor, ref: Ref) -> FilterDetails:
    """One filter. Raises NotFound."""
    rev = mirror.Revision.current()
    record = _read(ref)
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    rows = _rows(actor, list(mirror.Filter.objects.filter(host=ref.host, is_gone=False)))
    reach = judge.reach(actor, "guest.view")
    return FilterDetails(
        ref=ref,
        host=sight.host_line(actor, ref, host),
        record=record,
        users=tuple(
            it
            for it in networks.cards(ref.host)
            if it.card.filter == record.name and reach.covers(it.ref)
        ),
        included_by=tuple(row for row in rows if record.name in row.record.parts),
        parts=tuple(row for row in rows if row.record.name in record.parts),
        may_edit=judge.can(actor, "nwfilter.edit", ref.on_host),
        rev=rev,
    )


@guarded("nwfilter.edit")
def define(
    actor: Actor, ref: Ref, *, name: str, text: str, uuid: str = "", definition_hash: str = ""
) -> Ref:
    """Store the XML of a filter of this host; one in use works by the new rules at once.

    uuid: of the filter that is changed; empty for a new one.
    Raises: Denied without a password given lately, Invalid (fields), Conflict, Exists, HostDown.
    """
    return _define(actor, ref, name=name, text=text, uuid=uuid, definition_hash=definition_hash)


@guarded("nwfilter.edit")
def create(actor: Actor, ref: Ref, *, name: str, start: str) -> Ref:
    """A new filter of this host. start: one of `STARTS`, or the UUID of the filter to copy.

    Raises: Denied without a password given lately, Invalid (fields), Exists, HostDown.
    """
    name = name.strip()
    if start in xml.STARTS:
        text = xml.start(start, name or "x")
    else:
        there = mirror.Filter.objects.filter(host=ref.host, uuid=start, is_gone=False).first()
        if there is None:
            raise Invalid(fields={"start": _("Choose one of the list.")})
        text = wire.from_plain(FilterRecord, there.record).xml
        audit.running().detail.update(copy_of=there.name)
    return _define(actor, ref, name=name, text=text, uuid="", definition_hash="")


@sifted("nwfilter.edit")
def places(actor: Actor) -> list[HostLine]:
    """Hosts whose filters this actor may make and delete, by name."""
    reach = judge.reach(actor, "nwfilter.edit")
    mirrors = {row.host: row for row in mirror.HostMirror.objects.all()}
    found = [it for it in Host.objects.order_by("name", "key") if reach.covers(it.ref)]
    return [sight.host_line(actor, it.ref, mirrors.get(it.key)) for it in found]


@guarded("nwfilter.edit")
def delete(actor: Actor, ref: Ref, *, uuid: str) -> None:
    """Forget a filter of this host, which the audit keeps.

    Raises: Denied without a password given lately, NotFound, Busy (users) while it is used.
    """
    _confirmed(actor)
    before = _read(refs.filter_(ref.host, uuid))
    if users := users_of(actor, ref, uuid=uuid):
        raise Busy(before.name, users=", ".join(users[:5]))
    audit.running().detail.update(name=before.name, before=before.xml[:8000])
    _call(ref, "nwfilter.delete", uuid=uuid)


@guarded("nwfilter.view")
def users_of(actor: Actor, ref: Ref, *, uuid: str) -> list[str]:
    """Guests that pass this filter, and filters made of it, by name: while any, it stays."""
    name = _read(refs.filter_(ref.host, uuid)).name
    reach = judge.reach(actor, "guest.view")
    hidden = _("a guest that you do not see")
    guests = {
        it.name if reach.covers(it.ref) else hidden
        for it in networks.cards(ref.host)
        if it.card.filter == name
    }
    found = mirror.Filter.objects.filter(host=ref.host, is_gone=False).order_by("name_fold")
    records = [wire.from_plain(FilterRecord, it.record) for it in found]
    return [*sorted(guests), *(it.name for it in records if name in it.parts)]


@guarded("nwfilter.assign", is_audited=False)
def choice(actor: Actor, ref: Ref, *, mac: str) -> Choice:
    """The interface of this guest, and the filters of its host. Raises NotFound.

    mac: empty means its first one.
    """
    own = (it for it in networks.cards(ref.host) if it.ref == ref)
    found = next((it for it in own if not mac or it.card.mac == mac.lower()), None)
    if found is None:
        raise NotFound(ref=str(ref))
    rows = mirror.Filter.objects.filter(host=ref.host, is_gone=False).order_by("name_fold")
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    return Choice(
        guest=found.name,
        host=sight.host_line(actor, ref, host),
        mac=found.card.mac,
        network=found.card.source,
        now=found.card.filter,
        names=tuple(rows.values_list("name", flat=True)),
    )


@guarded("nwfilter.assign")
def assign(actor: Actor, ref: Ref, *, mac: str, name: str) -> None:
    """Have an interface of a guest pass this filter, now and from its next start on.

    name: empty takes the filter away. Raises NotFound, HostDown, and what libvirt says.
    """
    audit.running().detail.update(mac=mac, filter=name)
    _call(ref, "guest.filter", uuid=ref.id, mac=mac, filter_name=name)


def _define(
    actor: Actor, ref: Ref, *, name: str, text: str, uuid: str, definition_hash: str
) -> Ref:
    _confirmed(actor)
    if uuid:
        before = _read(refs.filter_(ref.host, uuid))
        name = before.name
        audit.running().detail.update(before=before.xml[:4000])
    if not name or not name.isprintable() or len(name) > 128 or "/" in name:
        said = _("A name has no slashes and no characters that cannot be seen.")
        raise Invalid(fields={"name": said})
    if len(text) > TEXT_MAX:
        raise Invalid(fields={"text": _("At most %(n)d characters.") % {"n": TEXT_MAX}})
    audit.running().detail.update(name=name, after=text[:4000])
    answer = _call(
        ref, "nwfilter.define", uuid=uuid, name=name, text=text, definition_hash=definition_hash
    )
    found = refs.filter_(ref.host, str(answer["uuid"]))
    audit.tell(str(found), name)
    publisher.publish(Notice(topics.FILTERS, str(found)))
    return found


def _rows(actor: Actor, found: list[mirror.Filter]) -> list[FilterRow]:
    names = dict(Host.objects.values_list("key", "name"))
    away = set(mirror.HostMirror.objects.exclude(state="up").values_list("host", flat=True))
    reach = judge.reach(actor, "guest.view")
    users: dict[tuple[str, str], int] = {}
    for host in {it.host for it in found}:
        for it in networks.cards(host):
            if it.card.filter and reach.covers(it.ref):
                key = (host, it.card.filter)
                users[key] = users.get(key, 0) + 1
    return [
        FilterRow(
            ref=it.ref,
            host_name=names.get(it.host, it.host),
            record=wire.from_plain(FilterRecord, it.record),
            users=users.get((it.host, it.name), 0),
            is_away=it.host in away,
        )
        for it in found
    ]


def _read(ref: Ref) -> FilterRecord:
    found = mirror.Filter.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return wire.from_plain(FilterRecord, found.record)


def _confirmed(actor: Actor) -> None:
    if not sessions.is_confirmed(actor):
        raise Denied("password not given lately", verb="me.confirm")


def _call(ref: Ref, verb: str, **arguments: Any) -> dict[str, object]:
    """Raises HostDown at once for a host away, and the worker's problems."""
    present.host(ref.host)
    return dict(client.call(ref.host, verb, **arguments) or {})
