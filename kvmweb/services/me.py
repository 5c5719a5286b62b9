"""One's own account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.services import audit, people, sessions
from kvmweb.services.grants import GrantRow, rows_of
from kvmweb.services.marks import open_to_all
from kvmweb.store.models import Person

THEMES = ("system", "light", "dark")
_OWN = "one's own account"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person may know and choose about themselves."""

    username: str
    name: str
    language: str
    theme: str


@open_to_all(_OWN)
def get(actor: Actor) -> Profile:
    """The actor's own."""
    person = _person(actor)
    return Profile(person.username, person.display_name, person.language, person.theme)


@open_to_all(_OWN)
def prefer(actor: Actor, *, language: str | None = None, theme: str | None = None) -> None:
    """Keep language and theme for every browser. Raises Invalid."""
    person = _person(actor)
    if language is not None:
        if language not in dict(settings.LANGUAGES):
            raise Invalid(fields={"language": _("There is no such language.")})
        person.language = language
    if theme is not None:
        if theme not in THEMES:
            raise Invalid(fields={"theme": _("There is no such theme.")})
        person.theme = theme
    person.save(update_fields=["language", "theme"])


@open_to_all(_OWN)
def change_password(actor: Actor, old: str, new: str) -> Any:
    """Other sessions end, this one stays. Gives the person, to renew the session's proof.

    Raises Invalid by field, Busy.
    """
    try:
        sessions.confirm(actor, old)
    except Invalid as invalid:
        raise Invalid(fields={"old": invalid.fields["password"]}) from invalid
    person = _person(actor)
    people.check_password_rules(new, person)
    with audit.act(actor, "me.password"):
        people.replace_password(person, new, but=actor.session)
    return person


@open_to_all(_OWN)
def grants(actor: Actor) -> list[GrantRow]:
    """What the actor was given, by oneself or by team."""
    return rows_of(actor.person_id)


def _person(actor: Actor) -> Person:
    return Person.objects.get(pk=actor.person_id)
