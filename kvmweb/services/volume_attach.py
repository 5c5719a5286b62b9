"""Attach a volume to a guest of the same host: the pool's right and the guest's are both needed."""

from __future__ import annotations

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.disk_edits import Attached
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    image_locks,
    limits,
    present,
    sight,
    templates,
    volume_reach,
    volume_users,
    volumes,
)
from kvmweb.services.guard import guarded, sifted

BUSES = ("virtio", "scsi", "sata")
MOST = 500


@sifted("guest.disks")
def guests(actor: Actor, host: str) -> list[tuple[Ref, str, bool]]:
    """The guests of this host that this actor may give disks: ref, name, whether it runs."""
    reach = judge.reach(actor, "guest.disks")
    found = mirror.Guest.objects.filter(sight.where(reach), host=host, is_gone__in=[False])
    rows = found.order_by("name_fold").values_list("uuid", "name", "state")[:MOST]
    return [(refs.guest(host, uuid), name, state == "running") for uuid, name, state in rows]


@guarded("volume.attach")
def attach(
    actor: Actor,
    ref: Ref,
    volume: str,
    *,
    guest: Ref,
    bus: str = "virtio",
    device: str = "disk",
    is_readonly: bool = False,
) -> Attached:
    """ref: of the pool. Now where the guest has a free slot, and at its next start.

    Raises: NotFound, Denied for a guest that the actor may not change, or with limited disks, Busy
    with the users, or while the image is still coming in, Conflict, Invalid for one that reads what
    the actor may not use.
    Source: virDomainAttachDeviceFlags, live and config.
    """
    row = volumes.show(actor, ref, volume)
    image_locks.require_fit(ref, row.record.name)
    if guest.host != ref.host or not judge.can_see(actor, guest):
        raise NotFound(ref=str(guest))
    if not judge.can(actor, "guest.disks", guest):
        raise Denied(verb="guest.disks", ref=str(guest))
    templates.require_none(guest)
    if bus not in BUSES or device not in ("disk", "cdrom"):
        raise Invalid("no such bus or device")
    record = present.record(present.guest(guest))
    is_free = limits.judged_beside(actor, guest, is_limited=record.has_limited_disks)
    held = volumes.volume_row(ref, volume)
    volume_users.refuse_kept(actor, volumes.pool_row(ref), held)
    volume_reach.require(actor, ref, held, "volume.attach")
    audit.running().detail.update(volume=row.record.name, guest=str(guest))
    found = client.call(
        ref.host, "guest.attach_disk", uuid=guest.id, pool=ref.id, volume=row.record.name,
        bus="sata" if device == "cdrom" else bus, device=device, is_readonly=is_readonly,
        is_raw=row.forged, beside_limited=is_free,
    )  # fmt: skip
    return Attached(found["target"], found["when"])
