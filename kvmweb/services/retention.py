"""For how long the recycle bin keeps guests: set in the portal, else in the environment."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.services import audit
from kvmweb.services.guard import guarded_portal, internal, open_to_all
from kvmweb.store.models import Setting

NAME = "bin-days"
DAYS_MAX = 3650


@open_to_all("everybody who deletes a guest is told")
def days() -> int:
    """At least one."""
    found = Setting.objects.filter(name=NAME).values_list("value", flat=True).first()
    wanted = found if isinstance(found, int) else int(settings.KVMWEB_BIN_DAYS)
    return max(1, min(wanted, DAYS_MAX))


@internal("the bin and its clockwork")
def span() -> timedelta:
    """As `days`."""
    return timedelta(days=days())


@open_to_all("says only what this actor may do")
def may_change(actor: Actor) -> bool:
    """Whether this actor may set it."""
    return judge.can(actor, "settings.change")


@guarded_portal("settings.change")
def set_days(actor: Actor, wanted: int) -> None:
    """Also for what is in the bin already. Raises Invalid (fields)."""
    if not 1 <= wanted <= DAYS_MAX:
        raise Invalid(fields={"days": _("1 to %(n)d.") % {"n": DAYS_MAX}})
    before = days()
    Setting.objects.update_or_create(name=NAME, defaults={"value": wanted})
    audit.tell("bin", "", act="bin-days", before=before, after=wanted)
    publisher.publish(Notice(topics.GUESTS, ""))
