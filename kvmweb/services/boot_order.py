"""What a guest boots from, in order."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, present
from kvmweb.services.guard import guarded


@guarded("guest.edit")
def edit(actor: Actor, ref: Ref, keys: Sequence[str], *, definition_hash: str = "") -> str:
    """Boot from these, in this order: `now`, `next` while it runs, or `same`.

    keys: as in `GuestRecord.boot`. Raises: Invalid (fields), Conflict, HostDown.
    """
    record = present.record(present.reachable(ref))
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
