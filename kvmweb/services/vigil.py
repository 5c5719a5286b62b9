"""What every process asks once a second for all the pages and consoles that are open in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.services.guard import open_to_all
from kvmweb.store.models import Grant, RightsEpoch, Session


@dataclass(frozen=True, slots=True)
class Seen:
    """at: when it was looked. epoch: of all rights. has_turned: a grant began or ended by time.

    ended: those whose session stands no more.
    """

    at: dt.datetime
    epoch: int
    has_turned: bool
    ended: frozenset[Actor]

    def is_news_after(self, before: Seen | None) -> bool:
        """Whether anybody may do more or less than when it was looked before; at first: yes."""
        return before is None or self.has_turned or self.epoch != before.epoch


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody may do at an open console now."""

    may_watch: bool
    may_drive: bool


@open_to_all("the portal's own clockwork: it only ever ends or narrows what is open")
def look(actors: Collection[Actor], since: dt.datetime | None) -> Seen:
    """Two queries, three when somebody has grants with an end; the same for any number of pages."""
    now = timezone.now()
    keys = {actor.session for actor in actors}
    living = set(
        Session.objects.living().filter(key_hash__in=keys).values_list("key_hash", "person_id")
    )
    has_turned = False
    if since is not None:
        between = {"gt": since, "lte": now}
        has_turned = Grant.objects.filter(
            Q(**{f"starts_at__{how}": at for how, at in between.items()})
            | Q(**{f"ends_at__{how}": at for how, at in between.items()})
        ).exists()
    ended = {actor for actor in actors if (actor.session, actor.person_id) not in living}
    return Seen(now, RightsEpoch.current(), has_turned, frozenset(ended))


@open_to_all("the portal's own clockwork: it only ever ends or narrows what is open")
def standings(pairs: Iterable[tuple[Actor, Ref]]) -> dict[tuple[Actor, Ref], Standing]:
    """How each of these people stands to the consoles of this guest now."""
    with judge.one_look():
        return {
            (actor, ref): Standing(
                judge.can(actor, "console.watch", ref), judge.can(actor, "console.drive", ref)
            )
            for actor, ref in set(pairs)
        }
