"""The judge against a naive model: random people, teams, roles, scopes and times."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from kvmweb.access import judge
from kvmweb.access.roles import ROLES
from kvmweb.access.verbs import VERBS, VIEW
from kvmweb.core import refs
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.refs import Kind, Ref
from kvmweb.store.models import Belonging, CustomRole, Grant, Person, Project, RightsEpoch, Team

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOSTS = ("east", "west")
UUIDS = tuple(f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
OBJECTS = [
    *(refs.host(host) for host in HOSTS),
    *(Ref(Kind.GUEST, host, uuid) for host in HOSTS for uuid in UUIDS),
    *(Ref(Kind.POOL, host, uuid) for host in HOSTS for uuid in UUIDS),
]  # fmt: skip
PEOPLE, TEAMS = 3, 2
PROJECTS = {
    "red": (refs.guest("east", UUIDS[0]), refs.pool("east", UUIDS[1])),
    "blue": (refs.guest("west", UUIDS[2]), refs.pool("east", UUIDS[1])),
    "void": (),
}


@dataclass(frozen=True)
class Given:
    """holder: a person's number, or -1, -2, … for a team. starts, ends: hours from now.

    scope: as of a grant, or the name of a project.
    """

    holder: int
    role: str
    scope: str
    starts: int | None
    ends: int | None


grants = st.builds(
    Given,
    holder=st.integers(-TEAMS, PEOPLE - 1),
    role=st.sampled_from([*ROLES, "own", "vanished"]),
    scope=st.sampled_from([Grant.EVERYTHING, *map(str, OBJECTS), *PROJECTS]),
    starts=st.none() | st.integers(-3, 3),
    ends=st.none() | st.integers(-3, 3),
)
memberships = st.sets(st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, TEAMS - 1)))
OWN = frozenset({"guest.view", "guest.start"})


def allowed(
    person: int, verb: str, ref: Ref | None, all_grants: list[Given],
    members: set[tuple[int, int]], hours: float,
) -> bool:  # fmt: skip
    """What the words of the design say, one grant after the other."""
    for grant in all_grants:
        is_held = grant.holder == person or (person, -grant.holder - 1) in members
        is_begun = grant.starts is None or grant.starts <= hours
        is_over = grant.ends is not None and grant.ends <= hours
        verbs = OWN if grant.role == "own" else ROLES.get(grant.role, frozenset())
        if not is_held or not is_begun or is_over or verb not in verbs:
            continue
        if grant.scope == Grant.EVERYTHING:
            return True
        if ref is None:
            continue
        if grant.scope in PROJECTS:
            parts = PROJECTS[grant.scope]
            is_for_hosts = verb in ("host.view", "guest.create")
            if ref in parts and VERBS[verb].kind is ref.kind:
                return True
            if is_for_hosts and ref.host in {part.host for part in parts}:
                return True
            continue
        scope = Ref.parse(grant.scope)
        if scope == ref or (scope.kind is Kind.HOST and scope.host == ref.host):
            return True
    return False


class JudgeAgainstModel(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        given_grants=st.lists(grants, max_size=8),
        members=memberships,
        asks=st.lists(
            st.tuples(
                st.integers(0, PEOPLE - 1), st.sampled_from(sorted(VERBS)),
                st.sampled_from([None, *OBJECTS]), st.sampled_from([-2.5, 0, 0.5, 2.5]),
            ),
            min_size=20, max_size=40,
        ),
    )  # fmt: skip
    def test_decision_equals_the_naive_model(self, given_grants, members, asks) -> None:  # type: ignore[no-untyped-def]
        judge.forget()
        people = [Person.objects.create(username=f"p{n}") for n in range(PEOPLE)]
        teams = [Team.objects.create(name=f"t{n}") for n in range(TEAMS)]
        CustomRole.objects.create(key="own", label="Own", verbs=sorted(OWN))
        for person, team in members:
            teams[team].members.add(people[person])
        scopes = {name: project(name, *parts).scope for name, parts in PROJECTS.items()}
        for it in given_grants:
            Grant.objects.create(
                person=people[it.holder] if it.holder >= 0 else None,
                team=teams[-it.holder - 1] if it.holder < 0 else None,
                role=it.role, scope=scopes.get(it.scope, it.scope),
                starts_at=None if it.starts is None else NOW + dt.timedelta(hours=it.starts),
                ends_at=None if it.ends is None else NOW + dt.timedelta(hours=it.ends),
            )  # fmt: skip
        RightsEpoch.advance()
        for person, verb, ref, hours in sorted(asks, key=lambda ask: ask[3]):
            with time_machine.travel(NOW + dt.timedelta(hours=hours), tick=False):
                actor = Actor(people[person].pk, "")
                expected = allowed(person, verb, ref, given_grants, members, hours)
                assert judge.can(actor, verb, ref) is expected


def project(name: str, *parts: Ref) -> Project:
    made = Project.objects.create(name=name)
    for ref in parts:
        made.belongings.create(kind=ref.kind, host=ref.host, identity=ref.id)
    RightsEpoch.advance()
    return made


@pytest.fixture
def bob(db: None) -> Actor:
    return Actor(Person.objects.create(username="bob").pk, "bob")


GUEST = refs.guest("east", UUIDS[0])


def give(actor: Actor, role: str, scope: object = Grant.EVERYTHING, **times: dt.datetime) -> Grant:
    grant = Grant.objects.create(person_id=actor.person_id, role=role, scope=str(scope), **times)
    RightsEpoch.advance()
    return grant


def test_who_holds_nothing_can_do_nothing(bob: Actor) -> None:
    assert not any(judge.can(bob, verb, ref) for verb in VERBS for ref in [None, *OBJECTS])
    assert not judge.holds_anything(bob)


def test_the_portal_itself_may_do_everything() -> None:
    assert judge.can(PORTAL, "guest.destroy", GUEST)


def test_a_guest_grant_reaches_that_guest_alone(bob: Actor) -> None:
    give(bob, "operator", GUEST)
    assert judge.can(bob, "guest.start", GUEST)
    assert not judge.can(bob, "guest.start", refs.guest("east", UUIDS[1]))
    assert not judge.can(bob, "guest.start", refs.guest("west", UUIDS[0]))
    assert not judge.can_see(bob, refs.host("east"))


def test_a_host_grant_reaches_all_on_it_also_what_comes_later(bob: Actor) -> None:
    give(bob, "viewer", refs.host("east"))
    assert judge.can_see(bob, refs.host("east"))
    assert judge.can_see(bob, refs.guest("east", "any"))
    assert not judge.can_see(bob, refs.guest("west", "any"))


def test_a_grant_on_objects_gives_no_right_on_the_portal(bob: Actor) -> None:
    give(bob, "administrator", refs.host("east"))
    assert judge.can(bob, "guest.destroy", GUEST)
    assert not judge.can(bob, "people.change")
    assert not judge.can(bob, "audit.view")
    assert judge.administrators() == frozenset()


def test_a_project_grant_reaches_what_belongs_to_it_and_follows_it(bob: Actor) -> None:
    red = project("red", GUEST)
    give(bob, "project-owner", red.scope)
    assert judge.can(bob, "guest.start", GUEST)
    assert judge.can(bob, "guest.create", refs.host("east"))
    assert not judge.can(bob, "guest.create", refs.host("west"))
    assert not judge.can(bob, "guest.start", refs.guest("east", UUIDS[1]))
    assert judge.projects(bob, "guest.create") == {red.pk}
    assert not judge.can_beyond(bob, "guest.create", refs.host("east"))
    Belonging.objects.all().delete()
    RightsEpoch.advance()
    assert not judge.can_see(bob, GUEST)
    assert not judge.holds_anything(bob)


def test_a_project_gives_no_right_on_a_host_but_to_see_it_and_make_guests(bob: Actor) -> None:
    give(bob, "administrator", project("red", GUEST).scope)
    on_hosts = {verb for verb in VERBS if judge.can(bob, verb, refs.host("east"))}
    assert on_hosts == {"host.view", "guest.create"}
    assert judge.administrators() == frozenset()


def test_putting_something_into_a_project_needs_all_that_the_project_gives_on_it(
    bob: Actor,
) -> None:
    eve = Actor(Person.objects.create(username="eve").pk, "eve")
    red, other = project("red", GUEST), refs.guest("east", UUIDS[1])
    give(bob, "viewer", red.scope)
    give(eve, "viewer", refs.host("east"))
    assert judge.can_put_into(eve, red, other)
    assert not judge.can_put_into(eve, red, refs.guest("west", UUIDS[1]))
    give(bob, "editor", red.scope)
    assert not judge.can_put_into(eve, red, other)


def test_a_role_on_a_project_can_be_given_by_who_holds_it_on_all_of_it(bob: Actor) -> None:
    red = project("red", GUEST, refs.pool("east", UUIDS[0]))
    give(bob, "operator", refs.host("east"))
    assert judge.can_give(bob, "viewer", red.scope)
    assert not judge.can_give(bob, "editor", red.scope)
    red.belongings.create(kind="guest", host="west", identity=UUIDS[0])
    assert not judge.can_give(bob, "viewer", red.scope)


def test_a_grant_begins_and_ends_without_anybody_touching_it(bob: Actor) -> None:
    hour = dt.timedelta(hours=1)
    with time_machine.travel(NOW, tick=False) as clock:
        give(bob, "viewer", starts_at=NOW + hour, ends_at=NOW + 2 * hour)
        seen = []
        for minutes in (0, 59, 60, 61, 119, 120, 121):
            clock.move_to(NOW + dt.timedelta(minutes=minutes))
            seen.append(judge.can_see(bob, GUEST))
    assert seen == [False, False, True, True, True, False, False]


def test_a_switched_off_person_holds_nothing(bob: Actor) -> None:
    give(bob, "administrator")
    assert judge.can(bob, "people.change")
    Person.objects.filter(pk=bob.person_id).update(is_active=False)
    RightsEpoch.advance()
    assert not judge.can(bob, "people.change")


def test_revocation_works_at_the_next_question(bob: Actor) -> None:
    grant = give(bob, "viewer")
    assert judge.can_see(bob, GUEST)
    grant.delete()
    RightsEpoch.advance()
    assert not judge.can_see(bob, GUEST)


def test_who_may_use_something_sees_it() -> None:
    for role, verbs in ROLES.items():
        for verb in verbs:
            kind = VERBS[verb].kind
            if kind is not None:
                assert VIEW[kind] in verbs, f"{role} has {verb}"


def test_giving_needs_holding(bob: Actor) -> None:
    give(bob, "operator", refs.host("east"))
    assert judge.can_give(bob, "viewer", str(refs.host("east")))
    assert judge.can_give(bob, "console", str(GUEST))
    assert not judge.can_give(bob, "editor", str(GUEST))
    assert not judge.can_give(bob, "viewer", str(refs.host("west")))
    assert not judge.can_give(bob, "viewer", Grant.EVERYTHING)


def test_ruling_a_person_needs_all_that_they_hold(bob: Actor) -> None:
    eve = Actor(Person.objects.create(username="eve").pk, "eve")
    give(bob, "operator")
    give(eve, "viewer", GUEST)
    assert judge.can_rule(bob, eve.person_id)
    assert not judge.can_rule(eve, bob.person_id)


def test_the_clock_of_kept_rights_is_the_portal_s_own(bob: Actor) -> None:
    give(bob, "viewer", ends_at=timezone.now() + dt.timedelta(seconds=30))
    assert judge.can_see(bob, GUEST)
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=31)):
        assert not judge.can_see(bob, GUEST)
