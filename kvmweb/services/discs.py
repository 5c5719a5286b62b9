"""What ISO files hold: their first sectors are read in the background, one file after the other.

No page waits for it: until a file is read, its name tells what it may hold (ADR 0015). What is kept
are the ids of the disc; which system they mean is looked up each time, in the database of today.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from kvmweb.core import errors, refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.image_lists import Holding
from kvmweb.core.images import Disc
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import image_locks, images, systems
from kvmweb.services.guard import guarded, internal, open_to_all
from kvmweb.services.image_locks import FIT, REFUSED
from kvmweb.store.models import Image

log = logging.getLogger(__name__)

SEEN = "seen"
ALL = Q(format="iso") | Q(name_fold__endswith=".iso")
"""Volumes that may be discs."""
ROUND_S = 8.0
"""So long a round goes on; what is left comes in the next one."""
AGAIN_S = 300.0
"""What could not be read is tried again so much later."""
CUT_LEAST = 512 * 1024
"""So much less than the disc says may be padding that somebody left out."""
_NOT_NOW = (errors.HostDown, errors.Busy, errors.WrongState)
"""No word about the file itself."""
_failed: dict[tuple[str, str, str], float] = {}


@internal("the clockwork")
def read_new() -> None:
    """Read the discs that appeared, or changed, since they were read last."""
    began, silent, told = time.monotonic(), set[str](), set[Ref]()
    for pool, volume in _unread(began):
        if time.monotonic() - began > ROUND_S:
            break
        if pool.host in silent:
            continue
        try:
            _remember(pool, volume, images.glance(pool, volume.name).plain())
            told.add(pool)
        except errors.Problem as problem:
            log.info("%s in %s cannot be read: %s", volume.name, pool, problem.detail)
            _failed[str(pool), volume.name, _stamp(volume)] = time.monotonic()
            if isinstance(problem, _NOT_NOW):
                silent.add(pool.host)
            else:
                _remember(pool, volume, {})
                told.add(pool)
    for pool in told:  # once a round: each time draws whole lists anew
        images.tell(pool)


@guarded("volume.attach", is_audited=False)
def show(actor: Actor, ref: Ref, name: str) -> Holding:
    """What this volume of this pool holds, without asking its host. Raises NotFound."""
    uuid = refs.volume_id(ref.id, name)
    volume = mirror.Volume.objects.filter(host=ref.host, uuid=uuid, is_gone__in=[False]).first()
    if volume is None:
        raise errors.NotFound(name=name)
    image = Image.objects.filter(pool=str(ref), name=name, state__in=(SEEN, FIT)).first()
    return holding(volume, image)


@open_to_all("when anything was read last, not what")
def standing() -> str:
    """Another one when more is known about some image."""
    return str(Image.objects.aggregate(Max("looked_at"))["looked_at__max"])


@internal("lists of images")
def holding(volume: mirror.Volume, image: Image | None) -> Holding:
    """What is known of this volume; image: what was found in it, of whatever time."""
    guessed = systems.guess(volume.name)
    by_name = Holding(system=guessed.system if guessed else None)
    if image is None or image.seen != _stamp(volume):
        return by_name
    plain = image.facts.get("disc")
    known = replace(by_name, is_read=True, is_readable=bool(image.facts))
    if not plain:
        return known
    disc = wire.from_plain(Disc, plain)
    is_cut = disc.size > volume.capacity + CUT_LEAST
    detected = systems.detect(disc)
    if detected is None:
        return replace(known, disc=disc, is_cut=is_cut)
    named = by_name.system
    is_other = named and detected.system.id != named.id and named not in detected.others
    return replace(
        known,
        system=detected.system,
        is_sure=True,
        others=detected.others,
        named=named if is_other else None,
        disc=disc,
        is_cut=is_cut,
    )


def _unread(now: float) -> list[tuple[Ref, mirror.Volume]]:
    """Those of hosts that answer, and may be read."""
    known = dict[tuple[str, str], str]()
    for place, name, seen in Image.objects.exclude(facts={}).values_list("pool", "name", "seen"):
        known[place, name] = seen
    up = set(mirror.HostMirror.objects.filter(state="up").values_list("host", flat=True))
    unfit = {host: image_locks.unfit_on(host) for host in up}
    found = mirror.Volume.objects.filter(ALL, is_gone__in=[False], host__in=up).order_by("pk")
    unread = []
    for volume in found:
        pool, stamp = refs.pool(volume.host, volume.pool), _stamp(volume)
        failed = _failed.get((str(pool), volume.name, stamp), float("-inf"))
        is_read = known.get((str(pool), volume.name)) == stamp
        is_fit = (volume.pool, volume.name) not in unfit[volume.host]
        if is_fit and not is_read and now - failed >= AGAIN_S:
            unread.append((pool, volume))
    return unread


def _stamp(volume: mirror.Volume) -> str:
    return images.stamp(volume.capacity, volume.record.get("modified_at", ""))


def _remember(pool: Ref, volume: mirror.Volume, facts: dict[str, Any]) -> None:
    """What was found, and that it was looked at as it is now. Empty: nobody can read it.

    What was let in as this format stays let in, and what was refused meanwhile stays refused.
    """
    kind = facts.get("format", "")
    found = {
        "seen": _stamp(volume),
        "format": kind,
        "system": facts.get("system", ""),
        "facts": facts,
    }
    with transaction.atomic():
        image, is_new = Image.objects.select_for_update().get_or_create(
            pool=str(pool), name=volume.name, defaults={"state": SEEN, **found}
        )
        if is_new or image.state == REFUSED:
            return
        if image.state != FIT or image.format != kind:
            image.state = SEEN
        for name, value in found.items():
            setattr(image, name, value)
        image.save()
