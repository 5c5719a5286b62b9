"""The library: what guests can be installed from, on every host, and which system each image holds.

An image's header is read once, soon after the image appears; its name tells until then.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date

from django.db.models import Q

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Problem
from kvmweb.core.image_lists import ImageRow
from kvmweb.core.images import Format
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.systems import Support
from kvmweb.inventory import models as mirror
from kvmweb.services import image_locks, images, sight, systems
from kvmweb.services.guard import internal, sifted
from kvmweb.store.models import Host, Image

log = logging.getLogger(__name__)

MOST = 500
READ_AT_ONCE = 5
SEEN = "seen"
_DISC = Q(format="iso") | Q(name_fold__endswith=".iso")
_DISK = Q(format__in=("qcow2", "raw", "vmdk", "vhdx", "vdi"))


@sifted("pool.view")
def list_(
    actor: Actor, *, search: str = "", host: str = "", today: date | None = None
) -> list[ImageRow]:
    """Every ISO, and every disk image whose name or header tells a system, by name. At most MOST.

    What is still coming in, or was refused, is left out. search: within name, system and pool.
    """
    pools = {
        (pool.host, pool.uuid): pool.name
        for pool in mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL))
    }
    hosts = dict(Host.objects.values_list("key", "name"))
    known = {(it.pool, it.name): it for it in Image.objects.filter(state__in=(SEEN, "fit"))}
    unfit = {key: image_locks.unfit_on(key) for key in {key for key, _ in pools}}
    found = mirror.Volume.objects.filter(_DISC | _DISK, is_gone__in=[False])
    if host:
        found = found.filter(host=host)
    rows = []
    for volume in found.filter(host__in=unfit).order_by("name_fold", "host", "uuid"):
        place = (volume.host, volume.pool)
        if place not in pools or (volume.pool, volume.name) in unfit[volume.host]:
            continue
        pool = refs.pool(*place)
        row = _row(volume, pool, known.get((str(pool), volume.name)), today or date.today())
        row = replace(row, pool_name=pools[place], host_name=hosts.get(volume.host, volume.host))
        if (row.is_disc or row.system) and _holds(row, search):
            rows.append(row)
    return rows[:MOST]


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere: the page says so."""
    return judge.reach(actor, "pool.view").is_nowhere


@internal("the clockwork")
def read_new() -> None:
    """Read the headers of ISO files that appeared, or changed, since they were read last."""
    known = {(it.pool, it.name): it.seen.partition(":")[0] for it in Image.objects.all()}
    unread = [
        (refs.pool(it.host, it.pool), it)
        for it in mirror.Volume.objects.filter(_DISC, is_gone__in=[False])
        if known.get((str(refs.pool(it.host, it.pool)), it.name)) != str(it.capacity)
    ]
    up = set(mirror.HostMirror.objects.filter(state="up").values_list("host", flat=True))
    for pool, volume in [pair for pair in unread if pair[0].host in up][:READ_AT_ONCE]:
        try:
            if volume.name not in image_locks.unfit(pool):
                _read(pool, volume)
        except Problem as problem:
            log.info("%s in %s cannot be read: %s", volume.name, pool, problem.detail)
            _remember(pool, volume)


def _read(pool: Ref, volume: mirror.Volume) -> None:
    sizes = images.measure(pool, volume.name)
    found = images.examine(pool, volume.name, sizes.size, Format.AUTO)
    images.keep(pool, volume.name, found, SEEN)
    _remember(pool, volume)


def _remember(pool: Ref, volume: mirror.Volume) -> None:
    """That it was looked at as it is now, whatever came of it."""
    seen = {"seen": f"{volume.capacity}:"}
    Image.objects.update_or_create(
        pool=str(pool), name=volume.name, defaults=seen, create_defaults={**seen, "state": SEEN}
    )
    images.tell(pool)


def _row(volume: mirror.Volume, pool: Ref, image: Image | None, today: date) -> ImageRow:
    system = systems.get(image.system) if image and image.system else None
    is_sure = bool(system and image and image.facts.get("disc"))
    if system is None:
        guessed = systems.guess(volume.name)
        system = guessed.system if guessed else None
    is_disc = volume.format == "iso" or volume.name_fold.endswith(".iso")
    return ImageRow(
        ref=volume.ref,
        pool=pool,
        pool_name="",
        host_name="",
        name=volume.name,
        is_disc=is_disc,
        size=volume.capacity,
        system=system,
        support=system.support(today) if system else Support.UNKNOWN,
        is_sure=is_sure,
    )


def _holds(row: ImageRow, search: str) -> bool:
    system = row.system.name if row.system else ""
    text = f"{row.name} {row.pool_name} {row.host_name} {system}".casefold()
    return all(word in text for word in search.casefold().split())
