"""What a volume's content is made of: who may read it, and whether it is what it says.

An image names what it builds on in its own header. Whoever copies it, or gives it to a guest,
reads all of that: so all of it must lie where that person may do the same.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import volume_users
from kvmweb.services.marks import internal


@internal("a part of acts that read a volume's content")
def require(actor: Actor, ref: Ref, row: mirror.Volume, verb: str) -> None:
    """ref: of its pool. The verb is needed on the pool of every image below it, too.

    What lies in no pool is for who may let images name other files (volume.trust).
    Raises: Invalid.
    """
    if not _is_within(row, judge.reach(actor, verb)) and not judge.can(actor, "volume.trust", ref):
        raise _wrong(_("This image reads another file of the host that you may not use."))


@internal("a part of acts that read a volume's content")
def require_honest(*, forged: bool) -> None:
    """Raises Invalid for what a guest may have written into its raw disk: libvirt would read it as
    an image, and with it any file of the host that it names.
    """
    if forged:
        raise _wrong(_("This volume looks like another format than it was made as."))


def _is_within(row: mirror.Volume, reach: judge.Reach) -> bool:
    chain = volume_users.chains(row.host, [row]).get(row.uuid, ())
    found = mirror.Volume.objects.filter(host=row.host, place__in=chain, is_gone__in=[False])
    below = list(found)
    held = {it.place for it in below if reach.covers(refs.pool(row.host, it.pool))}
    is_known = all(it.backing_place or not it.record["backing"] for it in (row, *below))
    return is_known and held.issuperset(chain) and len(chain) <= volume_users.CHAIN_MAX


def _wrong(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"": sentence})
