"""What may become of each disk of a guest that is cloned, for this person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.access.judge import Reach
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import DiskPlan, Way
from kvmweb.core.creation import NewVolume
from kvmweb.core.deletion import DiskChoice
from kvmweb.core.errors import Problem
from kvmweb.core.records import GuestRecord, PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volumes import SEED_END
from kvmweb.definitions import cloning as xml
from kvmweb.inventory import models as mirror
from kvmweb.services import deletion, image_locks, volume_reach, volumes
from kvmweb.services.creation_devices import SEED_SIZE, file_stem
from kvmweb.services.marks import internal

_REMOVABLE = ("cdrom", "floppy")
_LINKABLE = ("qcow2", "raw")
Parts = tuple[tuple[Way, ...], str]


@dataclass(frozen=True, slots=True)
class Rights:
    """On storage, of one person. pools: started ones that the person may make volumes in."""

    host: str
    pools: dict[str, PoolRecord]
    clone: Reach
    attach: Reach
    may_write_xml: bool

    @classmethod
    def of(cls, actor: Actor, ref: Ref) -> Rights:
        """Of this person, on the host of this guest."""
        reach = judge.reaches(actor, ("volume.create", "volume.clone", "volume.attach"))
        rows = mirror.Pool.objects.filter(host=ref.host, is_gone=False).order_by("name_fold")
        known = {row.uuid: wire.from_plain(PoolRecord, row.record) for row in rows}
        return cls(
            host=ref.host,
            pools={
                uuid: pool
                for uuid, pool in known.items()
                if pool.is_active and reach["volume.create"].covers(refs.pool(ref.host, uuid))
            },
            clone=reach["volume.clone"],
            attach=reach["volume.attach"],
            may_write_xml=judge.can(actor, "guest.xml", ref),
        )

    def volumes(self, pool: str) -> set[str]:
        """Names that are taken there."""
        return set(volumes.all_of(refs.pool(self.host, pool)).values_list("name", flat=True))


@internal("a part of a plan")
def seed(
    made: list[dict[str, Any]], name: str, rights: Rights, wrong: dict[str, str]
) -> NewVolume | None:
    """Where the answers for cloud-init go: beside the first new disk."""
    pools = [disk["pool"] for disk in made if disk["pool"]]
    pool = next(iter([*pools, *rights.pools]), "")
    if not pool:
        wrong["pool"] = _("Choose a pool that you may make volumes in.")
        return None
    taken = rights.volumes(pool)
    tails = ("", *(f"-{n}" for n in range(1, 10_000)))
    stem = file_stem(name)
    free = next(it for tail in tails if (it := f"{stem}{tail}{SEED_END}") not in taken)
    return NewVolume(pool, rights.pools[pool].name, free, SEED_SIZE, "raw")


@internal("a part of cloning")
def plans(
    actor: Actor, ref: Ref, record: GuestRecord, traits: xml.Traits, rights: Rights
) -> tuple[DiskPlan, ...]:
    """Each disk that has a medium, in order."""
    choices = {it.source: it for it in deletion.choices(actor, ref, record.disks)}
    found = []
    for disk in record.disks:
        if not disk.source:
            continue
        choice = choices[disk.source]
        row = mirror.Volume.objects.filter(
            host=ref.host, uuid=choice.volume, is_gone__in=[False]
        ).first()
        facts = _Facts(
            choice=choice,
            row=row,
            is_removable=disk.device in _REMOVABLE,
            is_readonly=disk.is_readonly or disk.device == "cdrom",
            is_shareable=disk.target in traits.shareable,
            has_autostart=record.has_autostart,
            is_active=record.state.is_active,
        )
        ways, reason = _ways(actor, facts, rights)
        held: dict[str, Any] = row.record if row else {}
        found.append(
            DiskPlan(
                target=disk.target, source=disk.source, device=disk.device,
                is_readonly=facts.is_readonly, ways=ways, reason=reason, volume=choice.volume,
                pool=choice.pool, pool_name=choice.pool_name, name=choice.name,
                format=str(held.get("format", "")), capacity=int(held.get("capacity", 0)),
                allocation=int(held.get("allocation", 0)),
            )
        )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Facts:
    choice: DiskChoice
    row: mirror.Volume | None
    is_removable: bool
    is_readonly: bool
    is_shareable: bool
    has_autostart: bool
    is_active: bool


def _ways(actor: Actor, facts: _Facts, rights: Rights) -> Parts:
    """Those that are possible, the proposed one first; why there is no more."""
    if facts.row is None:
        ways: tuple[Way, ...] = ()
        if facts.is_readonly and rights.may_write_xml:
            ways = (Way.SHARE,)
        if facts.is_removable:
            ways = (*ways, Way.EMPTY)
        return ways, _("It lies in no pool that is started.")
    pool = refs.pool(facts.row.host, facts.row.pool)
    shared = facts.is_readonly or facts.is_removable or facts.is_shareable
    share = shared and (rights.attach.covers(pool) or rights.may_write_xml)
    reason = _content_fault(actor, pool, facts.row)
    is_at_rest = not facts.is_active or not (facts.is_readonly or facts.is_removable)
    copy = not reason and is_at_rest and rights.clone.covers(pool) and bool(rights.pools)
    link, why_not = _may_link(facts, pool, rights)
    ways = (
        *((Way.SHARE,) if share and facts.is_readonly else ()),
        *((Way.COPY,) if copy else ()),
        *((Way.LINK,) if link and not reason else ()),
        *((Way.SHARE,) if share and not facts.is_readonly else ()),
        *((Way.EMPTY,) if facts.is_removable else ()),
    )
    if not reason and not is_at_rest:
        reason = _("It is not copied while the guest runs.")
    if not reason and not copy:
        reason = _("You may not copy volumes of this pool, or make any.")
    return ways, reason or why_not


def _may_link(facts: _Facts, pool: Ref, rights: Rights) -> tuple[bool, str]:
    """Whether nothing would change the original under the clone; else why not."""
    row = facts.row
    if row is None or facts.is_readonly or facts.is_removable:
        return False, ""
    if not rights.attach.covers(pool) or not rights.pools:
        return False, _("You may not build on volumes of this pool.")
    if row.record["type"] != "file" or row.format not in _LINKABLE:
        return False, _("Only qcow2 and raw files can be linked.")
    if row.record["is_encrypted"]:
        return False, _("An encrypted disk cannot be linked.")
    if facts.is_active:
        return False, _("It cannot be linked while the guest runs and writes to it.")
    if facts.has_autostart:
        return False, _(
            "It cannot be linked: the original starts with the host, and would change under the"
            " clone. Turn its autostart off first."
        )
    if facts.choice.users and _writers(row):
        return False, _("It cannot be linked: another guest writes to it.")
    return True, ""


def _writers(row: mirror.Volume) -> bool:
    """More than the original has it as a disk to write to."""
    uses = mirror.DiskUse.objects.filter(
        mirror.HOLDS, host=row.host, place=row.place, is_readonly=False
    )
    return uses.values("guest").distinct().count() > 1


def _content_fault(actor: Actor, pool: Ref, row: mirror.Volume) -> str:
    """Why its content may not be read for this person; empty where it may."""
    if row.record["is_encrypted"]:
        return _("An encrypted disk cannot be copied here.")
    try:
        image_locks.require_fit(pool, row.name)
        volume_reach.require_honest(forged=volumes.is_forged(actor, pool, row))
        volume_reach.require(actor, pool, row, "volume.clone")
    except Problem as problem:
        fields = getattr(problem, "fields", {})
        return next(iter(fields.values()), _("This volume cannot be used now."))
    return ""
