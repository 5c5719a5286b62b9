"""One's own sessions: where one is signed in, and for how long still."""

from __future__ import annotations

import datetime as dt
import logging
import math
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.services import audit, rights, throttle
from kvmweb.services.marks import internal, open_to_all
from kvmweb.store.models import Person, Session

log = logging.getLogger(__name__)

CONFIRMED_S = 300
_OWN = "one's own sessions"
_touched: dict[str, float] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One sign-in of the reader's own."""

    id: int
    address: str
    agent: str
    opened_at: dt.datetime
    active_at: dt.datetime
    is_this: bool


@open_to_all(_OWN)
def touch(actor: Actor) -> None:
    """The person did something: a request, a key in a console. Cheap enough for every key."""
    if actor.is_portal or not actor.session:
        return
    now, pause = time.time(), min(20.0, settings.KVMWEB_IDLE_S / 10)
    with _lock:
        if abs(now - _touched.get(actor.session, 0.0)) < pause:
            return
        if len(_touched) > 10_000:
            _touched.clear()
        _touched[actor.session] = now
    try:
        Session.objects.filter(key_hash=actor.session).update(active_at=timezone.now())
    except OperationalError:
        log.warning("activity could not be written; the next request tries again")
        _touched.pop(actor.session, None)


@open_to_all(_OWN)
def seconds_left(actor: Actor) -> int:
    """Until this session ends by itself."""
    row = Session.objects.filter(key_hash=actor.session).first()
    if row is None:
        return 0
    ends = min(
        row.active_at + dt.timedelta(seconds=settings.KVMWEB_IDLE_S),
        row.opened_at + dt.timedelta(seconds=settings.KVMWEB_ABSOLUTE_S),
    )
    return max(0, math.ceil((ends - timezone.now()).total_seconds()))


@open_to_all(_OWN)
def mine(actor: Actor) -> list[SessionRow]:
    """Where the actor is signed in, this session first."""
    rows = [
        SessionRow(
            row.pk, row.address, row.agent, row.opened_at, row.active_at,
            row.key_hash == actor.session,
        )
        for row in Session.objects.living().filter(person_id=actor.person_id)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: not row.is_this)


@open_to_all(_OWN)
def end(actor: Actor, session_id: int) -> None:
    """Sign out there. Raises NotFound, also for somebody else's."""
    row = Session.objects.filter(pk=session_id, person_id=actor.person_id).first()
    if row is None:
        raise NotFound(ref=f"session:{session_id}")
    with audit.act(actor, "me.end-session", of=row.address), rights.changing():
        row.delete()


@open_to_all(_OWN)
def end_others(actor: Actor) -> None:
    """Sign out everywhere but here."""
    with audit.act(actor, "me.end-session", of="others"), rights.changing():
        Session.objects.filter(person_id=actor.person_id).exclude(key_hash=actor.session).delete()


@open_to_all(_OWN)
def end_this(actor: Actor) -> None:
    """Sign out: pages and consoles of this session close."""
    with audit.act(actor, "sign-out"), rights.changing():
        Session.objects.filter(key_hash=actor.session, person_id=actor.person_id).delete()


@open_to_all(_OWN)
def confirm(actor: Actor, password: str) -> None:
    """Give the password again before something grave. Raises Invalid, Busy."""
    person = Person.objects.get(pk=actor.person_id)
    throttle.admit(person.username, actor.address)
    if not person.check_password(password):
        audit.note(actor, "me.confirm", outcome="denied")
        raise Invalid(fields={"password": _("This is not your password.")})
    throttle.forget(person.username, actor.address)
    Session.objects.filter(key_hash=actor.session).update(confirmed_at=timezone.now())


@open_to_all(_OWN)
def is_confirmed(actor: Actor) -> bool:
    """Whether the password was given within the last minutes."""
    since = timezone.now() - dt.timedelta(seconds=CONFIRMED_S)
    return Session.objects.filter(key_hash=actor.session, confirmed_at__gt=since).exists()


@internal("housekeeping of sign-in")
def sweep() -> None:
    """Drop what no longer signs anybody in."""
    Session.objects.exclude(pk__in=Session.objects.living()).delete()
