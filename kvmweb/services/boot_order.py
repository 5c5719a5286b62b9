"""What a guest boots from, in order."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, media
from kvmweb.services.guard import guarded


@guarded("guest.edit")
def edit(actor: Actor, ref: Ref, keys: Sequence[str], *, definition_hash: str = "") -> str:
    """Boot from these, in this order: `now`, `next` while it runs, or `same`.

    keys: as in `GuestRecord.boot`. Raises: Invalid (fields), Conflict, HostDown.
    """
    media.require_up(ref)
    row = mirror.Guest.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if row is None:
        raise NotFound(ref=str(ref))
    record = wire.from_plain(GuestRecord, {**row.record, "xml": ""})
    known = {f"disk:{disk.target}" for disk in record.next_disks}
    known |= {f"network:{card.mac}" for card in record.next_interfaces}
    if not keys:
        raise Invalid(fields={"": _("Choose at least one device to boot from.")})
    if len(set(keys)) != len(keys) or not known.issuperset(keys):
        raise Invalid(fields={"": _("One of these devices is not there any more.")})
    audit.running().detail.update(before=list(record.boot), after=list(keys))
    return str(
        client.call(
            ref.host, "guest.boot_order", uuid=ref.id, keys=list(keys),
            definition_hash=definition_hash,
        )
    )  # fmt: skip
