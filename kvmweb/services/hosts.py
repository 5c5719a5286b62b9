"""Hosts: which there are, how the connection to each is, adding and removing one."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Exists, Invalid, NotFound
from kvmweb.core.hosts import HostRow
from kvmweb.core.records import HostRecord, HostState
from kvmweb.core.refs import Ref
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import addresses, sight
from kvmweb.services.guard import guarded, guarded_portal, sifted
from kvmweb.store.models import Grant, Host, RightsEpoch


@sifted("host.view")
def list_(actor: Actor, *, search: str = "") -> list[HostRow]:
    """Every host that this actor sees, by name. search: within name, key, host name and URI."""
    rows = _rows(actor, list(Host.objects.filter(sight.of_hosts(actor)).order_by("name", "key")))
    word = search.strip().casefold()
    return [row for row in rows if word in _text(row)] if word else rows


@sifted("host.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no host anywhere, whatever exists: the page says so."""
    return judge.reach(actor, "host.view").is_nowhere


@guarded("host.view")
def get(actor: Actor, ref: Ref) -> HostRow:
    """One host. Raises NotFound."""
    rows = _rows(actor, list(Host.objects.filter(key=ref.host)))
    if not rows:
        raise NotFound(ref=str(ref))
    return rows[0]


@sifted("host.remove")
def removable(actor: Actor) -> judge.Reach:
    """Which hosts this actor may remove: decides what the list offers."""
    return judge.reach(actor, "host.remove")


@sifted("host.add")
def may_add(actor: Actor) -> bool:
    """Whether this actor may add hosts."""
    return judge.can(actor, "host.add")


@guarded_portal("host.add")
def add(actor: Actor, name: str, address: addresses.Address) -> Ref:
    """Add a host; the hub connects to it within seconds.

    Raises: Invalid (fields), Exists (a host with this name or URI).
    """
    return _insert(name, addresses.uri(address))


@guarded_portal("host.add")
def add_uri(actor: Actor, name: str, uri: str) -> Ref:
    """Add a host by any libvirt URI: for the operator's command line alone, never from a form.

    Raises: Invalid (fields), Denied for anybody but the operator, Exists.
    """
    if not actor.is_portal:
        raise Denied(verb="host.add")
    if not urlsplit(uri).scheme or any(char.isspace() for char in uri):
        raise Invalid(fields={"uri": _("This is not a libvirt URI.")})
    return _insert(name, uri)


@guarded_portal("host.add")
def test(actor: Actor, address: addresses.Address) -> HostRecord:
    """Connect once and say what the host is. Raises Invalid, or the problem that it met."""
    return addresses.test(address)


@guarded("host.remove")
def remove(actor: Actor, ref: Ref) -> None:
    """Forget a host, its mirror and the grants on it. Nothing changes on the host itself."""
    with transaction.atomic():
        if not Host.objects.filter(key=ref.host).delete()[0]:
            raise NotFound(ref=str(ref))
        for kind in refs.Kind:
            Grant.objects.filter(scope__startswith=f"{kind}:{ref.host}:").delete()
        Grant.objects.filter(scope=str(ref)).delete()
        RightsEpoch.advance()
    publisher.publish(topics.Notice(topics.HOSTS, str(ref)), topics.Notice(topics.PEOPLE, "grants"))


def _insert(name: str, uri: str) -> Ref:
    name = name.strip()
    if not name:
        raise Invalid(fields={"name": _("Give the host a name.")})
    if Host.objects.filter(name__iexact=name).exists():
        raise Exists(name=name)
    if other := Host.objects.filter(uri=uri).first():
        raise Exists(name=str(other))
    try:
        with transaction.atomic():
            host = Host.objects.create(key=_key(name), name=name, uri=uri)
    except IntegrityError as error:
        raise Exists(name=name) from error
    publisher.publish(topics.Notice(topics.HOSTS, str(host.ref)))
    return host.ref


def _key(name: str) -> str:
    """A key made of the name: letters, digits, dashes; numbered when it is taken."""
    letters = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower())
    stem = "-".join(part for part in letters.split("-") if part)[:27] or "host"
    taken = set(Host.objects.filter(key__startswith=stem).values_list("key", flat=True))
    if stem not in taken:
        return stem
    return next(key for n in range(2, 1000) if (key := f"{stem}-{n}") not in taken)


def _rows(actor: Actor, hosts: list[Host]) -> list[HostRow]:
    told = judge.reach(actor, "host.details")
    mirrors = {row.host: row for row in mirror.HostMirror.objects.all()}
    guests: dict[str, int] = {}
    for key in mirror.Guest.objects.filter(is_gone=False).values_list("host", flat=True):
        guests[key] = guests.get(key, 0) + 1
    rows = [_row(host, mirrors.get(host.key), guests.get(host.key, 0)) for host in hosts]
    return [row if told.covers(row.ref) else replace(row, reason="") for row in rows]


def _row(host: Host, seen: mirror.HostMirror | None, guests: int) -> HostRow:
    return HostRow(
        ref=host.ref,
        name=host.name,
        uri=host.uri,
        state=HostState(seen.state) if seen else HostState.CONNECTING,
        reason=seen.reason if seen else "",
        since=seen.since if seen else None,
        heard_at=seen.heard_at if seen else None,
        record=wire.from_plain(HostRecord, seen.record) if seen and seen.record else None,
        cpu=seen.cpu if seen else None,
        memory_used=seen.memory_used if seen else None,
        guests=guests,
        rev=seen.rev if seen else 0,
        is_enabled=host.is_enabled,
        rests_since=host.rests_since,
        rests_because=host.rests_because,
        rests_by=host.rests_by,
    )


def _text(row: HostRow) -> str:
    hostname = row.record.hostname if row.record else ""
    return " ".join((row.name, row.ref.host, hostname, row.uri)).casefold()
