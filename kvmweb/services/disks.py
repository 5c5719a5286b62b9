"""The disks of a guest: add one, change how it is attached, take it away with or without its data.

The right over the guest's disks is needed; for a volume also that of its pool. Nobody names a path.
"""

from __future__ import annotations

import re
from collections import defaultdict

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.deletion import DiskChoice
from kvmweb.core.disk_edits import (
    BUSES,
    CACHES,
    DISCARDS,
    IOS,
    ZEROES,
    Attached,
    Detached,
    DiskChange,
)
from kvmweb.core.errors import Denied, Invalid, NotFound, Problem, WrongState
from kvmweb.core.media import Medium
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    deletion,
    deletion_end,
    image_locks,
    limits,
    media,
    present,
    templates,
    volume_acts,
    volume_attach,
    volume_users,
)
from kvmweb.services.guard import guarded, sifted

_SERIAL = re.compile(r"[A-Za-z0-9_.+-]{1,36}", re.ASCII)
MOST = 500
"""Volumes of a pool that a form offers."""


@sifted("volume.create")
def pools(actor: Actor, host: str) -> list[tuple[str, str, int]]:
    """Where this actor may make volumes on this host: UUID, name, bytes that are free."""
    reach = judge.reach(actor, "volume.create")
    rows = mirror.Pool.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    return [
        (row.uuid, row.name, int(row.record["available"]))
        for row in rows
        if reach.covers(row.ref) and row.record["is_active"]
    ]


@sifted("volume.attach")
def volumes(actor: Actor, host: str) -> dict[str, list[Medium]]:
    """What this actor may attach and nobody uses, by the name of its pool."""
    reach = judge.reach(actor, "volume.attach")
    unfit = image_locks.unfit_on(host)
    found: defaultdict[str, list[Medium]] = defaultdict(list)
    for pool in mirror.Pool.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold"):
        if not reach.covers(pool.ref) or not pool.record["is_active"]:
            continue
        rows = mirror.Volume.objects.filter(host=host, pool=pool.uuid, is_gone__in=[False])
        for row in rows.exclude(volume_users.is_used(pool.name)).order_by("name_fold")[:MOST]:
            is_disc = media.is_disc(row.format, row.name)
            if (pool.uuid, row.name) not in unfit and not is_disc and row.format != "dir":
                found[pool.name].append(
                    Medium(row.uuid, row.name, pool.uuid, pool.name, row.capacity)
                )
    return dict(found)


@guarded("guest.view")
def ask(
    actor: Actor, ref: Ref, target: str, *, is_next: bool = False
) -> tuple[DiskRecord, DiskChoice]:
    """The disk as it is, or as it will be at the next start, and the volume that it is.

    Raises NotFound.
    """
    disk = _disk(ref, target, is_next=is_next)
    found = deletion.choices(actor, ref, (disk,))
    return disk, found[0] if found else DiskChoice(disk.target, disk.source, disk.device)


@guarded("guest.disks", is_audited=False)
def attach(
    actor: Actor, ref: Ref, *, volume: str, bus: str = "virtio", is_readonly: bool = False
) -> Attached:
    """Give the guest a volume that is there. Raises as `volume_attach.attach`, Invalid (fields)."""
    present.reachable(ref)
    row = mirror.Volume.objects.filter(host=ref.host, uuid=volume, is_gone__in=[False]).first()
    pool = refs.pool(ref.host, row.pool) if row else None
    if pool is None or not judge.can(actor, "volume.attach", pool):
        raise Invalid(fields={"volume": _("Choose a volume of a pool that you may use.")})
    return volume_attach.attach(actor, pool, volume, guest=ref, bus=bus, is_readonly=is_readonly)


@guarded("guest.disks")
def create(
    actor: Actor,
    ref: Ref,
    *,
    pool: str,
    name: str,
    capacity: int,
    image_format: str = "qcow2",
    bus: str = "virtio",
    may_promise: bool = False,
) -> Attached:
    """Make a volume and give it to the guest; it is taken back when the guest cannot have it.

    pool: UUID. may_promise: see `volume_acts.Wanted`. Raises: Invalid (fields), Denied (its disks
    are limited), Exists, Conflict, HostDown, and what libvirt says.
    """
    templates.require_none(ref)
    present.reachable(ref)
    place = refs.pool(ref.host, pool)
    wrong = faults(
        actor, ref, pool=pool, name=name, capacity=capacity, image_format=image_format, bus=bus,
        may_promise=may_promise,
    )  # fmt: skip
    if wrong:
        raise Invalid(fields=wrong)
    record = present.record(present.guest(ref))
    is_free = limits.judged_beside(actor, ref, is_limited=record.has_limited_disks)
    wanted = volume_acts.Wanted(name, capacity, image_format, may_promise=may_promise)
    volume_acts.create(actor, place, wanted)
    audit.running().detail.update(volume=name, pool=str(place), capacity=capacity)
    try:
        found = client.call(
            ref.host, "guest.attach_disk", uuid=ref.id, pool=pool, volume=name, bus=bus,
            beside_limited=is_free,
        )  # fmt: skip
    except Problem:
        client.call(ref.host, "volume.delete", uuid=pool, name=name)
        raise
    return Attached(found["target"], found["when"])


@guarded("guest.disks", is_audited=False)
def faults(
    actor: Actor,
    ref: Ref,
    *,
    pool: str = "",
    name: str = "",
    capacity: int = 0,
    image_format: str = "qcow2",
    bus: str = "virtio",
    may_promise: bool = False,
) -> dict[str, str]:
    """Field to what is wrong with a new disk, all at once. Raises NotFound."""
    found: dict[str, str] = {}
    place = refs.pool(ref.host, pool)
    reaches = judge.reaches(actor, ("volume.create", "volume.attach"))
    if not pool or not all(reach.covers(place) for reach in reaches.values()):
        found["pool"] = _("Choose a pool that you may make volumes in.")
    wanted = volume_acts.Wanted(name, capacity, image_format, may_promise=may_promise)
    found |= volume_acts.faults(None, wanted) if found else volume_acts.faults_in(place, wanted)
    if "format" in found:
        found["image_format"] = found.pop("format")
    if bus not in volume_attach.BUSES:
        found["bus"] = _("Choose one of the list.")
    return found


@guarded("guest.disks")
def edit(
    actor: Actor, ref: Ref, target: str, change: DiskChange, *, definition_hash: str = ""
) -> str:
    """`now`, `next` while it runs, or `same`. Raises: NotFound, Invalid (fields), Conflict."""
    templates.require_none(ref)
    present.reachable(ref)
    disk, volume = ask(actor, ref, target, is_next=True)
    wrong = _faults(disk, volume, change)
    if wrong:
        raise Invalid(fields=wrong)
    plain = wire.to_plain(change)
    audit.running().detail.update(disk=target, change=plain)
    return str(
        client.call(
            ref.host, "guest.edit_disk", uuid=ref.id, target=target, change=plain,
            definition_hash=definition_hash,
        )
    )  # fmt: skip


@guarded("guest.disks")
def detach(
    actor: Actor, ref: Ref, target: str, *, delete: bool = False, definition_hash: str = ""
) -> Detached:
    """Take it away; with `delete` its volume goes, too, once the guest has let go of it.

    Raises: NotFound, Invalid (delete: it is needed elsewhere, or in no pool), Denied (also where
    it is limited), WrongState while the guest is paused, Conflict, HostDown.
    """
    templates.require_none(ref)
    present.reachable(ref)
    _record, volume = ask(actor, ref, target)
    record = present.record(present.guest(ref))
    held = [it for it in (*record.disks, *record.next_disks) if it.target == target]
    is_limited = any(it.limits for it in held)
    judged = limits.judged(actor, ref, record, definition_hash, is_limited=is_limited)
    if delete:
        _require_deletable(volume)
    audit.running().detail.update(disk=target, source=volume.source, delete=delete)
    when = str(
        client.call(
            ref.host, "guest.detach_disk", uuid=ref.id, target=target, definition_hash=judged
        )
    )
    if not delete or when != "now":
        return Detached(when)
    try:
        deletion_end.drop(actor, ref, volume.pool, volume.name)
    except Problem as problem:
        return Detached(when, problem=problem)
    return Detached(when, is_deleted=True)


def _faults(disk: DiskRecord, volume: DiskChoice, change: DiskChange) -> dict[str, str]:
    wrong: dict[str, str] = {}
    allowed = {
        "cache": CACHES, "discard": DISCARDS, "bus": BUSES, "io": IOS, "detect_zeroes": ZEROES,
    }  # fmt: skip
    for name, values in allowed.items():
        value = getattr(change, name)
        if value is not None and value not in (*values, getattr(disk, name)):
            wrong[name] = _("Choose one of the list.")
    wrong |= _misfits(disk, change)
    if disk.device == "cdrom" and change.bus == "virtio":
        wrong["bus"] = _("There is no CD-ROM on this bus.")
    if change.is_readonly is False and disk.device == "cdrom":
        wrong["is_readonly"] = _("A CD-ROM is read only.")
    elif change.is_readonly is False and volume.is_shared:
        wrong["is_readonly"] = _needed(volume)
    return wrong


def _misfits(disk: DiskRecord, change: DiskChange) -> dict[str, str]:
    """What does not go with what else the disk has or is to have."""
    wrong: dict[str, str] = {}
    cache = disk.cache if change.cache is None else change.cache
    if change.io == "native" and cache not in ("none", "directsync"):
        wrong["io"] = _("This needs the cache “none” or “directsync”.")
    if change.is_removable and (change.bus or disk.bus) != "usb":
        wrong["is_removable"] = _("Only a disk on USB can be taken out.")
    if change.serial and not _SERIAL.fullmatch(change.serial):
        wrong["serial"] = _("Up to 36 letters, digits, dots, dashes and underscores.")
    return wrong


def _needed(volume: DiskChoice) -> str:
    names = [*volume.users, *([_("a guest that you do not see")] if volume.hidden else [])]
    return _("Needed by %(users)s.") % {"users": ", ".join(names)}


def _require_deletable(volume: DiskChoice) -> None:
    if not volume.volume:
        raise Invalid(fields={"delete": _("It lies in no pool that is started.")})
    if volume.is_shared:
        raise Invalid(fields={"delete": _needed(volume)})
    if not volume.may_delete:
        raise Denied(verb="volume.delete")


def _disk(ref: Ref, target: str, *, is_next: bool) -> DiskRecord:
    record = present.record(present.guest(ref))
    if not record.is_persistent and not record.state.is_active:
        raise WrongState(state=record.state.value)
    there = [record.disks, record.next_disks]
    for disk in (it for disks in (reversed(there) if is_next else there) for it in disks):
        if disk.target == target:
            return disk
    raise NotFound(ref=f"{ref}/{target}")
