"""Maintenance of a host: it stays connected and is looked after, but no guest starts or is made.

Whatever would bring a guest to a host asks `require_open` first; whatever offers that shows
`Obstacle.MAINTENANCE` where `resting` names the host.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.core import plain, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, Maintenance, NotFound
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.inventory.models import Revision
from kvmweb.services import audit
from kvmweb.services.guard import guarded, internal
from kvmweb.store.models import Host

REASON_MAX = 200


@guarded("host.maintain")
def enter(actor: Actor, ref: Ref, *, reason: str = "") -> None:
    """From now on no guest starts there. Those that run, run on. Raises Invalid, NotFound."""
    reason = " ".join(reason.split())
    audit.tell(act="maintenance-on", reason=plain.line(reason))
    if len(reason) > REASON_MAX:
        raise Invalid(fields={"reason": _("At most %(n)d characters.") % {"n": REASON_MAX}})
    _change(ref, rests_since=timezone.now(), rests_because=reason, rests_by=actor.name[:100])


@guarded("host.maintain")
def leave(actor: Actor, ref: Ref) -> None:
    """Guests may start there again. Raises NotFound."""
    audit.tell(act="maintenance-off")
    _change(ref, rests_since=None, rests_because="", rests_by="")


@internal("a condition of other services")
def resting() -> frozenset[str]:
    """Keys of the hosts that are in maintenance."""
    return frozenset(Host.objects.filter(rests_since__isnull=False).values_list("key", flat=True))


@internal("a condition of other services")
def require_open(host: str) -> None:
    """Before a guest starts, or comes to be, on this host. Raises Maintenance."""
    found = Host.objects.filter(key=host, rests_since__isnull=False).first()
    if found:
        raise Maintenance(host=found.name, reason=found.rests_because)


def _change(ref: Ref, **fields: object) -> None:
    """Pages that were rendered before it must not be taken for current: hence the revision."""
    with transaction.atomic():
        if not Host.objects.filter(key=ref.host).update(**fields):
            raise NotFound(ref=str(ref))
        rev = Revision.advance()
    publisher.publish(
        Notice(topics.HOSTS, str(ref), rev),
        Notice(topics.of(ref), str(ref), rev),
        Notice(topics.GUESTS, "", rev),
    )
