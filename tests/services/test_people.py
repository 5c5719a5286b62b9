"""People and the set-up link."""

import datetime as dt
import re

import pytest
import time_machine
from django.utils import timezone, translation

from kvmweb.access import judge
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.services import grants, people, roles, signin, teams
from kvmweb.store.models import AuditEntry, Grant, Person, RightsEpoch, Session

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def actor(name: str) -> Actor:
    person, _ = Person.objects.get_or_create(username=name)
    return Actor(person.pk, name)


@pytest.fixture
def admin() -> Actor:
    people.add_administrator(PORTAL, username="ada", password=PASSWORD)
    return actor("ada")


def token_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def set_up(token: str, **more: str) -> Person:
    given = {"username": "ada", "password": PASSWORD, "language": "en", "address": "::1", **more}
    return signin.set_up(token, **given)


def test_setup_link_makes_the_first_administrator_once() -> None:
    token = token_of(people.setup_link())
    person = set_up(token)
    assert judge.administrators() == {person.pk}
    assert people.setup_link() == ""
    with pytest.raises(NotFound):
        set_up(token, username="eve")


def test_setup_link_of_an_earlier_start_is_void() -> None:
    first = token_of(people.setup_link())
    second = token_of(people.setup_link())
    assert not signin.is_setup_open(first)
    assert signin.is_setup_open(second)


def test_setup_link_is_void_after_a_day() -> None:
    token = token_of(people.setup_link())
    with time_machine.travel(timezone.now() + dt.timedelta(hours=25)):
        assert not signin.is_setup_open(token)


def test_setup_with_a_bad_password_keeps_the_link() -> None:
    token = token_of(people.setup_link())
    for bad in ("short", "password123", "1234567890", ""):
        with pytest.raises(Invalid):
            set_up(token, password=bad)
    assert signin.is_setup_open(token)
    assert not Person.objects.exists()


@pytest.mark.parametrize("password", ["short", "password123", "ada-of-the-house", "Ada Lovelace"])
def test_what_is_wrong_with_a_password_is_said_in_chinese(password: str) -> None:
    person = Person(username="ada-of-the-house", display_name="Ada Lovelace")
    with translation.override("zh-hans"), pytest.raises(Invalid) as wrong:
        people.check_password_rules(password, person)
    assert not re.search("[A-Za-z]", wrong.value.fields["password"])


def test_setup_token_is_stored_hashed() -> None:
    token = token_of(people.setup_link())
    from kvmweb.store.models import SetupLink

    assert token not in str(SetupLink.objects.values_list())


def test_last_administrator_cannot_be_disabled_or_revoked(admin: Actor) -> None:
    with pytest.raises(Invalid):
        people.set_active(admin, admin.person_id, is_active=False)
    with pytest.raises(Invalid):
        grants.revoke(admin, Grant.objects.get().pk)
    assert judge.administrators() == {admin.person_id}


def test_an_administrator_by_team_counts(admin: Actor) -> None:
    bob = actor("bob")
    team = teams.add(admin, "ops")
    teams.add_member(admin, team, bob.person_id)
    grants.give(admin, grants.Terms("administrator"), team_id=team)
    grants.revoke(bob, Grant.objects.get(person=admin.person_id).pk)
    with pytest.raises(Invalid):
        teams.remove_member(bob, team, bob.person_id)
    with pytest.raises(Invalid):
        teams.remove(bob, team)


def test_a_temporary_administrator_does_not_count_as_the_last(admin: Actor) -> None:
    bob = actor("bob")
    tomorrow = timezone.now() + dt.timedelta(days=1)
    grants.give(admin, grants.Terms("administrator", ends_at=tomorrow), person_id=bob.person_id)
    with pytest.raises(Invalid):
        people.set_active(admin, admin.person_id, is_active=False)


def test_who_may_grant_cannot_give_more_than_they_hold(admin: Actor) -> None:
    eve = actor("eve")
    key = roles.save(admin, "Doorkeeper", ["people.view", "people.grant", "people.change"])
    grants.give(admin, grants.Terms(key), person_id=eve.person_id)
    with pytest.raises(Denied):
        grants.give(eve, grants.Terms("administrator"), person_id=eve.person_id)
    with pytest.raises(Denied):
        roles.save(eve, "Doorkeeper", ["people.grant", "guest.destroy"], key=key)
    with pytest.raises(Denied):
        roles.save(eve, "Other", ["guest.view"])
    with pytest.raises(Denied):
        people.set_password(eve, admin.person_id, "another good password")
    with pytest.raises(Denied):
        people.reset_link(eve, admin.person_id)
    bob = actor("bob")
    grants.give(eve, grants.Terms(key), person_id=bob.person_id)


def test_joining_a_team_is_being_granted_what_it_holds(admin: Actor) -> None:
    eve = actor("eve")
    key = roles.save(admin, "Clerk", ["people.view", "people.change"])
    grants.give(admin, grants.Terms(key), person_id=eve.person_id)
    team = teams.add(admin, "ops")
    grants.give(admin, grants.Terms("administrator"), team_id=team)
    with pytest.raises(Denied):
        teams.add_member(eve, team, eve.person_id)


def test_disabling_ends_sessions_and_advances_the_epoch(admin: Actor) -> None:
    bob = actor("bob")
    Session.objects.create(key_hash="h", person_id=bob.person_id)
    before = RightsEpoch.current()
    assert people.is_live(Actor(bob.person_id, "bob", "h"))
    people.set_active(admin, bob.person_id, is_active=False)
    assert not people.is_live(Actor(bob.person_id, "bob", "h"))
    assert RightsEpoch.current() > before


def test_names_differ_by_more_than_case(admin: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        people.add(admin, username="ADA", password=PASSWORD)
    assert set(caught.value.fields) == {"username"}
    with pytest.raises(Invalid):
        people.add(admin, username="<script>", password=PASSWORD)


def test_all_that_is_wrong_with_a_new_person_is_told_at_once(admin: Actor) -> None:
    wrong = {"username": "ADA", "email": "nowhere", "password": "short"}
    with pytest.raises(Invalid) as caught:
        people.add(admin, **wrong)
    assert set(caught.value.fields) == {"username", "email", "password"}
    assert set(people.faults(admin, **wrong)) == {"username", "email", "password"}
    assert people.faults(actor("bob"), **wrong) == {}, "who may not add people asks for nobody"


def test_reset_link_works_once(admin: Actor) -> None:
    person_id, token = people.add(admin, username="bob")
    assert signin.reset_name(token) == "bob"
    with pytest.raises(Invalid):
        signin.reset(token, "bob", "::1")
    signin.reset(token, "a rather long one", "::1")
    assert signin.check("bob", "a rather long one", "::1").pk == person_id
    with pytest.raises(NotFound):
        signin.reset(token, "another rather long one", "::1")


def test_changes_of_people_are_audited_with_who_and_what(admin: Actor) -> None:
    bob = actor("bob")
    people.set_active(admin, bob.person_id, is_active=False)
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.verb, entry.ref, entry.ref_name, entry.outcome, entry.detail["act"]) == (
        "people.change", f"person:{bob.person_id}", "bob", "ok", "disable",
    )  # fmt: skip
    with pytest.raises(Denied):
        people.set_active(bob, admin.person_id, is_active=False)
    refused = AuditEntry.objects.first()
    assert refused is not None
    assert (refused.person_name, refused.outcome) == ("bob", "denied")


def test_signin_refusals_are_the_same_and_an_unknown_name_is_not_kept(admin: Actor) -> None:
    Person.objects.create_user("off", PASSWORD, is_active=False)
    said = set()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD)):
        with pytest.raises(Denied) as caught:
            signin.check(name, password, "::1")
        said.add((caught.value.code, caught.value.detail))
    assert len(said) == 1
    assert "nobody" not in str(list(AuditEntry.objects.values_list()))
