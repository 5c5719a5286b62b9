"""The media of a guest's drives: insert a volume that the person may use, or eject.

The right over the guest's disks is needed; for a medium also that of its pool. Whatever a medium
looks like, the guest reads it as raw, so that it names no other file of the host.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.media import Medium
from kvmweb.core.records import VolumeRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, image_locks, present
from kvmweb.services.guard import guarded, internal, sifted

ENDINGS = (".iso", ".img")
MOST = 1000


@sifted("volume.attach")
def media(actor: Actor, host: str) -> dict[str, list[Medium]]:
    """The discs of this host that this actor may use, by the name of their pool."""
    reach = judge.reach(actor, "volume.attach")
    rows = mirror.Pool.objects.filter(host=host, is_gone__in=[False]).order_by("name_fold")
    pools = {row.uuid: row.name for row in rows if reach.covers(row.ref)}
    unfit = image_locks.unfit_on(host)
    found: defaultdict[str, list[Medium]] = defaultdict(list)
    volumes = mirror.Volume.objects.filter(host=host, pool__in=list(pools), is_gone__in=[False])
    for row in volumes.order_by("name_fold")[:MOST]:
        if is_disc(row.format, row.name) and (row.pool, row.name) not in unfit:
            name = pools[row.pool]
            found[name].append(Medium(row.uuid, row.name, row.pool, name, row.capacity))
    return dict(found)


@internal("a pure function")
def is_disc(image_format: str, name: str) -> bool:
    """By its format, or by its name where it could be anything."""
    is_raw = image_format in ("", "raw", "none", "unknown")
    return image_format == "iso" or (is_raw and name.lower().endswith(ENDINGS))


@guarded("guest.disks")
def insert(
    actor: Actor,
    ref: Ref,
    target: str,
    *,
    volume: str,
    force: bool = False,
    definition_hash: str = "",
) -> str:
    """Put this medium into the drive, now and for the next start; answers its name.

    volume: an id of `media`. Raises: NotFound, Invalid (fields), Conflict, Busy with `tray` while
    the guest locks it, HostDown.
    """
    present.reachable(ref)
    row = mirror.Volume.objects.filter(host=ref.host, uuid=volume, is_gone__in=[False]).first()
    pool = refs.pool(ref.host, row.pool) if row else None
    if row is None or pool is None or not judge.can(actor, "volume.attach", pool):
        raise Invalid(fields={"volume": _("Choose a medium of a pool that you may use.")})
    image_locks.require_fit(pool, row.name)
    record = wire.from_plain(VolumeRecord, row.record)
    if not is_disc(record.format, record.name):
        raise Invalid(fields={"volume": _("This is no CD-ROM image.")})
    audit.running().detail.update(drive=target, medium=record.name, pool=str(pool))
    _change(ref, target, force, definition_hash, pool=record.pool, volume=record.name)
    return record.name


@guarded("guest.disks")
def eject(
    actor: Actor, ref: Ref, target: str, *, force: bool = False, definition_hash: str = ""
) -> None:
    """Empty the drive, now and for the next start. Raises as `insert`."""
    present.reachable(ref)
    audit.running().detail.update(drive=target, force=force)
    _change(ref, target, force, definition_hash)


def _change(ref: Ref, target: str, force: bool, definition_hash: str, **medium: Any) -> None:
    client.call(
        ref.host,
        "guest.media",
        uuid=ref.id,
        target=target,
        force=force,
        definition_hash=definition_hash,
        **medium,
    )
