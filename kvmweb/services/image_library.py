"""The library: what guests can be installed from, on every host, and which system each image holds.

A disc is read soon after it appears (`discs`); its name tells until then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from django.db.models import Q

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.image_lists import ImageRow
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.systems import Support
from kvmweb.core.volumes import is_disc
from kvmweb.inventory import models as mirror
from kvmweb.services import discs, image_locks, sight
from kvmweb.services.guard import sifted
from kvmweb.services.image_locks import FIT
from kvmweb.store.models import Host, Image

MOST = 500
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
    known = {(it.pool, it.name): it for it in Image.objects.filter(state__in=(discs.SEEN, FIT))}
    may = judge.reaches(actor, ("guest.create", "volume.attach"))
    unfit = {key: image_locks.unfit_on(key) for key in {key for key, _ in pools}}
    found = mirror.Volume.objects.filter(discs.ALL | _DISK, is_gone__in=[False])
    if host:
        found = found.filter(host=host)
    rows: list[ImageRow] = []
    found = found.filter(host__in=unfit).order_by("name_fold", "host", "uuid")
    for volume in found.iterator(chunk_size=MOST):
        if len(rows) == MOST:
            break
        place = (volume.host, volume.pool)
        if place not in pools or (volume.pool, volume.name) in unfit[volume.host]:
            continue
        pool = refs.pool(*place)
        row = _row(volume, pool, known.get((str(pool), volume.name)), today or date.today())
        on_host = may["guest.create"].covers(refs.host(volume.host))
        row = replace(
            row,
            pool_name=pools[place],
            host_name=hosts.get(volume.host, volume.host),
            may_create=on_host and may["volume.attach"].covers(pool),
        )
        if (row.is_disc or row.holding.system) and _holds(row, search):
            rows.append(row)
    return rows


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere: the page says so."""
    return judge.reach(actor, "pool.view").is_nowhere


def _row(volume: mirror.Volume, pool: Ref, image: Image | None, today: date) -> ImageRow:
    holding = discs.holding(volume, image)
    system = holding.system
    return ImageRow(
        ref=volume.ref,
        pool=pool,
        pool_name="",
        host_name="",
        name=volume.name,
        is_disc=is_disc(volume.format, volume.name),
        size=volume.capacity,
        holding=holding,
        support=system.support(today) if system else Support.UNKNOWN,
        may_create=False,
    )


def _holds(row: ImageRow, search: str) -> bool:
    holding = row.holding
    found = " ".join(it.name for it in (holding.system, *holding.others) if it)
    text = f"{row.name} {row.pool_name} {row.host_name} {found}".casefold()
    return all(word in text for word in search.casefold().split())
