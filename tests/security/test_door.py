"""The door and what lies behind it, against somebody who tries."""

from __future__ import annotations

import datetime as dt
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.errors import Denied, Invalid
from kvmweb.core.refs import Ref
from kvmweb.services import addresses, grants, people, roles
from kvmweb.services.addresses import Address, Transport
from kvmweb.store.models import CustomRole, Grant, Person, RightsEpoch
from tests.services.stage import mirrored

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def person(name: str, *verbs: str, **terms: Any) -> Actor:
    made = Person.objects.create_user(name, PASSWORD)
    if verbs:
        CustomRole.objects.create(key=f"of-{name}", label=name, verbs=list(verbs))
        Grant.objects.create(person=made, role=f"of-{name}", scope=Grant.EVERYTHING, **terms)
        RightsEpoch.advance()
    return Actor(made.pk, name)


def test_counted_attempts_are_not_pushed_out_by_pictures_of_guests() -> None:
    person("ada")
    for _ in range(5):
        Client().post("/sign-in/", {"login": "ada", "password": "wrong"}, secure=True)
    for number in range(1000):
        cache.set(f"picture-lab-{number}", b"")
    right = Client().post("/sign-in/", {"login": "ada", "password": PASSWORD}, secure=True)
    assert right.status_code == 429


def test_who_becomes_an_administrator_tomorrow_is_not_ruled_by_a_helper_today() -> None:
    helper = person("helper", "people.change", "people.view")
    soon = Person.objects.create_user("soon", PASSWORD)
    terms = grants.Terms("administrator", starts_at=timezone.now() + dt.timedelta(days=1))
    grants.give(PORTAL, terms, person_id=soon.pk)
    for act in (people.reset_link, people.end_sessions, people.reset_factor):
        with pytest.raises(Denied):
            act(helper, soon.pk)
    with pytest.raises(Denied):
        people.set_password(helper, soon.pk, "another horse battery")


def test_choices_of_a_grant_name_nothing_that_the_giver_cannot_see() -> None:
    mirrored(1)
    giver = person("giver", "people.view", "people.grant")
    assert (grants.guests_like(giver, ""), grants.hosts(giver)) == ([], [])
    assert roles.list_(giver)


@pytest.mark.parametrize(
    "scope", ["host:east:more", "guest:east", "guest:east:<b>", "guest:east:" + "a" * 99, "x:east"]
)
def test_a_scope_that_is_no_thing_is_refused(scope: str) -> None:
    mirrored(1)
    who = Person.objects.create_user("who", PASSWORD)
    with pytest.raises(Invalid):
        grants.give(PORTAL, grants.Terms("viewer", scope), person_id=who.pk)


@pytest.mark.parametrize("text", ["guest:a:x y", "guest:a:\n", "guest:a:1:2", "guest:A:1", "guest"])
def test_what_is_no_identity_is_no_ref(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Ref.parse(text)


@pytest.mark.parametrize(
    "machine",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "-oProxyCommand=true",
        "a;true",
        "$(true)",
        "h?command=x",
        "h/system",
        "h\n-o",
        "a b",
    ],
)
def test_no_host_is_added_at_a_place_that_is_no_machine(machine: str) -> None:
    for transport in (Transport.SSH, Transport.TLS):
        with pytest.raises(Invalid):
            addresses.uri(Address(transport, machine))


@pytest.mark.parametrize(
    "path", ["/sign-out/", "/preferences/theme/", "/preferences/language/", "/hosts/east/remove/"]
)
def test_a_small_form_too_refuses_what_it_does_not_know(path: str) -> None:
    mirrored(1)
    people.add_administrator(PORTAL, username="ada", password=PASSWORD)
    client = Client()
    client.force_login(Person.objects.get(username="ada"))
    given = {"theme": "dark"} if "theme" in path else {"language": "en"} if "lang" in path else {}
    assert client.post(path, {**given, "is_admin": "1"}, secure=True).status_code == 400
    assert client.post(path, given, secure=True).status_code == 302


def test_no_page_is_kept_by_a_cache_not_even_the_door() -> None:
    for path in ("/sign-in/", "/setup/", "/reset/"):
        assert Client().get(path, secure=True)["Cache-Control"] == "no-store"


def test_what_a_command_writes_is_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    environment = {**os.environ, "KVMWEB_DATA_DIR": str(folder)}
    environment.pop("PYTEST_VERSION", None)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "store", "0001", "-v0"],
        cwd=ROOT, env=environment, check=True, preexec_fn=lambda: os.umask(0o022),
    )  # fmt: skip
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert "kvmweb.sqlite3" in modes
    assert not [name for name, mode in modes.items() if mode & 0o077]
