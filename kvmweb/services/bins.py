"""The recycle bin: what is in it, bringing it back, and deleting it for good.

libvirt keeps the guest, marked and out of the way (ADR 0014); the mirror shows it as gone to
everything but its disks and this. Who may delete a guest may do all of this with it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.bins import Bin, BinMark, Binned, BinnedVolume
from kvmweb.core.errors import Denied, Exists, Invalid, NotFound, Problem, WrongState
from kvmweb.core.jobs import JobState
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    creation,
    deletion,
    deletion_end,
    jobs,
    present,
    projects,
    renaming,
    retention,
    sight,
    works,
)
from kvmweb.services.guard import guarded, internal, sifted
from kvmweb.services.works import Arguments, Work, carries
from kvmweb.store.models import Host, Job

log = logging.getLogger(__name__)

RIGHT = "guest.delete"
VERB = "guest.purge"
MOST = 500
AGAIN_AFTER = timedelta(hours=1)
"""When what could not be deleted is tried again by itself."""
AT_ONCE = 20


@sifted(RIGHT)
def list_(actor: Actor) -> Bin:
    """Every guest in the bin that this actor may delete, those that go first first."""
    rev, reach = mirror.Revision.current(), judge.reach(actor, RIGHT)
    found = [] if reach.is_nowhere else list(_rows().filter(sight.where(reach))[:MOST])
    rows = sorted(_in_short(found), key=lambda one: one.at)
    return Bin(
        rows=tuple(rows),
        days=retention.days(),
        rev=rev,
        may_change=retention.may_change(actor),
        is_blind=reach.is_nowhere,
    )


@guarded(RIGHT, is_audited=False)
def show(actor: Actor, ref: Ref) -> Binned:
    """One of them, with its disks, for the question. Raises NotFound."""
    row = _rows().filter(host=ref.host, uuid=ref.id).first()
    if row is None:
        raise NotFound(ref=str(ref))
    return _whole(actor, row)


@guarded(RIGHT)
def bring_back(actor: Actor, ref: Ref, *, name: str) -> None:
    """Let it be a guest again, under this name. Raises: NotFound, Invalid (fields), HostDown."""
    found = show(actor, ref)
    if sentence := _name_fault(found, name):
        raise Invalid(fields={"name": sentence})
    audit.tell(act="bring-back", name=found.name)
    audit.running().detail.update(now=name)
    try:
        client.call(ref.host, "guest.unbin", deadline_s=renaming.DEADLINE_S, uuid=ref.id, name=name)
    except Exists as problem:
        sentence = _("A guest of this name is already on this host.")
        raise Invalid(fields={"name": sentence}) from problem


@guarded(RIGHT)
def purge(actor: Actor, ref: Ref) -> UUID:
    """The job that deletes it for good, with the disks that were to go. Raises WrongState."""
    found = show(actor, ref)
    if found.is_active:
        raise WrongState(name=found.name, state="running")
    job = _ask(actor, found)
    audit.running().detail.update(act="purge", job=str(job))
    return job


@carries(VERB)
def _purge(work: Work, arguments: Arguments) -> None:
    """The definition, then its disks. What is cut off between the two is finished later."""
    ref = Ref.parse(arguments["guest"])
    if not judge.can(work.actor, RIGHT, ref):
        raise Denied(verb=RIGHT)
    name = arguments["name"]
    volumes = deletion_end.announce(work, ref, arguments["volumes"])
    try:
        with work.step("undefine", name):
            said = client.call(ref.host, "guest.purge", deadline_s=deletion.FORGET_S, uuid=ref.id)
            if not said["changed"]:
                work.withdraw()  # somebody else took it away, and may need its disks
                raise NotFound(ref=str(ref))
    except Problem as problem:
        audit.note(work.actor, VERB, ref, outcome=problem.code, name=name)
        raise
    audit.note(work.actor, VERB, ref, name=name, volumes=_names(arguments["volumes"]))
    deletion_end.drop_all(work, ref, volumes)
    projects.forget(ref)


@internal("the clockwork")
def sweep() -> None:
    """Ask for the end of what has been in the bin for all its days, in the portal's own name."""
    before = timezone.now() - retention.span()
    up = set(mirror.HostMirror.objects.filter(state="up").values_list("host", flat=True))
    rows = {row.ref: row for row in _rows().filter(host__in=up)}
    over = [it for it in _in_short(rows.values()) if it.at < before and not it.is_active]
    for found in sorted(over, key=lambda one: one.at)[:AT_ONCE]:
        if not _is_tried(found.ref):
            job = _ask(PORTAL, _whole(PORTAL, rows[found.ref]))
            audit.note(PORTAL, RIGHT, found.ref, act="days-over", job=str(job))


def _name_fault(found: Binned, name: str) -> str:
    host = found.ref.host
    if found.is_bound and name != found.stored_name:
        return _("It keeps its name: its snapshots or settings are kept under it.")
    if name != found.name:
        return renaming.name_faults(host, name).get("name", "")
    if name in creation.names(host) - {found.stored_name}:
        return _("A guest of this name is already on this host.")
    return ""


def _ask(actor: Actor, found: Binned) -> UUID:
    volumes = [BinnedVolume(disk.pool, disk.name) for disk in found.going]
    steps = [
        works.waiting("undefine", found.name),
        *(works.waiting("volume", volume.name) for volume in volumes),
    ]
    return jobs.ask(
        actor, VERB, steps, about=found.ref, called=found.name,
        host=found.ref.host, guest=str(found.ref), name=found.name,
        volumes=wire.to_plain(volumes),
    )  # fmt: skip


def _is_tried(ref: Ref) -> bool:
    """Somebody is at it, or it failed a moment ago."""
    tried = Job.objects.filter(verb=VERB, arguments__guest=str(ref))
    open_ = tried.filter(state__in=(JobState.WAITING, JobState.RUNNING))
    return open_.exists() or tried.filter(created_at__gt=timezone.now() - AGAIN_AFTER).exists()


def _rows() -> QuerySet[mirror.Guest]:
    return mirror.Guest.objects.filter(is_binned=True)


def _in_short(rows: Iterable[mirror.Guest]) -> Iterator[Binned]:
    """Without their disks: a few queries for each host, not for each guest."""
    names, span = dict(Host.objects.values_list("key", "name")), retention.span()
    by_host: defaultdict[str, list[tuple[mirror.Guest, GuestRecord]]] = defaultdict(list)
    for row in rows:
        by_host[row.host].append((row, present.record(row)))
    for host, held in by_host.items():
        kept = {row.pk: deletion.files(record) for row, record in held}
        sources = {disk.source for disks in kept.values() for disk in disks if disk.source}
        volumes = deletion.volumes_of(host, sources)
        for row, record in held:
            own = {it.pk: it for disk in kept[row.pk] if (it := volumes.get(disk.source))}
            size = sum(volume.capacity for volume in own.values())
            yield _binned(row, record, names.get(host, host), span, size)


def _binned(
    row: mirror.Guest, record: GuestRecord, host_name: str, span: timedelta, size: int
) -> Binned:
    mark = record.bin or BinMark(row.name, 0.0)
    at = datetime.fromtimestamp(mark.at, UTC)
    return Binned(
        ref=row.ref,
        name=row.name,
        host_name=host_name,
        by=mark.by,
        at=at,
        until=at + span,
        stored_name=record.name,
        is_bound=record.name == row.name,
        is_active=record.state.is_active,
        size=size,
    )


def _whole(actor: Actor, row: mirror.Guest) -> Binned:
    """With each disk, and which of them go when it does."""
    record = present.record(row)
    disks = deletion.choices(actor, row.ref, deletion.files(record))
    wanted = {(it.pool, it.name) for it in (record.bin.volumes if record.bin else ())}
    going = [disk for disk in disks if (disk.pool, disk.name) in wanted and not disk.is_shared]
    [short] = _in_short([row])
    return replace(short, disks=disks, going=tuple(going), proposed_name=_free_name(row))


def _free_name(row: mirror.Guest) -> str:
    """The one that it had, or the first like it that is free."""
    taken = creation.names(row.host) - {str(row.record["name"])}
    tails = ("", *(f"-{n}" for n in range(2, 10_000)))
    return next(name for tail in tails if (name := f"{row.name[:58]}{tail}") not in taken)


def _names(volumes: Sequence[dict[str, str]]) -> list[str]:
    return [volume["name"] for volume in volumes]
