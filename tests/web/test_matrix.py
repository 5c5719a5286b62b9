"""Every address as every kind of person; what somebody may not see is as if it did not exist."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import PORTAL
from kvmweb.core.records import DiskRecord
from kvmweb.management import charter
from kvmweb.services import factors, people
from kvmweb.store.models import CustomRole, Grant, Person, Project, RightsEpoch, Team
from tests.hub import plain
from tests.services.stage import held, mirrored, with_filter, with_network
from tests.web.routes import GUEST, NO_GUEST, RNG_XML, ROUTES, SIGNED_IN, SUBJECTS, Route

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
OF_THE_DOOR = {"setup", "setup_form", "account_reset", "account_reset_form", "account_code"}
"""Told apart in the tests of the door itself: what a void link is answered is not found, too."""
GRANTS = {
    "viewer": ("viewer", str(refs.host("east"))),
    "console": ("console", str(refs.guest("east", plain.uuid(1)))),
    "operator": ("operator", str(refs.host("east"))),
    "auditor": ("auditor", Grant.EVERYTHING),
    "admin": ("administrator", Grant.EVERYTHING),
    "foreign": ("operator", str(refs.host("west"))),
}


@pytest.fixture
def cast(settings: Any) -> dict[str, int]:
    """Guests on two hosts, one person of each kind, and things to act upon."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    drive = DiskRecord("sda", "sata", "cdrom", "", "raw")
    first = plain.snapshot("first")
    disk = DiskRecord("vda", "virtio", "disk", "/images/disk", "qcow2")
    kept = {"snapshots": 1, "snapshot_tree": (first,)}
    mirrored(1, host="east", disks=(drive, disk), **kept, xml=RNG_XML)
    mirrored(9, host="east", bin={"name": "guest9", "at": 1.0})
    held(21, "disk", host="east")
    with_network(3, host="east")
    with_filter(4, host="east")
    mirrored(2, host="west")
    for name in SUBJECTS:
        if name == "anonymous":
            continue
        person = Person.objects.create_user(name, PASSWORD)
        if name in GRANTS:
            role, scope = GRANTS[name]
            Grant.objects.create(person=person, role=role, scope=scope)
    people.add_administrator(PORTAL, username="spare", password=PASSWORD)
    victim = Person.objects.create_user("victim", PASSWORD)
    team = Team.objects.create(name="Team")
    team.members.add(victim)
    CustomRole.objects.create(key="own", label="Own", verbs=["guest.view"])
    grant = Grant.objects.create(team=team, role="own", scope=Grant.EVERYTHING)
    project = Project.objects.create(name="Shop")
    part = refs.guest("east", plain.uuid(1))
    project.belongings.create(kind="guest", host="east", identity=part.id)
    RightsEpoch.advance()
    return {
        "project": project.pk,
        "part": str(part),
        "victim": victim.pk,
        "team": team.pk,
        "grant": grant.pk,
    }


@pytest.fixture
def enter(cast: dict[str, int]) -> Callable[[str], Client]:
    def client(subject: str) -> Client:
        made = Client()
        if subject == "half":
            factors.TOTP.activate(Person.objects.get(username="half"), "A" * 32)
            sent = made.post("/sign-in/", {"login": "half", "password": PASSWORD}, secure=True)
            assert sent.headers["Location"].startswith("/sign-in/code/")
        elif subject != "anonymous":
            made.force_login(Person.objects.get(username=subject))
        return made

    return client


def ask(client: Client, route: Route, cast: dict[str, int]) -> HttpResponseBase:
    data = {name: value.format(**cast) for name, value in route.data.items()}
    return getattr(client, route.method)(route.path.format(**cast), data, secure=True)


def kind_of(answer: HttpResponseBase) -> str:
    """in, sign-in, refused or hidden; a host that is away still let the person in."""
    if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/?next="):
        return "sign-in"
    return {401: "sign-in", 403: "refused", 404: "hidden"}.get(answer.status_code, "in")


def expected(route: Route, subject: str) -> str:
    if subject in route.allowed:
        return "in"
    if subject not in SIGNED_IN:
        return "sign-in"
    if subject in route.hidden or (subject == "nobody" and names_a_thing(route)):
        return "hidden"
    return "refused"


def names_a_thing(route: Route) -> bool:
    """For whom nothing exists, no thing does; lists and forms refuse in words."""
    return any("<" in door.address for door in doors() if door.name == route.name)


@functools.cache
def doors() -> tuple[charter.Door, ...]:
    """Read once: the charter reads the source of every view."""
    return tuple(charter.pages())


def test_every_address_is_in_the_table() -> None:
    named = {door.name for door in doors()}
    assert named - {route.name for route in ROUTES} == set(), "add it to tests/web/routes.py"
    assert {route.name for route in ROUTES} - named == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_everybody_gets_what_the_table_says(
    subject: str, enter: Callable[[str], Client], cast: dict[str, int]
) -> None:
    wrong = []
    client = enter(subject)
    for route in ROUTES:
        if route.name in OF_THE_DOOR:
            continue
        before = transaction.savepoint()
        found = kind_of(ask(client, route, cast))
        transaction.savepoint_rollback(before)
        judge.forget()
        if found != expected(route, subject):
            wrong.append((route.name, route.path, found, expected(route, subject)))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("path", ["", "definition/", "confirm/destroy/"])
def test_a_foreign_guest_looks_as_one_that_is_not(
    path: str, enter: Callable[[str], Client], cast: dict[str, int]
) -> None:
    client = enter("foreign")
    there = client.get(GUEST + path, secure=True)
    nowhere = client.get(NO_GUEST + path, secure=True)
    assert there.status_code == nowhere.status_code == 404
    assert stripped(there, GUEST) == stripped(nowhere, NO_GUEST)


def test_acts_on_a_foreign_guest_answer_as_on_one_that_is_not(
    enter: Callable[[str], Client], cast: dict[str, int]
) -> None:
    client = enter("foreign")
    for act in ("start/", "destroy/", "autostart/"):
        there = client.post(
            GUEST + act, {"enabled": "on"} if act == "autostart/" else {}, secure=True
        )
        nowhere = client.post(
            NO_GUEST + act, {"enabled": "on"} if act == "autostart/" else {}, secure=True
        )
        assert there.status_code == nowhere.status_code == 404
        assert stripped(there, GUEST) == stripped(nowhere, NO_GUEST)


def test_who_holds_nothing_is_told_how_to_ask_everywhere(
    enter: Callable[[str], Client], cast: dict[str, int]
) -> None:
    client = enter("nobody")
    bodies = {stripped(client.get(path, secure=True), path) for path in ("/", "/guests/", GUEST)}
    assert len(bodies) == 1
    assert "nothing was granted" in bodies.pop()


def stripped(answer: Any, path: str) -> str:
    """The body without what differs at every request: tokens and the address asked for."""
    body = re.sub(r"[A-Za-z0-9]{64}", "", answer.content.decode())
    if path != "/":
        body = body.replace(path, "/").replace(path.replace("/", "%2F"), "%2F")
    return re.sub(r"(page=|value=\")[^\"&]*", "", body)
