"""Frozen file systems of guests: held, let go, and let go by themselves after a while.

A guest whose writes are held hangs by and by. So each freeze is written down before the guest is
asked, with the time when the clockwork thaws it, whether its page is open or not.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone

from kvmweb.core import plain, topics
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.agent import Frozen
from kvmweb.core.errors import AgentSilent, Busy, HostDown, NotFound, Problem, WrongState
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, present
from kvmweb.services.guard import guarded, internal
from kvmweb.store.models import GuestFreeze

log = logging.getLogger(__name__)

SWEEP_S = 10.0
AGAIN = timedelta(seconds=15)
GIVEN_UP = timedelta(days=1)
"""A guest that cannot be asked for so long is no longer the guest that was frozen."""
_UNSURE = (AgentSilent, Busy, HostDown)
"""What leaves open whether the guest did it."""


@guarded("guest.freeze")
def freeze(actor: Actor, ref: Ref) -> int:
    """Hold every write in the guest until it is thawed, at the latest after KVMWEB_FREEZE_S.

    Answers how many file systems. Raises: WrongState (frozen already), AgentSilent, HostDown.
    """
    present.reachable(ref)
    now = timezone.now()
    until = now + timedelta(seconds=settings.KVMWEB_FREEZE_S)
    row, is_first = GuestFreeze.objects.get_or_create(
        host=ref.host, uuid=ref.id,
        defaults={"person_name": plain.line(actor.name, 100), "since": now, "until": until},
    )  # fmt: skip
    if not is_first:
        raise WrongState("its file systems are frozen already", frozen="yes")
    audit.running().detail.update(until=until.isoformat(timespec="seconds"))
    try:
        count = int(client.call(ref.host, "agent.freeze", uuid=ref.id))
    except _UNSURE:
        raise  # it may be frozen all the same: the row stays, and the clockwork thaws it
    except BaseException:
        row.delete()
        raise
    finally:
        _tell(ref)
    if not count:
        row.delete()
    audit.running().detail.update(file_systems=count)
    return count


@guarded("guest.thaw")
def thaw(actor: Actor, ref: Ref) -> int:
    """Let the guest write again; answers how many file systems were frozen.

    Raises: AgentSilent, HostDown.
    """
    present.reachable(ref)
    try:
        count = int(client.call(ref.host, "agent.thaw", uuid=ref.id))
    finally:
        _tell(ref)
    GuestFreeze.objects.filter(host=ref.host, uuid=ref.id).delete()
    audit.running().detail.update(file_systems=count)
    return count


@internal("a part of what freezes a guest for a moment")
def expect(name: str, ref: Ref) -> None:
    """Its agent did not say that it thawed: the clockwork thaws it. name: of who asked."""
    now = timezone.now()
    GuestFreeze.objects.get_or_create(
        host=ref.host, uuid=ref.id,
        defaults={"person_name": plain.line(name, 100), "since": now, "until": now + AGAIN},
    )  # fmt: skip
    _tell(ref)


@internal("a part of the agent's card")
def of(ref: Ref) -> Frozen | None:
    """Whether the portal froze it."""
    row = GuestFreeze.objects.filter(host=ref.host, uuid=ref.id).first()
    return Frozen(row.since, row.until, row.person_name) if row else None


@internal("what the agent answers tells whether somebody else thawed it")
def is_thawed(ref: Ref, asked_at: float) -> None:
    """It answered what it would not answer while frozen. asked_at: older freezes are over."""
    GuestFreeze.objects.filter(
        host=ref.host, uuid=ref.id, since__lt=datetime.fromtimestamp(asked_at, UTC)
    ).delete()


@internal("a chore of the clockwork")
def sweep() -> None:
    """Thaw what was frozen for its time; what cannot be asked now is tried again."""
    now = timezone.now()
    for row in GuestFreeze.objects.filter(until__lte=now).order_by("until")[:50]:
        if not _is_active(row) or row.since < now - GIVEN_UP:
            row.delete()  # a guest that went off thawed with it
        else:
            _let_go(row)


def _let_go(row: GuestFreeze) -> None:
    try:
        count = int(client.call(row.host, "agent.thaw", deadline_s=SWEEP_S, uuid=row.uuid))
    except NotFound:
        count = 0
    except Problem as problem:
        log.warning("%s cannot be thawed yet: %s", row.ref, problem.code)
        GuestFreeze.objects.filter(pk=row.pk).update(until=timezone.now() + AGAIN)
        return
    if GuestFreeze.objects.filter(pk=row.pk).delete()[0]:
        audit.note(PORTAL, "guest.thaw", row.ref, file_systems=count, why="time limit")
    _tell(row.ref)


def _is_active(row: GuestFreeze) -> bool:
    state = mirror.Guest.objects.filter(host=row.host, uuid=row.uuid, is_gone__in=[False])
    found = state.values_list("state", flat=True).first()
    return found is not None and GuestState(found).is_active


def _tell(ref: Ref) -> None:
    publisher.publish(Notice(topics.agent(ref), str(ref)))
