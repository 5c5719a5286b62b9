"""The door: password, second factor, set-up link, reset link."""

from __future__ import annotations

import datetime as dt
import time
from importlib import import_module
from typing import TypedDict

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import tokens
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.services import audit, factors, people, sessions, throttle
from kvmweb.services.marks import open_to_all
from kvmweb.store.models import Person, ResetLink, SetupLink

_NO_ACTOR = "who signs in has no actor yet"
_HALF_S = 300


class Half(TypedDict):
    """Who has given the password and owes a code; kept in a session that signs nobody in."""

    person: int
    at: float
    proof: str


@open_to_all(_NO_ACTOR)
def check(username: str, password: str, address: str) -> Person:
    """Who gave the right name and password. Raises Denied, the same whatever was wrong; Busy."""
    name = Person.normalize_username(username.strip())
    throttle.admit(name, address)
    person = authenticate(username=name, password=password[: people.PASSWORD_MAX + 1])
    if not isinstance(person, Person):
        _refused(name, address, Denied.code)
        raise Denied("name or password wrong", verb="sign-in")
    throttle.forget(name, address)
    return person


@open_to_all(_NO_ACTOR)
def half_of(person: Person) -> Half | None:
    """What to remember while a code is owed; None when no second factor is on."""
    if not factors.is_on(person):
        return None
    return Half(person=person.pk, at=time.time(), proof=person.get_session_auth_hash())


@open_to_all(_NO_ACTOR)
def is_half_valid(half: Half | None) -> bool:
    """Whether the password was given just now and is still the same."""
    return half is not None and _half_person(half) is not None


@open_to_all(_NO_ACTOR)
def check_code(half: Half, code: str, address: str) -> Person:
    """The second step. Raises NotFound (start again), Denied, Busy."""
    person = _half_person(half)
    if person is None:
        raise NotFound("sign-in took too long")
    throttle.admit(f"factor:{person.pk}", address)
    if not factors.check(person, code):
        _refused(person.username, address, Denied.code, step="code")
        raise Denied("code wrong", verb="sign-in")
    throttle.forget(f"factor:{person.pk}", address)
    return person


@open_to_all(_NO_ACTOR)
def entered(actor: Actor) -> None:
    """Write down that somebody is in, and tidy up behind the others."""
    audit.note(actor, "sign-in")
    sessions.sweep()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


@open_to_all(_NO_ACTOR)
def is_setup_open(token: str) -> bool:
    """Whether this set-up link would still work."""
    return _setup_rows(token).exists() and not judge.administrators()


@open_to_all("holds the one-time token of the set-up link")
def set_up(token: str, *, username: str, password: str, language: str, address: str) -> Person:
    """Make the first administrator. Raises NotFound (link used, old or void), Invalid."""
    with transaction.atomic():
        if not is_setup_open(token) or not _setup_rows(token).update(used_at=timezone.now()):
            raise NotFound("set-up link")
        if not password:
            raise Invalid(fields={"password": _("Choose a password.")})
        person = people.make(username, password, language=language)
        people.crown(person)
    audit.note(Actor(person.pk, str(person), address=address), "set-up")
    return person


@open_to_all("holds the one-time token of a reset link")
def reset_name(token: str) -> str:
    """Whose password this link sets; empty when it does not work any more."""
    link = _reset_row(token)
    return link.person.username if link else ""


@open_to_all("holds the one-time token of a reset link")
def reset(token: str, password: str, address: str) -> None:
    """Choose a password, once. Raises NotFound, Invalid."""
    link = _reset_row(token)
    if link is None:
        raise NotFound("reset link")
    people.check_password_rules(password, link.person)
    with transaction.atomic():
        if not ResetLink.objects.filter(pk=link.pk).delete()[0]:
            raise NotFound("reset link")
        people.replace_password(link.person, password)
    audit.note(Actor(link.person.pk, str(link.person), address=address), "me.password", way="link")


def _half_person(half: Half) -> Person | None:
    if time.time() - half["at"] > _HALF_S:
        return None
    person = Person.objects.filter(pk=half["person"], is_active=True).first()
    return person if person and person.get_session_auth_hash() == half["proof"] else None


def _refused(name: str, address: str, outcome: str, *, step: str = "password") -> None:
    """An unknown name is not written down: often it is a password in the wrong field."""
    person = Person.objects.filter(username=name).first()
    actor = Actor(person.pk if person else 0, name if person else "?", address=address)
    audit.note(actor, "sign-in", outcome=outcome, step=step)


def _setup_rows(token: str) -> QuerySet[SetupLink]:
    since = timezone.now() - dt.timedelta(hours=SetupLink.HOURS)
    return SetupLink.objects.filter(
        token_hash=tokens.fingerprint(token), used_at__isnull=True, created_at__gt=since
    )


def _reset_row(token: str) -> ResetLink | None:
    since = timezone.now() - dt.timedelta(hours=ResetLink.HOURS)
    found = ResetLink.objects.select_related("person").filter(
        token_hash=tokens.fingerprint(token), created_at__gt=since, person__is_active=True
    )
    return found.first()
