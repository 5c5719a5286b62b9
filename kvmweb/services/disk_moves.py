"""Move a disk of a guest to another pool: while it runs, or while it is off.

The content is copied as in a clone, so whoever moves it needs the rights over the guest's disks
and those that a copy needs: volume.clone where it is, volume.create and volume.attach where it
goes, volume.delete where the old volume is to be deleted afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import pools as types
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import DiskPlan, PoolChoice, Way
from kvmweb.core.deletion import DiskChoice
from kvmweb.core.disk_moves import DiskMove
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.records import DiskRecord, GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.definitions import cloning as xml
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, cloning_disks, deletion, jobs, present, templates, works
from kvmweb.services.cloning_disks import Rights
from kvmweb.services.guard import guarded

VERB = "guest.move_disk"
_WITHOUT_PATHS = ("rbd", "gluster", "sheepdog", "iscsi-direct", "vstorage")
"""Pools whose volumes QEMU reaches by itself."""


@guarded("guest.view")
def ask(actor: Actor, ref: Ref, target: str) -> DiskMove:
    """What would be moved, where to, and what stands in the way. Raises NotFound."""
    record, text = _known(ref)
    disk = next((it for it in record.disks if it.target == target), None)
    if disk is None:
        raise NotFound(ref=f"{ref}/{target}")
    rights = Rights.of(actor, ref)
    traits = xml.traits(text) if text else xml.Traits((), frozenset(), has_tpm=False)
    plans = cloning_disks.plans(actor, ref, record, traits, rights)
    plan = next((it for it in plans if it.target == target), None)
    choice = next(iter(deletion.choices(actor, ref, (disk,))), None)
    found = DiskMove(
        ref, target, disk.source, record.definition_hash, is_active=record.state.is_active
    )
    return _with_volume(found, record, disk, plan, choice, _pools(actor, rights, plan))


@guarded("guest.disks")
def move(
    actor: Actor,
    ref: Ref,
    target: str,
    *,
    pool: str,
    delete: bool = False,
    definition_hash: str = "",
) -> UUID:
    """Ask for it; the job that does it. delete: the old volume goes, once the guest left it.

    Raises: Invalid (fields), Conflict, Denied, NotFound, HostDown.
    """
    guest_name = present.reachable(ref).name
    templates.require_none(ref)
    found = ask(actor, ref, target)
    present.require_shown(definition_hash, found.definition_hash, guest_name)
    if found.obstacles:
        raise Invalid(fields={"": " ".join(found.obstacles)})
    into = next((it for it in found.pools if it.uuid == pool), None)
    if into is None:
        raise Invalid(fields={"pool": _("Choose a pool that you may make volumes in.")})
    if delete and not found.may_delete:
        raise Denied(verb="volume.delete")
    if found.allocation > into.available:
        raise Invalid(fields={"pool": _("It has less free space than the disk holds.")})
    form = found.format if found.format in types.VOLUME_FORMATS.get(into.type, ()) else "raw"
    name = _free_name(refs.pool(ref.host, pool), found.name, into.type, form)
    steps = [works.waiting("copy", name), works.waiting("switch", target)]
    steps += [works.waiting("volume", found.name)] if delete else []
    job = jobs.ask(
        actor, VERB, steps, about=ref, called=guest_name, host=ref.host, guest=str(ref),
        target=target, before=found.source, source_pool=found.pool, source=found.name,
        source_format=found.format, pool=pool, name=name, capacity=found.capacity, delete=delete,
        image_format=form, is_active=found.is_active, definition_hash=found.definition_hash,
    )  # fmt: skip
    audit.running().detail.update(
        disk=target, source=found.source, pool=into.name, name=name, delete=delete, job=str(job)
    )
    return job


def _with_volume(
    found: DiskMove,
    record: GuestRecord,
    disk: DiskRecord,
    plan: DiskPlan | None,
    choice: DiskChoice | None,
    pools: tuple[PoolChoice, ...],
) -> DiskMove:
    """With the volume that it is, where it can go, and what stands in the way."""
    obstacles = tuple(_obstacles(record, disk, plan, choice))
    if not obstacles and not pools:
        obstacles = (_("There is no other pool that you may make volumes in."),)
    return DiskMove(
        found.ref, found.target, found.source, found.definition_hash, found.is_active,
        pool=plan.pool if plan else "", pool_name=plan.pool_name if plan else "",
        name=plan.name if plan else "", format=plan.format if plan else "",
        capacity=(disk.capacity or plan.capacity) if plan else 0,
        allocation=plan.allocation if plan else 0,
        may_delete=choice.is_possible if choice else False, pools=pools, obstacles=obstacles,
    )  # fmt: skip


def _obstacles(
    record: GuestRecord, disk: DiskRecord, plan: DiskPlan | None, choice: DiskChoice | None
) -> Iterable[str]:
    """In sentences."""
    if disk.device not in ("disk", "lun") or plan is None:
        yield _("Only a disk can be moved. Insert another medium instead.")
        return
    if not record.is_persistent:
        yield _("The guest has no stored definition. It is gone when it stops.")
    if disk.is_shareable or (choice and choice.is_shared):
        yield _("Somebody else needs this volume: it would be left behind with the old state.")
    if record.snapshots:
        yield _("The guest has snapshots, which lie in this volume or build on it. Delete them.")
    if record.has_saved_state:
        yield _("The guest has a saved state, which names this volume. Start it or discard that.")
    if Way.COPY not in plan.ways:
        yield plan.reason or _("You may not copy volumes of this pool, or make any.")
    there = {it.target: it.source for it in record.next_disks}
    if record.has_pending_changes and there.get(disk.target) != disk.source:
        yield _("It will be another volume at the next start. Shut the guest down and start it.")


def _pools(actor: Actor, rights: Rights, plan: DiskPlan | None) -> tuple[PoolChoice, ...]:
    """Where it can go: not where it is."""
    attach = judge.reach(actor, "volume.attach")
    return tuple(
        PoolChoice(uuid, pool.name, pool.type, pool.available)
        for uuid, pool in rights.pools.items()
        if plan is not None
        and uuid != plan.pool
        and pool.type not in _WITHOUT_PATHS
        and attach.covers(refs.pool(rights.host, uuid))
    )


def _free_name(pool: Ref, name: str, kind: str, form: str) -> str:
    """The same where it is free, with the ending of the format that it gets."""
    taken = set(
        mirror.Volume.objects.filter(host=pool.host, pool=pool.id, is_gone__in=[False])
        .values_list("name", flat=True)
    )  # fmt: skip
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    if kind in ("dir", "fs", "netfs") and form == "raw" and ending == "qcow2":
        ending = "img"
    tails = ("", *(f"-{number}" for number in range(1, 10_000)))
    names = (f"{stem}{tail}{'.' if ending else ''}{ending}" for tail in tails)
    return next(found for found in names if found not in taken)


def _known(ref: Ref) -> tuple[GuestRecord, str]:
    row = present.guest(ref)
    text = mirror.GuestDefinition.objects.filter(guest=row).values_list("xml", flat=True).first()
    return present.record(row), text or ""
