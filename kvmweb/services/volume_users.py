"""Who uses a volume: guests by what their disks are read from, images by what their headers name.

All from the mirror. A guest may name a volume by its path, by `pool/volume`, or by the name of a
network image; a path that reaches the file through a symbolic link is not recognised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import User, Users
from kvmweb.inventory import models as mirror
from kvmweb.services import pool_figures, sight
from kvmweb.services.marks import internal

CHUNK = 300
SHOWN = 12
"""Guests of a pool that its page names."""
_ALIASED = ("rbd", "gluster", "iscsi-direct", "logical")
CHAIN_MAX = 16
"""libvirt itself follows no more than 200; a page shows no more than these."""
_ACTIVE = frozenset(state.value for state in GuestState if state.is_active)
T = TypeVar("T")


@internal("the noun's own service carries the mark")
def of_volumes(
    actor: Actor, host: str, pool_name: str, volumes: Sequence[mirror.Volume]
) -> dict[str, Users]:
    """Volume id to its users, for those that have any; two queries for up to 300 volumes."""
    reaches = judge.reaches(actor, ("guest.view", "pool.view"))
    seen: dict[str, list[User]] = defaultdict(list)
    hidden: dict[str, int] = defaultdict(int)
    raw: set[str] = set()
    for part in _chunks(volumes):
        of_place: dict[str, list[str]] = defaultdict(list)
        for volume in part:
            for place in places(pool_name, volume):
                of_place[place].append(volume.uuid)
        found = [(place, user, user.ref, "guest.view") for place, user in _guests(host, of_place)]
        found += [(place, user, pool, "pool.view") for place, user, pool in _images(host, of_place)]
        for place, user, judged, right in found:
            for uuid in of_place[place]:
                if reaches[right].covers(judged):
                    seen[uuid].append(user)
                else:
                    hidden[uuid] += 1
                    raw.update({uuid} if user.reads_as == "raw" else ())
    return {
        uuid: Users(tuple(seen[uuid]), hidden[uuid], is_read_raw=uuid in raw)
        for uuid in {*seen, *hidden}
    }


@internal("the noun's own service carries the mark")
def held(named: Iterable[tuple[str, mirror.Volume]]) -> frozenset[Ref]:
    """Of these volumes, each with the name of its pool: those that are a disk of some guest."""
    found: set[Ref] = set()
    known = {
        (volume.host, place): volume.ref
        for pool_name, volume in named
        for place in places(pool_name, volume)
    }
    for part in _chunks([*known]):
        uses = mirror.DiskUse.objects.filter(mirror.HOLDS, place__in={place for _, place in part})
        for key in uses.values_list("host", "place"):
            found.update({known[key]} if key in known else ())
    return frozenset(found)


@internal("the noun's own service carries the mark")
def of_pool(actor: Actor, pool: mirror.Pool) -> Users:
    """The guests with a disk in this pool, also while it is stopped: by its folder and its name.

    The first `SHOWN` by name, and how many more there are.
    """
    reach = judge.reach(actor, "guest.view")
    return pool_figures.until_changed(("guests", pool.ref, reach), lambda: _of_pool(reach, pool))


def _of_pool(reach: judge.Reach, pool: mirror.Pool) -> Users:
    record = pool.record
    inside = Q(place__startswith=f"{pool.name}/")
    if record["path"].startswith("/") and record["type"] in ("dir", "fs", "netfs", "logical"):
        inside |= Q(place__startswith=record["path"].rstrip("/") + "/")
    if record["type"] in _ALIASED:
        volumes = mirror.Volume.objects.filter(host=pool.host, pool=pool.uuid)
        inside |= Q(place__in=volumes.exclude(alias_place="").values("alias_place"))
    uses = mirror.DiskUse.objects.filter(inside, host=pool.host).values("guest")
    guests = mirror.Guest.objects.filter(Q(is_gone__in=[False]) | Q(is_binned=True), pk__in=uses)
    visible = guests if reach.everything else guests.filter(sight.where(reach))
    total = guests.count()
    fields = ("uuid", "name", "state", "is_binned")
    rows = visible.order_by("name_fold", "uuid").values_list(*fields)[:SHOWN]
    seen = tuple(
        User(refs.guest(pool.host, uuid), name, is_active=state in _ACTIVE, is_binned=is_binned)
        for uuid, name, state, is_binned in rows
    )
    known = total if reach.everything else visible.count() if total else 0
    return Users(seen, total - known, known - len(seen))


@internal("a condition for a query; reads nothing")
def is_used(pool_name: str) -> Q:
    """Of volumes of the pool of this name: some guest or image needs it."""
    uses = mirror.DiskUse.objects.filter(mirror.HOLDS, host=OuterRef("host"))
    above = mirror.Volume.objects.filter(
        host=OuterRef("host"), backing_place=OuterRef("place"), is_gone__in=[False]
    )
    by_name = Concat(Value(f"{pool_name}/"), OuterRef("name"))
    return (
        Q(Exists(uses.filter(place=OuterRef("place"))))
        | Q(Exists(uses.filter(place=by_name)))
        | (~Q(alias_place="") & Q(Exists(uses.filter(place=OuterRef("alias_place")))))
        | (~Q(place="") & Q(Exists(above)))
    )


@internal("a pure function")
def places(pool_name: str, volume: mirror.Volume) -> tuple[str, ...]:
    """Every name under which a guest or an image may know this volume."""
    named = mirror.place(f"{pool_name}/{volume.name}")
    return tuple(place for place in (volume.place, named, volume.alias_place) if place)


@internal("a condition of acts that would change a volume, or give it to another guest")
def refuse_kept(actor: Actor, pool: mirror.Pool, volume: mirror.Volume) -> None:
    """A disk of a template, or of a guest in the recycle bin, and the memory of a snapshot stay as
    they are. Raises Busy with the one that needs it, by name where this actor may see it."""
    uses = mirror.DiskUse.objects.filter(
        mirror.HOLDS,
        Q(device="disk", is_readonly=False) | Q(device=mirror.MEMORY),
        host=pool.host,
        place__in=places(pool.name, volume),
    )
    for uuid, name, is_binned, template, device in uses.values_list(
        "guest__uuid", "guest__name", "guest__is_binned", "guest__record__template", "device"
    ):
        is_kept = is_binned or template or device == mirror.MEMORY
        if is_kept and not judge.can_see(actor, refs.guest(pool.host, uuid)):
            raise Busy(users=_("a guest that you do not see"))
        if device == mirror.MEMORY:
            raise Busy(users=memory_of(name))
        if is_binned or template:
            raise Busy(users=in_bin(name) if is_binned else name)


@internal("words for a sentence")
def label(user: User) -> str:
    """What a user is called where it is named without a link."""
    if user.is_memory:
        return memory_of(in_bin(user.name) if user.is_binned else user.name)
    return in_bin(user.name) if user.is_binned else user.name


@internal("words for a sentence")
def in_bin(name: str) -> str:
    """What a guest in the recycle bin is called elsewhere."""
    return _("recycle bin: %(name)s") % {"name": name}


@internal("words for a sentence")
def memory_of(name: str) -> str:
    """What the kept memory of a guest is called."""
    return _("snapshot memory of %(name)s") % {"name": name}


@internal("the noun's own service carries the mark")
def chains(host: str, volumes: Sequence[mirror.Volume]) -> dict[str, tuple[str, ...]]:
    """Volume id to the paths that it builds on, the next first, through all pools of the host.

    A query for each storey, not for each volume. A path in no pool ends the chain.
    """
    found = {it.uuid: [it.backing_place] for it in volumes if it.backing_place}
    below: dict[str, str] = {}
    ends = {chain[-1] for chain in found.values()}
    for _storey in range(CHAIN_MAX):
        if not ends:
            break
        there = mirror.Volume.objects.filter(host=host, place__in=ends, is_gone__in=[False])
        below.update(there.exclude(backing_place="").values_list("place", "backing_place"))
        ends = set()
        for chain in found.values():
            further = below.get(chain[-1])
            if further and further not in chain:
                chain.append(further)
                ends.add(further)
    return {uuid: tuple(chain) for uuid, chain in found.items()}


def _guests(host: str, wanted: Iterable[str]) -> Iterator[tuple[str, User]]:
    uses = mirror.DiskUse.objects.filter(mirror.HOLDS, host=host, place__in=list(wanted)).order_by(
        "guest__name_fold", "target"
    )
    fields = ("place", "target", "format", "is_readonly", "device", "guest__uuid", "guest__name")
    for (
        place,
        target,
        reads_as,
        is_readonly,
        device,
        uuid,
        name,
        state,
        is_binned,
        template,
    ) in uses.values_list(*fields, "guest__state", "guest__is_binned", "guest__record__template"):
        is_memory = device == mirror.MEMORY
        yield (
            place,
            User(
                ref=refs.guest(host, uuid),
                name=name,
                how=target,
                is_active=state in _ACTIVE and not is_memory,
                is_readonly=is_readonly,
                reads_as=reads_as,
                is_binned=is_binned,
                is_memory=is_memory,
                is_template=bool(template),
            ),
        )


def _images(host: str, wanted: Iterable[str]) -> Iterator[tuple[str, User, Ref]]:
    above = mirror.Volume.objects.filter(
        host=host, backing_place__in=list(wanted), is_gone__in=[False]
    ).order_by("name_fold")
    for place, uuid, name, pool in above.values_list("backing_place", "uuid", "name", "pool"):
        ref = Ref(refs.Kind.VOLUME, host, uuid)
        yield place, User(ref=ref, name=name), refs.pool(host, pool)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
