"""People: who they are, and who may sign in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Max
from django.urls import reverse
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import tokens
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.services import audit, factors, rights
from kvmweb.services.guard import guarded_portal, internal, open_to_all, sifted
from kvmweb.store.models import Grant, Person, ResetLink, Session, SetupLink

PASSWORD_MAX = 128


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as the list of people shows them."""

    id: int
    username: str
    name: str
    email: str
    is_active: bool
    is_administrator: bool
    has_factor: bool
    teams: tuple[str, ...]
    sessions: int
    grants: int
    seen_at: dt.datetime | None


@open_to_all("a request has to be given its actor before anything can be judged")
def actor_of(person: Any, session: Any, address: str) -> Actor | None:
    """The actor of a request or socket; None when nobody is signed in.

    A session that was ended, is idle or too old signs nobody in, whatever its cookie says.
    """
    if not person.is_authenticated or not person.is_active:
        return None
    actor = Actor(person.pk, str(person), session_hash(session.session_key or ""), address)
    return actor if is_live(actor) else None


@open_to_all("tells a socket whether its own session still stands")
def is_live(actor: Actor) -> bool:
    """Whether this actor's session still stands and its person may still sign in."""
    if actor.is_portal:
        return True
    return Session.is_living(actor.session, actor.person_id)


@open_to_all("a pure function")
def session_hash(key: str) -> str:
    """How a session is named outside the session table."""
    return tokens.fingerprint(key)


@guarded_portal("people.view")
def list_(actor: Actor) -> list[PersonRow]:
    """Everybody, by name."""
    return [_row(person, judge.administrators()) for person in _known().order_by("username")]


@guarded_portal("people.view")
def get(actor: Actor, person_id: int) -> PersonRow:
    """One person. Raises NotFound."""
    return _row(find(person_id), judge.administrators())


@guarded_portal("people.change")
def add(
    actor: Actor, *, username: str, display_name: str = "", email: str = "", password: str = ""
) -> tuple[int, str]:
    """Make a person without any right. Without a password: the token of a one-time link as well."""
    audit.tell(name=username, act="add")
    person = make(username, password, display_name=display_name, email=email)
    audit.tell(f"person:{person.pk}", person.username)
    return person.pk, "" if password else _fresh_link(person)


@sifted("people.change")
def faults(
    actor: Actor, *, username: str = "", display_name: str = "", email: str = "", password: str = ""
) -> dict[str, str]:
    """Field to what is wrong with a person who is to be added; nothing for who may not add any."""
    if not judge.can(actor, "people.change"):
        return {}
    name = Person.normalize_username(username.strip())
    return _faults(Person(username=name, display_name=display_name, email=email), password)


@guarded_portal("people.change")
def edit(actor: Actor, person_id: int, *, display_name: str, email: str) -> None:
    """Change what a person is called and where mail goes."""
    person = _ruled(actor, person_id, act="edit")
    person.display_name, person.email = display_name.strip(), email.strip()
    _clean(person)
    person.save(update_fields=["display_name", "email"])


@guarded_portal("people.change")
def set_active(actor: Actor, person_id: int, *, is_active: bool) -> None:
    """Let a person sign in, or not any more: all their pages and consoles close."""
    person = _ruled(actor, person_id, act="enable" if is_active else "disable")
    with rights.changing():
        person.is_active = is_active
        person.save(update_fields=["is_active"])
        if not is_active:
            Session.objects.filter(person=person).delete()


@guarded_portal("people.change")
def set_password(actor: Actor, person_id: int, password: str) -> None:
    """Type a new password for somebody; their sessions end."""
    person = _ruled(actor, person_id, act="password")
    check_password_rules(password, person)
    replace_password(person, password)


@guarded_portal("people.change")
def reset_link(actor: Actor, person_id: int) -> str:
    """The token of a link with which the person chooses a password, once, within a day."""
    return _fresh_link(_ruled(actor, person_id, act="reset-link"))


@guarded_portal("people.change")
def end_sessions(actor: Actor, person_id: int) -> None:
    """Sign a person out everywhere."""
    person = _ruled(actor, person_id, act="end-sessions")
    with rights.changing():
        Session.objects.filter(person=person).delete()


@guarded_portal("people.change")
def reset_factor(actor: Actor, person_id: int) -> None:
    """Take the second factor away from who lost it; their sessions end."""
    person = _ruled(actor, person_id, act="reset-second-factor")
    with rights.changing():
        factors.remove(person)
        Session.objects.filter(person=person).delete()


@open_to_all("printed in the operator's terminal; gives nothing once there is an administrator")
def setup_link() -> str:
    """The path of a new one-time link that makes the first administrator; the old one is void.

    Empty when an administrator exists.
    """
    if judge.administrators():
        return ""
    token = tokens.fresh()
    with transaction.atomic():
        SetupLink.objects.all().delete()
        SetupLink.objects.create(token_hash=tokens.fingerprint(token))
    return reverse("setup", args=[token])


@guarded_portal("people.grant")
def add_administrator(actor: Actor, *, username: str, password: str) -> None:
    """Make a person who may do everything, or give that to one who is there already."""
    person = Person.objects.filter(username=Person.normalize_username(username)).first()
    if person is None:
        person = make(username, password)
    elif password:
        check_password_rules(password, person)
        replace_password(person, password)
    audit.tell(f"person:{person.pk}", person.username, role="administrator")
    crown(person)


@internal("the set-up link and the operator's command make administrators")
def crown(person: Person) -> None:
    """Everything, everywhere, without end."""
    with rights.changing():
        Grant.objects.get_or_create(
            person=person, role="administrator", scope=Grant.EVERYTHING, starts_at=None,
            ends_at=None,
        )  # fmt: skip
        Person.objects.filter(pk=person.pk).update(is_active=True)


@internal("people are made here, whoever asks")
def make(username: str, password: str, **fields: str) -> Person:
    """A new person. Raises Invalid by field. An empty password: none that works."""
    person = Person(username=Person.normalize_username(username.strip()), **fields)
    if wrong := _faults(person, password):
        raise Invalid(fields=wrong)
    person.set_password(password or None)
    person.save()
    return person


@internal("the same rules wherever a password is chosen")
def check_password_rules(password: str, person: Person) -> None:
    """Raises Invalid (field password)."""
    if len(password) > PASSWORD_MAX:
        raise Invalid(fields={"password": _("At most 128 characters.")})
    try:
        password_validation.validate_password(password, person)
    except ValidationError as error:
        raise Invalid(fields={"password": " ".join(error.messages)}) from error


@internal("a new password ends sessions and links, whoever sets it")
def replace_password(person: Person, password: str, *, but: str = "") -> None:
    """Store the password; every session ends but the one with this hash."""
    with rights.changing():
        person.set_password(password)
        person.save(update_fields=["password"])
        Session.objects.filter(person=person).exclude(key_hash=but).delete()
        ResetLink.objects.filter(person=person).delete()


@internal("one way to look a person up")
def find(person_id: int) -> Person:
    """Raises NotFound."""
    person: Person | None = _known().filter(pk=person_id).first()
    if person is None:
        raise NotFound(ref=f"person:{person_id}")
    return person


def _faults(person: Person, password: str) -> dict[str, str]:
    """All that is wrong with a new person, field by field."""
    found: dict[str, str] = {}
    for check in (_clean, lambda it: check_password_rules(password, it) if password else None):
        try:
            check(person)
        except Invalid as invalid:
            found.update(invalid.fields)
    if Person.objects.filter(username__iexact=person.username).exists():
        found["username"] = _("Somebody has this name already.")
    return found


def _ruled(actor: Actor, person_id: int, *, act: str) -> Person:
    person = find(person_id)
    audit.tell(f"person:{person.pk}", person.username, act=act)
    rights.require_rule(actor, person.pk)
    return person


def _fresh_link(person: Person) -> str:
    token = tokens.fresh()
    ResetLink.objects.filter(person=person).delete()
    ResetLink.objects.create(person=person, token_hash=tokens.fingerprint(token))
    return token


def _known() -> Any:
    return Person.objects.prefetch_related("teams").annotate(
        session_count=Count("sessions", distinct=True),
        grant_count=Count("grants", distinct=True),
        seen_at=Max("sessions__active_at"),
    )


def _row(person: Any, administrators: frozenset[int]) -> PersonRow:
    return PersonRow(
        id=person.pk,
        username=person.username,
        name=person.display_name,
        email=person.email,
        is_active=person.is_active,
        is_administrator=person.pk in administrators,
        has_factor=factors.is_on(person),
        teams=tuple(team.name for team in person.teams.all()),
        sessions=person.session_count,
        grants=person.grant_count,
        seen_at=person.seen_at or person.last_login,
    )


def _clean(person: Person) -> None:
    try:
        person.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise Invalid(
            fields={name: " ".join(words) for name, words in error.message_dict.items()}
        ) from error
