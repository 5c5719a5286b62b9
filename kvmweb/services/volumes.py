"""Read the volumes of a pool: one page of its list, and one of them. Rights are the pool's."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import QuerySet

from kvmweb.access import judge
from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.offers import Offer
from kvmweb.core.records import HostState, PoolRecord, VolumeRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.core.volume_lists import Users, VolumeList, VolumeRow
from kvmweb.inventory import models as mirror
from kvmweb.services import image_locks, pool_figures, storage_offers, volume_users
from kvmweb.services.guard import guarded, internal, open_to_all

PAGE_SIZE = 100
_COLUMNS = {
    "name": "name_fold", "format": "format", "capacity": "capacity", "allocation": "allocation",
}  # fmt: skip
_TIES = ("name_fold", "uuid")
_NOBODY = Users()
_KEPT_MAX = 10_000
_kept: dict[tuple[str, str], VolumeRecord] = {}
"""By id and digest: the record of a volume that did not change is the same."""


@guarded("pool.view")
def list_(actor: Actor, ref: Ref, wanted: VolumeFilter) -> VolumeList:
    """One page of the volumes of this pool: a fixed number of queries. Raises NotFound."""
    pool = pool_row(ref)
    there = all_of(ref)
    facets = pool_figures.of(ref)
    found = _narrowed(there, pool, wanted)
    seen = facets.figures.volumes
    total = found.count() if wanted.is_narrowed else seen
    last = max(1, -(-total // PAGE_SIZE))
    if wanted.page > last:
        wanted = replace(wanted, page=last, notes=(*wanted.notes, "page"))
    start = (wanted.page - 1) * PAGE_SIZE
    page = list(found.order_by(*_order(wanted)).defer("record")[start : start + PAGE_SIZE])
    return VolumeList(
        wanted=wanted,
        rows=_rows(actor, pool, page),
        total=total,
        seen=seen,
        formats=facets.formats,
        page_size=PAGE_SIZE,
    )


@guarded("pool.view")
def show(actor: Actor, ref: Ref, volume: str) -> VolumeRow:
    """One volume of this pool by its id. Raises NotFound."""
    pool = pool_row(ref)
    return _rows(actor, pool, [volume_row(ref, volume)])[0]


@guarded("pool.view")
def some(actor: Actor, ref: Ref, chosen: list[str]) -> tuple[VolumeRow, ...]:
    """Those of these volumes of this pool that are there, by name. Raises NotFound."""
    found = all_of(ref).filter(uuid__in=chosen).order_by(*_TIES).defer("record")
    return _rows(actor, pool_row(ref), list(found))


@guarded("pool.view")
def offers(actor: Actor, ref: Ref, volume: str) -> tuple[Offer, ...]:
    """What can be done with this volume of this pool. Raises NotFound."""
    pool = pool_row(ref)
    row = volume_row(ref, volume)
    users = volume_users.of_volumes(actor, ref.host, pool.name, [row]).get(row.uuid, _NOBODY)
    is_up = mirror.HostMirror.objects.filter(host=ref.host, state=HostState.UP).exists()
    facts = storage_offers.Facts(wire.from_plain(PoolRecord, pool.record), is_up, users)
    return storage_offers.of(actor, ref, facts, storage_offers.OF_VOLUME)


@open_to_all("judged inside: by the right to see its pool")
def pool_of(actor: Actor, ref: Ref) -> Ref:
    """The pool that holds this volume. Raises NotFound."""
    found = mirror.Volume.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if found is None:
        raise NotFound(ref=str(ref))
    pool = Ref(Kind.POOL, ref.host, found.pool)
    if not judge.can_see(actor, pool):
        raise NotFound(ref=str(ref))
    return pool


@internal("a part of acts that read a volume's content")
def is_forged(actor: Actor, ref: Ref, volume: mirror.Volume) -> bool:
    """ref: of its pool, which this person need not see. Raises NotFound."""
    found = volume_users.of_volumes(actor, ref.host, pool_row(ref).name, [volume])
    _locks, inspected = image_locks.looks(ref, [volume.name])
    users = found.get(volume.uuid, _NOBODY)
    return _looks_forged(volume, users, inspected.get(volume.name, ""))


@internal("the noun's own service carries the mark")
def pool_row(ref: Ref) -> mirror.Pool:
    """Raises NotFound."""
    found = mirror.Pool.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return found


@internal("the noun's own service carries the mark")
def volume_row(ref: Ref, volume: str) -> mirror.Volume:
    """ref: of its pool. Raises NotFound."""
    found = all_of(ref).filter(uuid=volume).first()
    if found is None:
        raise NotFound(ref=f"{ref}/{volume}")
    return found


@internal("a condition for a query; reads nothing")
def all_of(ref: Ref) -> QuerySet[mirror.Volume]:
    """What the mirror knows of this pool's volumes."""
    return mirror.Volume.objects.filter(host=ref.host, pool=ref.id, is_gone__in=[False])


def _narrowed(
    there: QuerySet[mirror.Volume], pool: mirror.Pool, wanted: VolumeFilter
) -> QuerySet[mirror.Volume]:
    if wanted.q:
        there = there.filter(name_fold__contains=wanted.q.casefold())
    if wanted.format:
        there = there.filter(format=wanted.format)
    if wanted.use:
        used = volume_users.is_used(pool.name)
        there = there.filter(used if wanted.use == "used" else ~used)
    return there


def _order(wanted: VolumeFilter) -> list[str]:
    """By the column, then always the same way, so that pages neither share nor miss a row."""
    sign = "-" if wanted.is_descending else ""
    first = _COLUMNS[wanted.column]
    if first == "name_fold":
        return [sign + name for name in _TIES]
    return [sign + first, *_TIES]


def _rows(actor: Actor, pool: mirror.Pool, volumes: list[mirror.Volume]) -> tuple[VolumeRow, ...]:
    users = volume_users.of_volumes(actor, pool.host, pool.name, volumes)
    chains = volume_users.chains(pool.host, volumes)
    known = _known_places(pool.host, {chain[-1] for chain in chains.values()})
    records = _records(volumes)
    locks, inspected = image_locks.looks(pool.ref, [it.name for it in volumes])
    rows = []
    for it in volumes:
        record = records.get(it.uuid)
        if record is None:
            continue  # deleted since
        chain = chains.get(it.uuid, ())
        rows.append(
            VolumeRow(
                ref=it.ref,
                record=record,
                users=users.get(it.uuid, _NOBODY),
                chain=chain or ((record.backing,) if record.backing else ()),
                is_backing_known=not record.backing or bool(chain and chain[-1] in known),
                forged=_looks_forged(it, users.get(it.uuid, _NOBODY), inspected.get(it.name, "")),
                lock=locks.get(it.name, ""),
            )
        )
    return tuple(rows)


def _records(volumes: list[mirror.Volume]) -> dict[str, VolumeRecord]:
    """Read from the database only where this process has not met the same record before."""
    found = {it.uuid: kept for it in volumes if (kept := _kept.get((it.uuid, it.digest)))}
    missing = [it.pk for it in volumes if it.uuid not in found]
    if missing:
        fresh = {
            it.uuid: (it.digest, wire.from_plain(VolumeRecord, it.record))
            for it in mirror.Volume.objects.filter(pk__in=missing)
        }
        if len(_kept) > _KEPT_MAX:
            _kept.clear()
        _kept.update({(uuid, digest): record for uuid, (digest, record) in fresh.items()})
        found |= {uuid: record for uuid, (_digest, record) in fresh.items()}
    return found


def _known_places(host: str, places: set[str]) -> set[str]:
    """Those of these paths that are volumes of an active pool."""
    if not places:
        return set()
    there = mirror.Volume.objects.filter(host=host, place__in=places, is_gone__in=[False])
    return set(there.values_list("place", flat=True))


def _looks_forged(volume: mirror.Volume, users: Users, inspected: str) -> bool:
    """It looks like an image that can name other files, but was made, or is read, as raw.

    inspected: the format that it was found to have when it came in from outside.
    """
    if volume.format in ("raw", "", "none", "unknown", "iso", "dir"):
        return False
    was_raw = volume.made_as == "raw" and volume.format != inspected
    return was_raw or users.is_read_raw or any(user.reads_as == "raw" for user in users.seen)
