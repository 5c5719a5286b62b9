"""Grants: (person or team) x role x scope, with optional begin and end."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, people, rights, roles, sight, teams
from kvmweb.services.guard import guarded_portal, internal, sifted
from kvmweb.store.models import Grant, Host, Person, Project, Team

EVERYTHING = Grant.EVERYTHING
CHOICES_MAX = 50


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One grant as pages show it. phase: now, later (not begun) or over."""

    id: int
    holder: str
    holder_id: int
    is_team: bool
    role: str
    scope: str
    scope_name: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    phase: str
    given_by: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be granted. scope: `everything`, `HOST`, `HOST/GUEST NAME or UUID`, or
    `project:NAME or KEY`.
    """

    role: str
    scope: str = EVERYTHING
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None


@guarded_portal("people.view")
def list_(actor: Actor, *, person_id: int = 0, team_id: int = 0, scope: str = "") -> list[GrantRow]:
    """Grants, newest first: all, those that reach a person (also by team), those of a team, or
    those on a scope."""
    if person_id:
        return rows_of(person_id)
    found = _all().filter(scope=scope) if scope else _all()
    return _rows(found.filter(team_id=team_id) if team_id else found)


@guarded_portal("people.grant")
def give(actor: Actor, terms: Terms, *, person_id: int = 0, team_id: int = 0) -> int:
    """Give a role. Raises Invalid by field, Denied for more than the actor holds."""
    person = people.find(person_id) if person_id else None
    team = teams.find(team_id) if team_id and not person else None
    _tell("give", person, team, terms.role, terms.scope)
    if person is None and team is None:
        raise Invalid(fields={"holder": _("Choose a person or a team.")})
    scope = scope_of(terms.scope)
    _check(terms)
    if not judge.can_give(actor, terms.role, scope):
        raise Denied("more than you hold yourself", verb="people.grant")
    with rights.changing():
        grant = Grant.objects.create(
            person=person,
            team=team,
            role=terms.role,
            scope=scope,
            starts_at=terms.starts_at,
            ends_at=terms.ends_at,
            created_by_id=actor.person_id or None,
        )
    return int(grant.pk)


@sifted("people.grant")
def loss(actor: Actor, grant_id: int) -> tuple[GrantRow, dict[str, list[str]]]:
    """Before a grant is taken back: for each person it reaches, by name, the verbs that they lose.

    Raises NotFound, Denied.
    """
    if not judge.can(actor, "people.grant"):
        raise Denied(verb="people.grant")
    grant = Grant.objects.select_related("person", "team").filter(pk=grant_id).first()
    if grant is None:
        raise NotFound(ref=f"grant:{grant_id}")
    whose = Q(teams=grant.team_id) if grant.team_id else Q(pk=grant.person_id)
    reached = Person.objects.filter(whose)
    lost = {str(one): sorted(judge.loses(one, grant)) for one in reached.order_by("username")}
    return _rows(Grant.objects.filter(pk=grant_id))[0], lost


@guarded_portal("people.grant")
def revoke(actor: Actor, grant_id: int) -> None:
    """Take a grant back; open pages and consoles close. Raises NotFound, Denied, Invalid."""
    grant = Grant.objects.select_related("person", "team").filter(pk=grant_id).first()
    if grant is None:
        raise NotFound(ref=f"grant:{grant_id}")
    _tell("revoke", grant.person, grant.team, grant.role, grant.scope)
    if not judge.can_give(actor, grant.role, grant.scope):
        raise Denied("more than you hold yourself", verb="people.grant")
    with rights.changing():
        grant.delete()


@guarded_portal("people.grant")
def revoke_role(
    actor: Actor, role: str, scope: str, *, person_id: int = 0, team_id: int = 0
) -> int:
    """Take back all grants of this role on this scope; how many there were."""
    person = people.find(person_id) if person_id else None
    team = teams.find(team_id) if team_id and not person else None
    _tell("revoke", person, team, role, scope)
    if not judge.can_give(actor, role, scope_of(scope)):
        raise Denied("more than you hold yourself", verb="people.grant")
    with rights.changing():
        found = Grant.objects.filter(
            person=person, team=team, role=role, scope=scope_of(scope)
        ).delete()
    return int(found[0])


@sifted("people.grant")
def guests_like(actor: Actor, text: str) -> list[tuple[str, str]]:
    """Guests whose name or host has this text: (`host/name`, title), for a picker."""
    if not judge.can(actor, "people.grant"):
        return []
    host, _slash, name = text.rpartition("/")
    seen = sight.of_kind(actor, refs.Kind.GUEST)
    found = mirror.Guest.objects.filter(seen, name_fold__contains=name.casefold())
    if host:
        found = found.filter(host=host)
    rows = found.order_by("name_fold").values_list("host", "name", "title")[:CHOICES_MAX]
    return [(f"{at}/{called}", title) for at, called, title in rows]


@sifted("people.grant")
def hosts(actor: Actor) -> list[tuple[str, str]]:
    """All hosts that the actor sees: (key, name)."""
    if not judge.can(actor, "people.grant"):
        return []
    return list(Host.objects.filter(sight.of_hosts(actor)).values_list("key", "name"))


@sifted("people.grant")
def holders(actor: Actor) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Who can be given something: people and teams, (id, name)."""
    if not judge.can(actor, "people.grant"):
        return [], []
    everybody = Person.objects.filter(is_active=True).order_by("username")
    return (
        [(person.pk, str(person)) for person in everybody],
        list(Team.objects.order_by("name").values_list("pk", "name")),
    )


@guarded_portal("people.view")
def holder_named(actor: Actor, name: str, *, is_team: bool = False) -> dict[str, int]:
    """A person by user name or a team by name, as `give` and `revoke_role` want it."""
    if is_team:
        found = Team.objects.filter(name__iexact=name).values_list("pk", flat=True).first()
    else:
        found = Person.objects.filter(username=name).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(ref=name)
    return {"team_id" if is_team else "person_id": found}


@internal("people see their own, who may see people sees everybody's")
def rows_of(person_id: int) -> list[GrantRow]:
    """What reaches this person, by themselves or by team."""
    return _rows(_all().filter(Q(person_id=person_id) | Q(team__members=person_id)).distinct())


@internal("one way from typed words to a scope")
def scope_of(text: str) -> str:
    """`everything`, a ref as it is, `host`, `host/name`, `host/uuid`, `project:name or key`.

    Raises Invalid (scope).
    """
    text = text.strip()
    if text == EVERYTHING:
        return text
    if text.startswith(Project.SCOPE):
        return _project_scope(text.removeprefix(Project.SCOPE))
    if text.partition(":")[0] in set(refs.Kind):
        return _known_ref(text)
    host, slash, name = text.partition("/")
    if not Host.objects.filter(key=host).exists():
        raise Invalid(fields={"scope": _("There is no host “%(name)s”.") % {"name": host}})
    if not slash:
        return str(refs.host(host))
    found = mirror.Guest.objects.filter(host=host, is_gone=False)
    guest = found.filter(Q(name=name) | Q(uuid=name)).first()
    if guest is None:
        raise Invalid(fields={"scope": _("There is no guest “%(name)s”.") % {"name": name}})
    return str(guest.ref)


def _all() -> QuerySet[Grant]:
    return Grant.objects.select_related("person", "team", "created_by").order_by("-pk")


def _project_scope(text: str) -> str:
    key = int(text) if text.isdecimal() else 0
    found = Project.objects.filter(Q(pk=key) | Q(name__iexact=text)).first()
    if found is None:
        raise Invalid(fields={"scope": _("There is no project “%(name)s”.") % {"name": text}})
    return found.scope


def _known_ref(text: str) -> str:
    try:
        ref = refs.Ref.parse(text)
    except ValueError as error:
        raise Invalid(fields={"scope": _("This is no host and no guest.")}) from error
    if bool(ref.id) is (ref.kind is refs.Kind.HOST) or ref.kind is refs.Kind.VOLUME:
        raise Invalid(fields={"scope": _("This is no host and no guest.")})
    return str(ref)


def _check(terms: Terms) -> None:
    problems = {}
    if not judge.verbs_of(terms.role):
        problems["role"] = _("There is no role “%(name)s”.") % {"name": terms.role}
    if terms.ends_at and terms.ends_at <= timezone.now():
        problems["ends_at"] = _("The end has passed already.")
    if terms.starts_at and terms.ends_at and terms.ends_at <= terms.starts_at:
        problems["ends_at"] = _("The end must come after the begin.")
    if problems:
        raise Invalid(fields=problems)


def _tell(act: str, person: Person | None, team: Team | None, role: str, scope: str) -> None:
    holder = person or team
    kind = "team" if team else "person"
    audit.tell(
        f"{kind}:{holder.pk}" if holder else "",
        str(holder or ""),
        act=act,
        role=role,
        scope=scope,
    )


def _rows(found: QuerySet[Grant]) -> list[GrantRow]:
    grants, now = list(found), timezone.now()
    names = _scope_names({grant.scope for grant in grants})
    labels = roles.labels()
    return [
        GrantRow(
            id=grant.pk,
            holder=str(grant.team or grant.person),
            holder_id=grant.team_id or grant.person_id or 0,
            is_team=grant.team_id is not None,
            role=labels.get(grant.role, grant.role),
            scope=grant.scope,
            scope_name=names.get(grant.scope, grant.scope),
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            phase=_phase(grant, now),
            given_by=str(grant.created_by or ""),
        )
        for grant in grants
    ]


def _phase(grant: Grant, now: dt.datetime) -> str:
    if grant.ends_at and grant.ends_at <= now:
        return "over"
    return "later" if grant.starts_at and grant.starts_at > now else "now"


def _scope_names(scopes: set[str]) -> dict[str, str]:
    """What projects, hosts and guests are called today; the identity where they are gone."""
    named = {EVERYTHING: _("Everything")}
    belongs = {scope: key for scope in scopes if (key := judge.project_key(scope))}
    projects = dict(Project.objects.filter(pk__in=belongs.values()).values_list("pk", "name"))
    for scope, key in belongs.items():
        named[scope] = _("Project %(name)s") % {"name": projects.get(key, key)}
    parsed = {scope: refs.Ref.parse(scope) for scope in scopes - set(named)}
    called = dict(Host.objects.values_list("key", "name"))
    uuids = {ref.id for ref in parsed.values() if ref.id}
    guests = {
        (guest.host, guest.uuid): guest.name
        for guest in mirror.Guest.objects.filter(uuid__in=uuids).only("host", "uuid", "name")
    }
    for scope, ref in parsed.items():
        host = called.get(ref.host, ref.host)
        named[scope] = f"{guests.get((ref.host, ref.id), ref.id)} · {host}" if ref.id else host
    return named
