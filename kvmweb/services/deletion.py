"""Delete a guest, and those of its disks that nobody else needs: into the recycle bin, or for good.

Which disks are shared is looked at when the page is shown, when the job is asked for, and by the
host itself before each volume goes. Undefining takes NVRAM, TPM state, saved state and what libvirt
knows of snapshots along.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.bins import BinnedVolume
from kvmweb.core.deletion import Deletion, DiskChoice
from kvmweb.core.errors import Cancelled, Denied, Invalid, NotFound, Problem, WrongState
from kvmweb.core.records import DiskRecord, GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    deletion_end,
    jobs,
    present,
    projects,
    retention,
    volume_users,
    works,
)
from kvmweb.services.guard import guarded, internal
from kvmweb.services.works import Arguments, Work, carries
from kvmweb.store.models import Host

VERB = deletion_end.VERB
OFF_S = 60.0
FORGET_S = 60.0


@guarded(VERB, is_audited=False)
def ask(actor: Actor, ref: Ref) -> Deletion:
    """What would go: shown before anything happens. Raises NotFound."""
    return of_row(actor, present.guest(ref))


@internal("the service that asks has judged")
def of_row(actor: Actor, row: mirror.Guest) -> Deletion:
    """Also of a guest in the recycle bin, by the name that it had."""
    ref, record = row.ref, present.record(row)
    host = Host.objects.filter(key=ref.host).values_list("name", flat=True).first()
    return Deletion(
        ref=ref,
        name=row.name,
        host_name=host or ref.host,
        is_active=record.state.is_active,
        may_force_off=judge.can(actor, "guest.destroy", ref),
        has_saved_state=record.has_saved_state,
        snapshots=record.snapshots,
        firmware=record.firmware,
        disks=choices(actor, ref, files(record)),
        days=retention.days(),
    )


@guarded(VERB)
def delete(
    actor: Actor,
    ref: Ref,
    *,
    volumes: Iterable[str] = (),
    force_off: bool = False,
    for_good: bool = False,
) -> UUID:
    """Ask for it; the job that does it. volumes: ids of those disks that go along.

    It goes into the recycle bin, and can be brought back until its days there are over; for_good:
    not so.
    Raises: WrongState (running, and not to be forced off), Denied, Invalid (a disk that is shared,
    not the guest's, or in no pool where volumes may be deleted).
    """
    found = ask(actor, ref)
    if found.is_active and not force_off:
        raise WrongState(name=found.name, state="running")
    if found.is_active and not found.may_force_off:
        raise Denied(verb="guest.destroy", ref=str(ref))
    chosen = [BinnedVolume(it.pool, it.name) for it in _chosen(found, set(volumes))]
    steps = [works.waiting("off", found.name)] if found.is_active else []
    steps += _last_steps(found.name, chosen) if for_good else [works.waiting("bin", found.name)]
    job = jobs.ask(
        actor,
        VERB,
        steps,
        about=ref,
        called=found.name,
        guest=str(ref),
        name=found.name,
        is_active=found.is_active,
        is_kept=not for_good,
        volumes=wire.to_plain(chosen),
    )
    audit.running().detail.update(
        job=str(job), into_bin=not for_good, volumes=[it.name for it in chosen]
    )
    return job


@carries(VERB)
def _delete(work: Work, arguments: Arguments) -> None:
    """Off; then into the bin, or undefined and each disk with it."""
    ref = Ref.parse(arguments["guest"])
    if not judge.can(work.actor, VERB, ref):
        raise Denied(verb=VERB)
    try:
        if arguments["is_active"]:
            with work.step("off", arguments["name"]):
                client.call(ref.host, "guest.destroy", deadline_s=OFF_S, uuid=ref.id)
        if arguments.get("is_kept"):
            with work.step("bin", arguments["name"]):
                _put_aside(work, ref, arguments)
            return
        volumes = deletion_end.announce(work, ref, arguments["volumes"])
        with work.step("undefine", arguments["name"]):
            _forget(work, ref)
    except Problem as problem:
        audit.note(work.actor, VERB, ref, outcome=problem.code)
        raise
    try:
        deletion_end.drop_all(work, ref, volumes)
    except Cancelled:
        work.withdraw()
        raise
    projects.forget(ref)


def _forget(work: Work, ref: Ref) -> None:
    """Who took the guest away from this host before us may need its disks elsewhere: they stay."""
    try:
        client.call(ref.host, "guest.delete", deadline_s=FORGET_S, uuid=ref.id)
    except NotFound:
        work.withdraw()
        raise


def _put_aside(work: Work, ref: Ref, arguments: Arguments) -> None:
    """Nothing to take back: whenever this is cut off, the guest is there or in the bin, whole.

    When its days are over the portal itself deletes its disks: so none goes in that may not go now.
    """
    mine = deletion_end.deletable(work.actor, ref, arguments["volumes"])
    mark = {"at": time.time(), "by": work.actor.name, "volumes": mine}
    client.call(ref.host, "guest.bin", deadline_s=FORGET_S, uuid=ref.id, mark=mark)


def _last_steps(name: str, volumes: Sequence[BinnedVolume]) -> list[works.Step]:
    return [
        works.waiting("undefine", name),
        *(works.waiting("volume", volume.name) for volume in volumes),
    ]


def _chosen(found: Deletion, wanted: set[str]) -> list[DiskChoice]:
    known = {disk.volume: disk for disk in found.disks if disk.volume}
    for volume in wanted:
        disk = known.get(volume)
        if disk is None:
            raise Invalid(fields={"volumes": _("That is no disk of this guest.")})
        if disk.is_shared:
            said = _("%(name)s is needed elsewhere.") % {"name": disk.name}
            raise Invalid(fields={"volumes": said})
        if not disk.may_delete:
            raise Denied(verb="volume.delete")
    return [disk for disk in found.disks if disk.volume in wanted]


@internal("what goes with a guest")
def files(record: GuestRecord) -> tuple[DiskRecord, ...]:
    """Its disks, and as if they were some, the files that hold the memory of its snapshots."""
    kept = [it for it in record.snapshot_tree if it.memory_file]
    return (
        *record.disks,
        *(DiskRecord(it.name, "", mirror.MEMORY, it.memory_file, "") for it in kept),
    )


@internal("a part of acts on all disks of a guest")
def choices(actor: Actor, ref: Ref, disks: tuple[DiskRecord, ...]) -> tuple[DiskChoice, ...]:
    """Each disk once, with the volume that it is and what else needs that."""
    held = volumes_of(ref.host, {disk.source for disk in disks if disk.source})
    pools = {row.uuid: row.name for row in mirror.Pool.objects.filter(host=ref.host, is_gone=False)}
    users = _users(actor, ref, {it.uuid: it for it in held.values()}.values(), pools)
    reach = judge.reach(actor, "volume.delete")
    found: dict[str, DiskChoice] = {}
    for disk in disks:
        if not disk.source or disk.source in found:
            continue
        choice = DiskChoice(disk.target, disk.source, disk.device, is_readonly=disk.is_readonly)
        volume = held.get(disk.source)
        if volume is not None:
            names, hidden = users.get(volume.uuid, ((), 0))
            choice = DiskChoice(
                target=disk.target,
                source=disk.source,
                device=disk.device,
                volume=volume.uuid,
                pool=volume.pool,
                pool_name=pools.get(volume.pool, ""),
                name=volume.name,
                capacity=volume.capacity,
                users=names,
                hidden=hidden,
                is_readonly=disk.is_readonly,
                may_delete=reach.covers(refs.pool(ref.host, volume.pool)),
            )
        found[disk.source] = choice
    return tuple(found.values())


@internal("a part of acts on disks of guests")
def volumes_of(host: str, sources: set[str]) -> dict[str, mirror.Volume]:
    """Source of a disk, as its definition says, to the volume that it is."""
    named = [source.partition("/") for source in sources if not source.startswith("/")]
    wanted = Q(place__in=sources) | Q(alias_place__in=sources)
    for pool, _slash, name in named:
        uuids = mirror.Pool.objects.filter(host=host, name=pool).values("uuid")
        wanted |= Q(pool__in=uuids, name=name)
    found: dict[str, mirror.Volume] = {}
    pools = dict(mirror.Pool.objects.filter(host=host).values_list("uuid", "name"))
    for volume in mirror.Volume.objects.filter(wanted, host=host, is_gone__in=[False]):
        for place in volume_users.places(pools.get(volume.pool, ""), volume):
            found.setdefault(place, volume)
    return found


def _users(
    actor: Actor, ref: Ref, volumes: Iterable[mirror.Volume], pools: dict[str, str]
) -> dict[str, tuple[tuple[str, ...], int]]:
    """Volume id to what needs it beside this guest: names, and how many may not be seen."""
    by_pool: defaultdict[str, list[mirror.Volume]] = defaultdict(list)
    for volume in volumes:
        by_pool[volume.pool].append(volume)
    found: dict[str, tuple[tuple[str, ...], int]] = {}
    for pool, held in by_pool.items():
        for uuid, users in volume_users.of_volumes(
            actor, ref.host, pools.get(pool, ""), held
        ).items():
            others = dict.fromkeys(
                volume_users.label(user) for user in users.seen if user.ref != ref
            )
            found[uuid] = (tuple(others), users.hidden)
    return found
