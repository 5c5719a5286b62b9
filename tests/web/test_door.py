"""Sign in and out, the second step, sessions, links: through the pages."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
import time_machine
from allauth.mfa.totp.internal import auth as totp
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from kvmweb.core.actors import PORTAL
from kvmweb.services import people, throttle
from kvmweb.store.models import AuditEntry, Person, RightsEpoch, Session

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> Person:
    people.add_administrator(PORTAL, username="ada", password=PASSWORD)
    return Person.objects.get(username="ada")


def post(client: Client, path: str, **data: str) -> Any:
    return client.post(path, data, secure=True)


def get(client: Client, path: str) -> Any:
    return client.get(path, secure=True)


def sign_in(name: str = "ada", password: str = PASSWORD, address: str = "") -> tuple[Client, Any]:
    client = Client(**({"REMOTE_ADDR": address} if address else {}))
    return client, post(client, "/sign-in/", login=name, password=password)


def code_now(secret: str) -> str:
    time.sleep(30 - time.time() % 30 if time.time() % 30 > 27 else 0)
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def turn_on(client: Client) -> tuple[str, list[str]]:
    """The secret and the recovery codes of a second factor that is on now."""
    get(client, "/me/second-factor/")
    secret = client.session["offered_secret"]
    done = post(client, "/me/second-factor/", code=code_now(secret))
    assert done.status_code == 302
    page = get(client, "/me/second-factor/codes/").content.decode()
    return secret, re.findall(r"<code>(\d+)</code>", page)


def test_setup_link_leads_to_the_first_administrator() -> None:
    client, path = Client(), people.setup_link()
    first = get(client, path)
    assert (first.status_code, first["Referrer-Policy"]) == (302, "no-referrer")
    assert first["Location"] == "/setup/"
    given = {"username": "ada", "password": PASSWORD, "again": PASSWORD, "language": "zh-hans"}
    assert post(client, "/setup/", **{**given, "again": "different"}).status_code == 422
    done = post(client, "/setup/", **given)
    assert done.status_code == 302
    assert done.cookies["kvmweb_language"].value == "zh-hans"
    assert get(client, "/me/").status_code == 200
    late = Client()
    get(late, path)
    assert get(late, "/setup/").status_code == 404


def test_the_token_of_a_link_stands_in_no_page_and_no_log(caplog: Any) -> None:
    client, path = Client(), people.setup_link()
    token = path.split("/")[2]
    caplog.set_level("DEBUG")
    get(client, path)
    assert token not in get(client, "/setup/").content.decode()
    assert token not in caplog.text
    assert token not in str(list(AuditEntry.objects.values_list()))


def test_sign_in_makes_a_new_session_key(ada: Person) -> None:
    client = Client()
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["kvmweb_session"] = session.session_key
    post(client, "/sign-in/", login="ada", password=PASSWORD)
    assert client.cookies["kvmweb_session"].value != session.session_key
    assert get(client, "/me/").status_code == 200


def test_wrong_answers_of_the_door_are_the_same(ada: Person) -> None:
    Person.objects.create_user("off", PASSWORD, is_active=False)
    seen = set()
    for name, password in (("ada", "wrong"), ("nobody", "wrong"), ("off", PASSWORD)):
        _client, answer = sign_in(name, password)
        body = answer.content.decode().replace(f'value="{name}"', "")
        seen.add((answer.status_code, re.sub(r"[A-Za-z0-9]{64}", "", body)))
    assert len(seen) == 1


def test_after_five_failures_the_door_waits_and_then_opens(ada: Person) -> None:
    with time_machine.travel(timezone.now()) as clock:
        for _ in range(5):
            assert sign_in(password="wrong")[1].status_code == 422
        assert sign_in()[1].status_code == 429
        clock.shift(throttle.DELAY_MAX_S)
        assert sign_in()[1].status_code == 302


def test_guessing_from_elsewhere_never_locks_the_owner_out(ada: Person) -> None:
    for number in range(40):
        for _ in range(6):
            sign_in(password="wrong", address=f"198.51.100.{number}")
    assert sign_in(address="203.0.113.5")[1].status_code == 302


def test_one_address_guessing_many_names_is_slowed(ada: Person) -> None:
    codes = [sign_in(f"name{n}", "x", "198.51.100.7")[1].status_code for n in range(60)]
    assert 429 in codes
    assert sign_in(address="203.0.113.5")[1].status_code == 302


def test_an_address_is_not_spoofed_by_a_header(ada: Person) -> None:
    client = Client()
    client.post(
        "/sign-in/", {"login": "ada", "password": "x"}, secure=True,
        headers={"X-Forwarded-For": "203.0.113.9"},
    )  # fmt: skip
    assert AuditEntry.objects.latest("pk").address == "127.0.0.1"


def test_only_own_addresses_are_gone_to_after_sign_in(ada: Person) -> None:
    for next_ in ("https://evil.example/", "//evil.example", "javascript:alert(1)", r"/\evil"):
        client = Client()
        sent = post(client, "/sign-in/", login="ada", password=PASSWORD, next=next_)
        assert sent["Location"] == "/"
    assert post(Client(), "/sign-in/", login="ada", password=PASSWORD, next="/me/")[
        "Location"
    ] == "/me/"  # fmt: skip


def test_half_signed_in_can_do_nothing_else(ada: Person) -> None:
    client, _ = sign_in()
    _secret, codes = turn_on(client)
    half, answer = sign_in()
    assert answer["Location"].startswith("/sign-in/code/")
    for path in ("/", "/me/", "/people/", "/session/"):
        assert get(half, path)["Location"].startswith("/sign-in/")
    assert post(half, "/sign-in/code/", code="000000").status_code == 422
    assert post(half, "/sign-in/code/", code=codes[0]).status_code == 302
    assert get(half, "/me/").status_code == 200
    again, _ = sign_in()
    assert post(again, "/sign-in/code/", code=codes[0]).status_code == 422


def test_a_code_works_once(ada: Person) -> None:
    client, _ = sign_in()
    secret, _codes = turn_on(client)
    code = code_now(secret)
    first, _ = sign_in()
    second, _ = sign_in()
    assert post(first, "/sign-in/code/", code=code).status_code == 302
    assert post(second, "/sign-in/code/", code=code).status_code == 422


def test_the_second_step_expires_and_ends_with_a_new_password(ada: Person) -> None:
    client, _ = sign_in()
    _secret, codes = turn_on(client)
    half, _ = sign_in()
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=6)):
        assert post(half, "/sign-in/code/", code=codes[0])["Location"] == "/sign-in/"
    half, _ = sign_in()
    ada.refresh_from_db()
    ada.set_password("another password")
    ada.save()
    assert post(half, "/sign-in/code/", code=codes[1])["Location"] == "/sign-in/"


def test_changing_the_factor_asks_for_the_password_again(ada: Person) -> None:
    client, _ = sign_in()
    turn_on(client)
    Session.objects.update(confirmed_at=timezone.now() - dt.timedelta(minutes=6))
    asked = post(client, "/me/second-factor/off/")
    assert asked["Location"].startswith("/me/confirm/")
    assert post(client, "/me/confirm/", password="wrong").status_code == 422
    assert post(client, "/me/confirm/", password=PASSWORD).status_code == 302
    assert post(client, "/me/second-factor/off/").status_code == 302
    assert sign_in()[1]["Location"] == "/"


def test_who_gives_no_password_goes_back_to_where_they_came_from(ada: Person) -> None:
    client, _ = sign_in()
    page = "/me/confirm/?next=/networks/filters/create/"
    for came, leads in {
        "https://testserver/networks/filters/?q=a": "/networks/filters/?q=a",
        "https://testserver/networks/filters/create/": "/me/",
        "https://testserver/me/confirm/": "/me/",
        "https://testserver/sign-in/": "/me/",
        "https://testserver/no/such/page/": "/me/",
        "https://evil.example/networks/": "/me/",
        "javascript:alert(1)": "/me/",
    }.items():
        body = client.get(page, secure=True, HTTP_REFERER=came).content.decode()
        assert f'pf-m-link" href="{leads}"' in body, came
    again = post(client, page, password="wrong", back="/networks/filters/").content.decode()
    assert 'pf-m-link" href="/networks/filters/"' in again
    assert "evil" not in post(client, page, password="", back="//evil.example/").content.decode()


def test_a_new_password_ends_all_other_sessions(ada: Person) -> None:
    here, _ = sign_in()
    there, _ = sign_in()
    before = RightsEpoch.current()
    new = "a new long password"
    changed = post(here, "/me/password/", old=PASSWORD, password=new, again=new)
    assert changed.status_code == 302
    assert get(here, "/me/").status_code == 200
    assert get(there, "/me/").status_code == 302
    assert RightsEpoch.current() > before


def test_a_session_can_be_ended_from_another(ada: Person) -> None:
    here, _ = sign_in()
    there, _ = sign_in()
    other = Session.objects.get(key_hash=people.session_hash(there.session.session_key))
    assert post(here, f"/me/sessions/{other.pk}/end/").status_code == 302
    assert get(there, "/me/").status_code == 302
    assert get(here, "/me/").status_code == 200


def test_signing_out_ends_the_session_also_for_a_kept_cookie(ada: Person) -> None:
    client, _ = sign_in()
    cookie = client.cookies["kvmweb_session"].value
    post(client, "/sign-out/")
    thief = Client()
    thief.cookies["kvmweb_session"] = cookie
    assert get(thief, "/me/").status_code == 302


def test_idle_and_absolute_times_end_a_session(ada: Person, settings: Any) -> None:
    start = timezone.now()
    with time_machine.travel(start) as clock:
        client, _ = sign_in()
        for _ in range(4):
            clock.shift(settings.KVMWEB_IDLE_S - 60)
            assert get(client, "/me/").status_code == 200
        clock.shift(settings.KVMWEB_IDLE_S + 1)
        assert get(client, "/me/").status_code == 302
        client, _ = sign_in()
        begun = timezone.now()
        while timezone.now() - begun < dt.timedelta(seconds=settings.KVMWEB_ABSOLUTE_S - 1200):
            clock.shift(1200)
            assert get(client, "/me/").status_code == 200, timezone.now() - begun
        clock.shift(1201)
        assert get(client, "/me/").status_code == 302


def test_asking_how_long_is_left_is_no_activity(ada: Person, settings: Any) -> None:
    with time_machine.travel(timezone.now()) as clock:
        client, _ = sign_in()
        clock.shift(settings.KVMWEB_IDLE_S - 100)
        assert get(client, "/session/").json()["left"] <= 100
        clock.shift(60)
        assert get(client, "/session/").json()["left"] <= 40
        assert post(client, "/session/stay/").json()["left"] > settings.KVMWEB_IDLE_S - 10


def test_a_disabled_person_is_out_at_once(ada: Person) -> None:
    person_id, _ = people.add(PORTAL, username="bob", password=PASSWORD)
    client, _ = sign_in("bob")
    assert get(client, "/me/").status_code == 200
    people.set_active(PORTAL, person_id, is_active=False)
    assert get(client, "/me/").status_code == 302


def test_an_unknown_or_repeated_field_is_refused(ada: Person) -> None:
    client, _ = sign_in()
    assert post(client, "/people/add/", username="x", is_active="1").status_code == 400
    twice = {"username": ["x", "y"], "display_name": "", "email": "", "password": ""}
    assert client.post("/people/add/", twice, secure=True).status_code == 400
    assert get(client, "/activity/audit/?evil=1").status_code == 400


def test_bad_input_keeps_what_was_typed(ada: Person) -> None:
    client, _ = sign_in()
    answer = post(
        client, "/people/add/", username="a b<x>", display_name="Name", email="no", password="sh0rt"
    )
    body = answer.content.decode()
    assert answer.status_code == 422
    assert "a b&lt;x&gt;" in body
    assert 'value="Name"' in body
    assert "sh0rt" not in body
    assert body.count('class="field-error"') == 3, "the password as well as the name and the mail"


async def whole(answer: Any) -> bytes:
    return b"".join([part async for part in answer.streaming_content])


def test_the_audit_exports_no_formulas_and_no_hidden_signs(ada: Person) -> None:
    client, _ = sign_in()
    post(client, "/people/teams/add/", name="=HYPERLINK(1)")
    Person.objects.create(username="x", display_name="a\nb\u202e")
    answer = get(client, "/activity/audit/export/")
    body = async_to_sync(whole)(answer).decode()
    assert "'=HYPERLINK(1)" in body
    assert ",=HYPERLINK" not in body


def test_hostile_names_stay_on_their_line_in_the_audit() -> None:
    from kvmweb.core.actors import Actor
    from kvmweb.services import audit

    audit.note(Actor(0, "evil\n2026 ada start ok\x1b[2J\u202e"), "sign-in")
    name = AuditEntry.objects.latest("pk").person_name
    assert name == "evil\\u000a2026 ada start ok\\u001b[2J\\u202e"
