"""Teams: people who are given grants together."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.services import audit, people, rights
from kvmweb.services.guard import guarded_portal, internal
from kvmweb.store.models import Grant, Person, Team


@dataclass(frozen=True, slots=True)
class TeamRow:
    """One team. members: (id, what the person is called), by name."""

    id: int
    name: str
    members: tuple[tuple[int, str], ...]
    grants: int


@guarded_portal("people.view")
def list_(actor: Actor) -> list[TeamRow]:
    """All teams, by name."""
    return [_row(team) for team in Team.objects.prefetch_related("members").order_by("name")]


@guarded_portal("people.view")
def get(actor: Actor, team_id: int) -> TeamRow:
    """One team. Raises NotFound."""
    return _row(find(team_id))


@guarded_portal("people.change")
def add(actor: Actor, name: str) -> int:
    """Make an empty team."""
    audit.tell(name=name, act="add-team")
    team = Team(name=name.strip())
    _clean(team)
    team.save()
    audit.tell(f"team:{team.pk}", team.name)
    return int(team.pk)


@guarded_portal("people.change")
def rename(actor: Actor, team_id: int, name: str) -> None:
    """Call it differently; members and grants stay."""
    team = find(team_id)
    audit.tell(f"team:{team.pk}", team.name, act="rename-team", to=name)
    team.name = name.strip()
    _clean(team)
    team.save()


@guarded_portal("people.change")
def remove(actor: Actor, team_id: int) -> None:
    """Take the team and its grants away; the people stay."""
    team = find(team_id)
    audit.tell(f"team:{team.pk}", team.name, act="remove-team")
    _require_hold(actor, team)
    with rights.changing():
        team.delete()


@guarded_portal("people.change")
def add_member(actor: Actor, team_id: int, person_id: int) -> None:
    """Put a person in: they hold the team's grants from now on."""
    team, person = _change(actor, team_id, person_id, "add-member")
    with rights.changing():
        team.members.add(person)


@guarded_portal("people.change")
def remove_member(actor: Actor, team_id: int, person_id: int) -> None:
    """Take a person out: they lose the team's grants at once."""
    team, person = _change(actor, team_id, person_id, "remove-member")
    with rights.changing():
        team.members.remove(person)


@internal("one way to look a team up")
def find(team_id: int) -> Team:
    """Raises NotFound."""
    team = Team.objects.prefetch_related("members").filter(pk=team_id).first()
    if team is None:
        raise NotFound(ref=f"team:{team_id}")
    return team


def _change(actor: Actor, team_id: int, person_id: int, act: str) -> tuple[Team, Person]:
    team, person = find(team_id), people.find(person_id)
    audit.tell(f"team:{team.pk}", team.name, act=act, person=person.username)
    _require_hold(actor, team)
    return team, person


def _require_hold(actor: Actor, team: Team) -> None:
    """Membership gives the team's grants: nobody gives what they do not hold."""
    for grant in Grant.objects.filter(team=team):
        if not judge.can_give(actor, grant.role, grant.scope):
            raise Denied("the team holds rights that you do not hold", verb="people.grant")


def _clean(team: Team) -> None:
    try:
        team.full_clean(validate_unique=False)
    except ValidationError as error:
        raise Invalid(fields={"name": " ".join(error.messages)}) from error
    if Team.objects.filter(name__iexact=team.name).exclude(pk=team.pk).exists():
        raise Invalid(fields={"name": _("There is a team of this name already.")})


def _row(team: Team) -> TeamRow:
    members = sorted((person.pk, str(person)) for person in team.members.all())
    return TeamRow(
        team.pk,
        team.name,
        tuple(sorted(members, key=lambda it: it[1].casefold())),
        Grant.objects.filter(team=team).count(),
    )
