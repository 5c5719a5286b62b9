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
from kvmweb.core.volumes import is_disc, is_seed
from kvmweb.inventory import models as mirror
from kvmweb.services import discs, image_locks, sight, volume_users
from kvmweb.services.guard import sifted
from kvmweb.services.image_locks import FIT
from kvmweb.store.models import Host, Image

MOST = 500
_SEED_ID = "cidata"
"""How a disc of answers for cloud-init is called."""
_DISK = Q(format__in=("qcow2", "raw", "vmdk", "vhdx", "vdi"))


@sifted("pool.view")
def list_(
    actor: Actor, *, search: str = "", host: str = "", today: date | None = None
) -> list[ImageRow]:
    """Every ISO, and every disk image that a guest can begin with, by name. At most MOST.

    Such an image was uploaded, or fetched, or its name tells a system; no guest has it as its disk.
    What is still coming in, or was refused, is left out, and answers for cloud-init are. search:
    within name, system and pool.
    """
    pools = _pools(actor)
    hosts = dict(Host.objects.values_list("key", "name"))
    known = {(it.pool, it.name): it for it in Image.objects.filter(state__in=(discs.SEEN, FIT))}
    may = judge.reaches(actor, ("guest.create", "volume.attach"))
    unfit = {key: image_locks.unfit_on(key) for key in {key for key, _ in pools}}
    found = mirror.Volume.objects.filter(discs.ALL | _DISK, is_gone__in=[False])
    if host:
        found = found.filter(host=host)
    rows: list[tuple[ImageRow, mirror.Volume]] = []
    found = found.filter(host__in=unfit).order_by("name_fold", "host", "uuid")
    for volume in found.iterator(chunk_size=MOST):
        if len(rows) == MOST:
            break
        place = (volume.host, volume.pool)
        if place not in pools or (volume.pool, volume.name) in unfit[volume.host]:
            continue
        pool = refs.pool(*place)
        image = known.get((str(pool), volume.name))
        row = _row(volume, pool, image, today or date.today())
        on_host = may["guest.create"].covers(refs.host(volume.host))
        row = replace(
            row,
            pool_name=pools[place],
            host_name=hosts.get(volume.host, volume.host),
            may_create=on_host and may["volume.attach"].covers(pool),
        )
        if _is_beginning(row, image) and _holds(row, search):
            rows.append((row, volume))
    return _unheld(rows)


@sifted("pool.view")
def is_blind(actor: Actor) -> bool:
    """The actor sees no pool anywhere: the page says so."""
    return judge.reach(actor, "pool.view").is_nowhere


def _pools(actor: Actor) -> dict[tuple[str, str], str]:
    """Names of the pools that this actor sees, by host and UUID."""
    found = mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL))
    return {(pool.host, pool.uuid): pool.name for pool in found}


def _is_beginning(row: ImageRow, image: Image | None) -> bool:
    """A guest may be installed or made from it, as far as its name and header tell."""
    if not row.is_disc:
        return bool(row.holding.system) or (image is not None and image.state == FIT)
    disc = row.holding.disc
    if disc is not None:
        return disc.is_bootable or disc.volume_id.casefold() != _SEED_ID
    return not is_seed(row.name)


def _unheld(rows: list[tuple[ImageRow, mirror.Volume]]) -> list[ImageRow]:
    """Without the disks of guests: what is in them is theirs."""
    held = volume_users.held((row.pool_name, volume) for row, volume in rows if not row.is_disc)
    return [row for row, _volume in rows if row.is_disc or row.ref not in held]


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
