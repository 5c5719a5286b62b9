"""The writer of one host's part of the mirror.

Everything here runs in one thread per host (`lanes`). What the worker says is compared with the
rows: no difference, no revision, no notice. All that one batch changes is written in one
transaction under one revision, and told after it.

Two hubs can believe for a moment that a host is theirs (a process that was frozen and woke).
So every transaction first checks the host's `holder`, the token of the hub that opened it last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from kvmweb.core import refs, topics
from kvmweb.core.records import HostState
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import Notice
from kvmweb.hub import parts, rows, versions
from kvmweb.hub.batches import MIRRORED, Batch, Plain, fold
from kvmweb.hub.use import Use
from kvmweb.inventory.models import (
    DiskUse,
    Guest,
    GuestDefinition,
    GuestHistory,
    HostMirror,
    Revision,
    Volume,
)

MANY = 50
"""More changes of one kind in a batch are told as one notice with an empty ref."""
CHUNK = 500
T = TypeVar("T")
TOPICS = {
    Kind.GUEST: topics.GUESTS,
    Kind.POOL: topics.POOLS,
    Kind.NETWORK: topics.NETWORKS,
    Kind.INTERFACE: topics.INTERFACES,
    Kind.FILTER: topics.FILTERS,
}


class LeaseLost(Exception):  # noqa: N818 - not an error: another hub has the host now
    """Another hub opened this host's mirror."""


@dataclass(slots=True)
class Difference:
    """What one batch changes of one kind.

    marked: began or ceased to answer. known: UUIDs whose row was there before.
    xml: definitions of the guests that are written; stored: what their next start brings.
    pools: those whose volumes differ.
    """

    written: list[rows.Row] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    xml: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    pools: set[str] = field(default_factory=set)

    def definition(self, guest: Guest) -> GuestDefinition:
        """What is kept beside this row: the stored one only where it is another."""
        xml, stored = self.xml[guest.uuid], self.stored[guest.uuid]
        return GuestDefinition(guest=guest, xml=xml, stored_xml="" if stored == xml else stored)

    @property
    def uuids(self) -> list[str]:
        """Everything that differs, once."""
        return list(dict.fromkeys([row.uuid for row in self.written] + self.gone + self.marked))


class Writer:
    """Keeps the rows of one host true. token: names this hub's hold on the host."""

    def __init__(self, host: str, token: str) -> None:
        self.host = host
        self.token = token
        self.use = Use(host)

    def open(self) -> None:
        """Take the host over: from now on no other writer's transaction succeeds."""
        HostMirror.objects.get_or_create(host=self.host)
        HostMirror.objects.filter(host=self.host).update(holder=self.token)

    def apply(self, messages: Sequence[Plain]) -> list[Notice]:
        """Write what differs and say what to publish. Raises LeaseLost."""
        batch, now = fold(messages), timezone.now()
        differences = {kind: self._compare(kind, batch, now) for kind in MIRRORED}
        with transaction.atomic():
            host = self._fenced()
            if batch.samples:
                marked = self.use.write(host, batch.samples, now)
                differences[Kind.GUEST].marked = marked
                differences[Kind.GUEST].known.update(marked)
            host_changes = _host_changes(host, batch, now)
            if batch.listed:
                self._host().update(heard_at=now)
            told_parts = parts.write(self.host, batch.parts, now)
            is_quiet = not (host_changes or told_parts)
            if is_quiet and not any(d.uuids for d in differences.values()):
                return self._passing_notices(batch)
            rev = Revision.advance()
            for kind, difference in differences.items():
                self._write(kind, difference, rev, now)
            if host_changes:
                self._host().update(**host_changes, rev=rev)
        return [
            *(_host_notices(self.host, rev) if host_changes else []),
            *(_host_notices(self.host, rev)[1:] if told_parts else []),
            *(n for kind, d in differences.items() for n in self._notices(kind, d, rev)),
            *self._passing_notices(batch),
        ]

    def link(self, state: HostState, reason: str) -> list[Notice]:
        """The connection as the hub itself sees it. Raises LeaseLost."""
        return self.apply([{"type": "link", "state": state, "reason": reason}])

    def _host(self) -> QuerySet[HostMirror]:
        return HostMirror.objects.filter(host=self.host)

    def _fenced(self) -> HostMirror:
        row = self._host().select_for_update().defer("record", "history").first()
        if row is None or row.holder != self.token:
            raise LeaseLost(self.host)
        return row

    def _compare(self, kind: Kind, batch: Batch, now: datetime) -> Difference:
        told = batch.told[kind]
        before = self._rows(kind, list(told))
        difference = Difference(known=set(before))
        for uuid, said in told.items():
            row = before.get(uuid)
            if said is None:
                if rows.is_known(row):
                    difference.gone.append(uuid)
            elif row is None or not rows.is_known(row) or row.digest != rows.digest(said.record):
                difference.written.append(rows.build(kind, self.host, said, row, now))
                difference.xml[uuid] = said.record.get("xml", "")
                difference.stored[uuid] = said.record.get("stored_xml") or difference.xml[uuid]
        if kind in batch.listed:
            there = rows.there(kind, self.host)
            beyond = set(there.values_list("uuid", flat=True)) - batch.listed[kind]
            difference.gone += sorted(beyond - told.keys())
            difference.known |= beyond
        return difference

    def _rows(self, kind: Kind, uuids: list[str]) -> dict[str, rows.Row]:
        found: dict[str, rows.Row] = {}
        for chunk in _chunks(uuids):
            query = rows.MODELS[kind]._default_manager.filter(host=self.host, uuid__in=chunk)
            found |= {row.uuid: row for row in query.defer("record")}
        return found

    def _write(self, kind: Kind, difference: Difference, rev: int, now: datetime) -> None:
        manager = rows.MODELS[kind]._default_manager
        if kind is Kind.VOLUME:
            difference.pools = self._pools_of(difference)
        for gone in _chunks(difference.gone):
            manager.filter(host=self.host, uuid__in=gone).update(
                **rows.GONE.get(kind, {}), is_gone=True, digest="", rev=rev, changed_at=now
            )
        for marked in _chunks(difference.marked):
            manager.filter(host=self.host, uuid__in=marked).update(rev=rev, changed_at=now)
        if not difference.written:
            return
        for row in difference.written:
            row.rev = rev
        fields = rows.SHARED_FIELDS + rows.FIELDS.get(kind, [])
        written = manager.bulk_create(
            difference.written,  # type: ignore[arg-type] # all are of this model
            update_conflicts=True,
            unique_fields=["host", "uuid"],
            update_fields=fields,
        )
        if kind is Kind.GUEST:
            guests = cast(list[Guest], written)
            self._write_beside(guests, difference)
            versions.keep(self.host, guests, difference.stored, now)

    def _write_beside(self, guests: list[Guest], difference: Difference) -> None:
        """Definitions of the guests that differ; no more figures of those that ended."""
        GuestDefinition.objects.bulk_create(
            [difference.definition(guest) for guest in guests],
            update_conflicts=True,
            unique_fields=["guest"],
            update_fields=["xml", "stored_xml"],
        )
        self._write_uses(guests)
        ended = [guest for guest in guests if not rows.is_active(guest)]
        self.use.forget(guest.uuid for guest in ended)
        for chunk in _chunks(ended):
            GuestHistory.objects.filter(guest__in=chunk).delete()

    def _write_uses(self, guests: list[Guest]) -> None:
        """What their disks are read from; most changes of a guest are not of its disks."""
        for chunk in _chunks(guests):
            before = DiskUse.objects.filter(guest__in=chunk)
            known = {(use.guest_id, use.target, use.place): use for use in before}
            wanted = {
                (guest.pk, *key): use
                for guest in chunk
                for key, use in rows.disk_uses(guest).items()
            }
            stale = [
                use.pk
                for key, use in known.items()
                if key not in wanted or not use.is_like(wanted[key])
            ]
            DiskUse.objects.filter(pk__in=stale).delete()
            fresh = [
                use
                for key, use in wanted.items()
                if key not in known or not use.is_like(known[key])
            ]
            DiskUse.objects.bulk_create(fresh)

    def _pools_of(self, difference: Difference) -> set[str]:
        found = {row.pool for row in difference.written if isinstance(row, Volume)}
        for gone in _chunks(difference.gone):
            there = Volume.objects.filter(host=self.host, uuid__in=gone)
            found.update(there.values_list("pool", flat=True).distinct())
        return found

    def _notices(self, kind: Kind, difference: Difference, rev: int) -> Iterable[Notice]:
        if kind is Kind.VOLUME:
            for uuid in sorted(difference.pools):
                pool = refs.pool(self.host, uuid)
                yield Notice(topics.volumes_of(pool), str(pool), rev)
                yield Notice(topics.VOLUMES, str(pool), rev)
            return
        uuids = difference.uuids
        if len(uuids) > MANY:
            yield Notice(TOPICS[kind], "", rev)
        for uuid in uuids:
            ref = Ref(kind, self.host, uuid)
            if len(uuids) <= MANY:
                yield Notice(TOPICS[kind], str(ref), rev)
            if uuid in difference.known:  # nobody can have the page of a new one open
                yield Notice(topics.of(ref), str(ref), rev)

    def _passing_notices(self, batch: Batch) -> list[Notice]:
        """Of what the mirror does not keep."""
        use = [Notice(topics.USE, str(refs.host(self.host)))] if batch.samples else []
        looks = topics.looks_of(refs.host(self.host))
        volumes = [Ref(Kind.VOLUME, self.host, uuid) for uuid in sorted(batch.looks)]
        told = [(topic, it) for it in volumes for topic in (looks, topics.look(it))]
        return [*use, *(Notice(topic, str(volume)) for topic, volume in told)]


def _chunks(items: list[T]) -> Iterator[list[T]]:
    """A query takes a limited number of values."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def _host_changes(row: HostMirror, batch: Batch, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if batch.host is not None and batch.host != row.record:
        changes["record"] = batch.host
    if batch.link is not None:
        state, reason = batch.link
        still_silent = row.state == HostState.SILENT and state == HostState.CONNECTING
        if (state, reason) != (row.state, row.reason) and not still_silent:
            changes |= {"state": state, "reason": reason}
            if state != row.state:
                changes["since"] = now
    if changes and changes.get("state", row.state) == HostState.UP:
        changes["heard_at"] = now
    return changes


def _host_notices(host: str, rev: int) -> list[Notice]:
    ref = refs.host(host)
    return [Notice(topics.HOSTS, str(ref), rev), Notice(topics.of(ref), str(ref), rev)]


def rest(host: str) -> list[Notice]:
    """The host was disabled: nobody is connected to it, its rows stay as they were."""
    with transaction.atomic():
        rev = Revision.advance()
        HostMirror.objects.filter(host=host).update(
            state=HostState.DOWN, reason="", since=timezone.now(), holder="", rev=rev
        )
    return _host_notices(host, rev)


def forget(host: str) -> list[Notice]:
    """The host was removed: its rows are gone, its connection's row is deleted."""
    now = timezone.now()
    with transaction.atomic():
        if not HostMirror.objects.filter(host=host).delete()[0]:
            return []
        parts.forget(host)
        rev = Revision.advance()
        for kind in rows.MODELS:
            rows.there(kind, host).update(
                **rows.GONE.get(kind, {}), is_gone=True, digest="", rev=rev, changed_at=now
            )
    return _host_notices(host, rev) + [Notice(topic, "", rev) for topic in TOPICS.values()]


def purge(before: datetime) -> None:
    """Drop rows that went away before this moment; no page is that old."""
    for kind, model in rows.MODELS.items():
        gone = model._default_manager.filter(is_gone=True, **rows.GONE.get(kind, {}))
        gone.filter(changed_at__lt=before).delete()
