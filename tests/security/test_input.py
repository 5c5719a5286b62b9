"""What no form of ours sends: answered with 400 or in words, never with a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from kvmweb.core.refs import Ref
from kvmweb.live import pages
from kvmweb.store.models import Job
from tests.hub import plain
from tests.services.stage import mirrored, person
from tests.web.routes import ROUTES
from tests.web.test_guest_pages import signed_in

pytestmark = pytest.mark.django_db
BROKEN = {"nul": "%00", "half": "%ED%A0%80", "cut": "%F0%9F", "odd": "%FF"}
NAMES = ("q", "search", "host", "tag", "state", "sort", "page", "columns", "guest", "person",
         "about", "verb", "outcome", "since", "until", "to", "next", "part", "dialog", "console",
         "tab", "kind", "window")  # fmt: skip
ODD = ("\x01\x1b[2J", "\u202e", "\U0010ffff", "9" * 400, "-1", "[]", "a" * 3000, "0")
READ = sorted({route.path for route in ROUTES if route.method == "get" and "{" not in route.path})


@pytest.fixture
def ada() -> Client:
    mirrored(1)
    return signed_in(person("ada", "administrator"))


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_query_is_400_on_every_page(ada: Client, broken: str) -> None:
    wrong = {}
    for path in READ:
        path = path.partition("?")[0]
        for query in (f"{'&'.join(f'{name}=a{broken}b' for name in NAMES)}", f"x{broken}=1"):
            found = ada.get(path, QUERY_STRING=query).status_code
            if found != 400:
                wrong[path] = found
    assert wrong == {}


def test_an_odd_value_in_every_field_is_no_fault(ada: Client) -> None:
    faults = []
    for path in READ:
        path = path.partition("?")[0]
        asked = [dict.fromkeys(NAMES, value) for value in ODD]
        # Alone too: a field that is refused hides the faults of the others.
        asked += [{name: ODD[at % len(ODD)]} for at, name in enumerate(NAMES[:8])]
        for query in asked:
            status = ada.get(path, query).status_code
            if status >= 500 and status != 503:
                faults.append((path, query, status))
    assert faults == []


def test_a_broken_query_is_refused_in_the_readers_words(ada: Client) -> None:
    answer = ada.get("/guests/?q=%00")
    assert "Something in the form is not right" in answer.text


@pytest.mark.parametrize("broken", ["\x00", "\ud800"], ids=["nul", "half"])
def test_a_posted_value_that_no_database_takes_is_no_fault(ada: Client, broken: str) -> None:
    value = f"a{broken}b".encode("utf-8", "surrogatepass").decode("latin-1")
    body = "&".join(f"{name}={value}" for name in ("username", "display_name", "email"))
    kind = "application/x-www-form-urlencoded"
    for path in ("/people/add/", "/hosts/add/", "/people/teams/add/", "/sign-in/"):
        answer = ada.post(path, body.encode("latin-1"), content_type=kind)
        assert answer.status_code < 500, path
    answer = ada.post("/people/teams/add/", {"name": "a\x00b"})
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "said",
    [
        {"page": "/guests/?q=\ud800", "rev": 0},
        {"beside": "/activity/\udfff/"},
        {"beside": 5},
        {"beside": "x" * 5000},
        {"page": 5, "rev": 0},
        [],
        {"rev": 0},
    ],
)
def test_a_live_message_of_half_characters_is_no_message(said: Any) -> None:
    text = json.dumps(said)
    assert pages._hello(text) is None
    assert pages._beside(text) is None


def wanted(number: int) -> list[str]:
    return [f"guest:east:{plain.uuid(n)}" for n in range(1, number + 1)]


def test_a_press_on_a_thousand_guests_is_one_job(ada: Client) -> None:
    answer = ada.post("/guests/bulk/", {"verb": "start", "ref": wanted(1000)})
    assert answer.status_code == 302
    assert len(Job.objects.get().steps) == 1000


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(1001, "at most 1000 at once"), (1500, "Choose at most 1,000")],
)
@pytest.mark.parametrize("htmx", [{}, {"HTTP_HX_REQUEST": "true"}], ids=["page", "toast"])
def test_a_press_on_more_says_how_many_are_possible(
    ada: Client, number: int, sentence: str, htmx: dict[str, str]
) -> None:
    answer = ada.post("/guests/bulk/", {"verb": "start", "ref": wanted(number)}, **htmx)
    assert answer.status_code in (400, 422)
    assert sentence in answer.text
    assert not Job.objects.exists()


def test_refs_are_what_the_list_sends() -> None:
    assert str(Ref.parse(wanted(1)[0])) == wanted(1)[0]
