"""What every change of rights shares: the epoch, the notice, and that somebody can still rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid
from kvmweb.core.topics import PEOPLE, Notice
from kvmweb.hub import publisher
from kvmweb.services.marks import internal, open_to_all
from kvmweb.store.models import RightsEpoch


@open_to_all("whether there is anything at all is said to everybody about themselves")
def any_held(actor: Actor) -> bool:
    """False: the person is shown how to ask for rights instead of empty lists."""
    return judge.holds_anything(actor)


@open_to_all("says to a person what that same person may do; nothing of others")
def held(actor: Actor, verb: str) -> bool:
    """Whether a verb on the portal itself may be used: which links a page shows."""
    return judge.can(actor, verb)


@open_to_all("says to a person what that same person may do; nothing of others")
def require(actor: Actor, verb: str) -> None:
    """Before a form is shown: whoever may not send it shall not fill it in. Raises Denied."""
    if not judge.can(actor, verb):
        raise Denied(verb=verb)


@open_to_all("says when to look, not at what")
@contextmanager
def one_look() -> Iterator[None]:
    """For one page or one push that only reads: everything in it is judged as of one moment."""
    with judge.one_look():
        yield


@internal("wraps every change of people, teams, roles, grants and sessions")
@contextmanager
def changing() -> Iterator[None]:
    """One transaction; all processes look again within a second of its end.

    Advancing first holds the row, so that two changes which would each leave the other's last
    administrator wait for one another. Raises Invalid when the last administrator would go.
    """
    with transaction.atomic():
        RightsEpoch.advance()
        had = bool(judge.administrators(lasting=True))
        yield
        if had and not judge.administrators(lasting=True):
            raise Invalid(
                "last administrator",
                fields={"": _("This would leave nobody who can administer the portal.")},
            )
    publisher.publish(Notice(PEOPLE, "people"))


@internal("who rules a person gains what that person holds")
def require_rule(actor: Actor, person_id: int) -> None:
    """Raises Denied when the person holds more than the actor."""
    if not judge.can_rule(actor, person_id):
        raise Denied("this person holds rights that you do not hold", verb="people.change")
