"""Linked clones: a guest whose disk others build on must not run, or theirs are destroyed."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.marks import internal

NAMED = 5


@internal("a condition of the service that starts guests")
def require_apart(actor: Actor, ref: Ref) -> None:
    """Before a guest starts: no other guest's disk builds on one that it writes to.

    One query. Raises Invalid with those guests, by name where the actor sees them.
    """
    own = mirror.DiskUse.objects.filter(
        host=ref.host, guest__uuid=ref.id, guest__is_gone__in=[False], is_readonly=False,
        device="disk",
    )  # fmt: skip
    above = mirror.Volume.objects.filter(
        host=ref.host, backing_place__in=own.values("place"), is_gone__in=[False]
    ).exclude(place="")
    found = (
        mirror.DiskUse.objects.filter(mirror.HOLDS, host=ref.host, place__in=above.values("place"))
        .exclude(guest__uuid=ref.id)
        .order_by("guest__name_fold")
    )
    rows = list(found.values_list("guest__uuid", "guest__name")[:NAMED])
    if not rows:
        return
    reach = judge.reach(actor, "guest.view")
    names = [
        name if reach.covers(refs.guest(ref.host, uuid)) else _("a guest that you do not see")
        for uuid, name in rows
    ]
    said = _(
        "%(guests)s: its disk builds on a disk of this guest, and would be destroyed if this one"
        " ran. Delete the linked clone first."
    )
    raise Invalid(fields={"": said % {"guests": ", ".join(dict.fromkeys(names))}})
