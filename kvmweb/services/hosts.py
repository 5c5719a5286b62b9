"""Hosts: which there are, how the connection to each is, adding and removing one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from kvmweb.access import judge
from kvmweb.core import plain, refs, topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.connections import ConnectionFacts, Given, Identity, Report
from kvmweb.core.errors import Denied, Exists, Invalid, NotFound
from kvmweb.core.hosts import HostRow, Losses
from kvmweb.core.records import HostRecord, HostState
from kvmweb.core.refs import Ref
from kvmweb.hub import keyrings as rings
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import addresses, audit, keyrings, reach, sight
from kvmweb.services.addresses import Address, Transport
from kvmweb.services.guard import guarded, guarded_portal, internal, sifted
from kvmweb.store.models import Belonging, Grant, Host, RightsEpoch

NOTHING = Given()


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
@sensitive_variables("given")
def add(actor: Actor, name: str, address: Address, given: Given = NOTHING) -> Ref:
    """Add a host; the hub connects to it within seconds.

    Raises: Invalid (fields), Exists (a host with this name or URI).
    """
    uri = addresses.uri(address)
    _require_free(name, uri)
    return _insert(name, uri, **_keys(address, given))


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
@sensitive_variables("given")
def test(actor: Actor, address: Address, given: Given) -> Report:
    """Look at the way to this host step by step. Nothing is kept. Raises Invalid."""
    keyrings.ensure(address.transport)
    host = Host(uri=addresses.uri(address), **_sealed(address, given))
    audit.tell(act="test", machine=plain.line(address.machine.strip(), 80))
    return reach.look(
        address,
        rings.keys_of(host),
        confirmed=given.host_key,
        is_pinned=given.identity is Identity.PORTAL,
    )


@guarded("host.edit", is_audited=False)
def retest(actor: Actor, ref: Ref) -> Report:
    """The same for a host that was added, with the keys that it has. Raises NotFound, Invalid."""
    host = _stored(ref)
    address = addresses.parse(host.uri)
    if address is None:
        raise Invalid("an operator's own URI", fields={"uri": _("This URI was not made here.")})
    return reach.look(
        address,
        rings.keys_of(host),
        confirmed=reach.fingerprint(host.known_hosts),
        is_pinned=host.identity == Identity.PORTAL,
    )


@guarded("host.edit")
@sensitive_variables("given")
def edit(actor: Actor, ref: Ref, name: str, address: Address | None, given: Given) -> None:
    """Another name, another way to the same host. address: None leaves the way as it is.

    Raises: Invalid (fields), Exists, NotFound.
    """
    host = _stored(ref)
    uri = addresses.uri(address) if address else host.uri
    _require_free(name, uri, but=host.pk)
    audit.tell(act="edit", before=host.name, after=plain.line(name.strip(), 64))
    fields: dict[str, str] = {"name": name.strip(), "uri": uri}
    if address:
        is_kept = uri == host.uri and given.identity == host.identity
        if given.identity is Identity.PORTAL and address.transport is Transport.SSH:
            is_kept = is_kept and given.host_key == reach.fingerprint(host.known_hosts)
        elif given.identity is Identity.OWN:
            is_kept = is_kept and not (given.ca or given.certificate or given.tls_key)
        fields |= {} if is_kept else _keys(address, given)
    _change(ref, **fields)


@guarded("host.edit")
def enable(actor: Actor, ref: Ref) -> None:
    """Connect again. Raises NotFound."""
    audit.tell(act="enable")
    _change(ref, is_enabled=True)


@guarded("host.edit")
def disable(actor: Actor, ref: Ref) -> None:
    """Connect no more; what is known stays, greyed. Raises NotFound."""
    audit.tell(act="disable")
    _change(ref, is_enabled=False)


@guarded("host.remove", is_audited=False)
def losses(actor: Actor, ref: Ref) -> Losses:
    """What the portal would forget with it. Raises NotFound."""
    host = _stored(ref)
    there = {"host": ref.host, "is_gone__in": [False]}
    grants = Grant.objects.filter(_on(ref))
    people = set(grants.exclude(person=None).values_list("person", flat=True))
    people |= set(grants.exclude(team=None).values_list("team__members", flat=True))
    return Losses(
        guests=mirror.Guest.objects.filter(**there).count(),
        pools=mirror.Pool.objects.filter(**there).count(),
        networks=mirror.Network.objects.filter(**there).count(),
        grants=grants.count(),
        people=len(people - {None}),
        has_keys=bool(host.known_hosts or host.tls_key),
    )


@internal("a part of the page of a host")
def connection(ref: Ref) -> ConnectionFacts:
    """How it is reached. Raises NotFound."""
    host = _stored(ref)
    address = addresses.parse(host.uri)
    facts = ConnectionFacts(uri=host.uri, identity=Identity(host.identity))
    if address is None:
        return facts
    return replace(
        facts,
        transport=address.transport.value,
        machine=address.machine,
        user=address.user,
        port=address.port,
        fingerprint=reach.fingerprint(host.known_hosts),
    )


@guarded("host.remove")
def remove(actor: Actor, ref: Ref) -> None:
    """Forget a host, its mirror and the grants on it. Nothing changes on the host itself."""
    with transaction.atomic():
        if not Host.objects.filter(key=ref.host).delete()[0]:
            raise NotFound(ref=str(ref))
        Grant.objects.filter(_on(ref)).delete()
        Belonging.objects.filter(host=ref.host).delete()
        RightsEpoch.advance()
    publisher.publish(topics.Notice(topics.HOSTS, str(ref)), topics.Notice(topics.PEOPLE, "grants"))


def _on(ref: Ref) -> Q:
    """Grants on this host and on what is there."""
    found = Q(scope=str(ref))
    for kind in refs.Kind:
        found |= Q(scope__startswith=f"{kind}:{ref.host}:")
    return found


def _stored(ref: Ref) -> Host:
    found = Host.objects.filter(key=ref.host).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return found


def _require_free(name: str, uri: str, but: int = 0) -> None:
    """Raises Invalid, Exists."""
    name = name.strip()
    if not name:
        raise Invalid(fields={"name": _("Give the host a name.")})
    others = Host.objects.exclude(pk=but)
    if others.filter(name__iexact=name).exists():
        raise Exists(name=name)
    if other := others.filter(uri=uri).first():
        raise Exists(name=str(other))


def _keys(address: Address, given: Given) -> dict[str, str]:
    """What is kept of the keys. Raises Invalid where something is missing or does not fit."""
    if given.identity is Identity.PORTAL:
        keyrings.ensure(address.transport)
    fields = _sealed(address, given)
    is_ssh = address.transport is Transport.SSH
    if is_ssh and given.identity is Identity.PORTAL:
        if not given.host_key:
            sentence = _("Test the connection first, and confirm the host's key.")
            raise Invalid(fields={"host_key": sentence})
        fields["known_hosts"] = reach.pin(address, given.host_key)
    if fields["identity"] == Identity.OWN:
        keyrings.checked(given.ca, given.certificate, given.tls_key)
    return fields


def _sealed(address: Address, given: Given) -> dict[str, str]:
    """Columns of a host; what does not belong to this transport is left out."""
    fits = {
        Transport.SSH: {Identity.PORTAL},
        Transport.TLS: {Identity.PORTAL, Identity.OWN},
    }.get(address.transport, set())
    identity = given.identity if given.identity in fits else Identity.USER
    is_own = identity is Identity.OWN
    return {
        "identity": identity.value,
        "known_hosts": "",
        "tls_ca": given.ca if is_own else "",
        "tls_certificate": given.certificate if is_own else "",
        "tls_key": rings.seal(given.tls_key) if is_own else "",
    }


def _change(ref: Ref, **fields: Any) -> None:
    """Pages that were rendered before it must not be taken for current: hence the revision."""
    with transaction.atomic():
        if not Host.objects.filter(key=ref.host).update(**fields):
            raise NotFound(ref=str(ref))
        rev = mirror.Revision.advance()
    publisher.publish(
        topics.Notice(topics.HOSTS, str(ref), rev), topics.Notice(topics.of(ref), str(ref), rev)
    )


def _insert(name: str, uri: str, **keys: str) -> Ref:
    _require_free(name, uri)
    name = name.strip()
    try:
        with transaction.atomic():
            host = Host.objects.create(key=_key(name), name=name, uri=uri, **keys)
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
