"""Parts of the frame that are rendered once show what they are given, and nothing of another."""

import re

import pytest
from django.template import Context, Template
from django.test import Client, override_settings
from django.urls import set_script_prefix
from django.utils import translation

from tests import mirrors

MASTHEAD = '{% load kept %}{% kept "parts/masthead.html" person=person theme=theme %}'


def masthead(person: str = "ann", theme: str = "dark", token: str = "t1") -> str:
    context = {"person": person, "theme": theme, "csrf_token": token, "actor": "somebody else"}
    return Template(MASTHEAD).render(Context(context))


def test_the_same_values_look_the_same_but_for_the_token() -> None:
    first, second = masthead(token="first-token"), masthead(token="second-token")
    assert "first-token" in first
    assert "first-token" not in second
    assert first.replace("first-token", "second-token") == second


@pytest.mark.parametrize("other", [{"person": "bob"}, {"theme": "light"}])
def test_another_value_looks_different(other: dict[str, str]) -> None:
    assert masthead(**other) != masthead()


def test_nothing_but_what_is_named_reaches_it() -> None:
    assert "somebody else" not in masthead()


def test_each_language_has_its_own() -> None:
    english = masthead()
    with translation.override("zh-hans"):
        assert masthead() != english
    assert masthead() == english


def test_addresses_stand_below_the_prefix_of_the_request() -> None:
    before = masthead()
    try:
        set_script_prefix("/below/")
        assert 'action="/below/sign-out/"' in masthead()
    finally:
        set_script_prefix("/")
    assert masthead() == before


def test_a_name_is_escaped() -> None:
    assert "<b>" not in masthead(person="<b>")


@pytest.mark.django_db
@override_settings(SESSION_COOKIE_SECURE=False)
def test_two_people_are_never_mixed_up() -> None:
    pages = {}
    for name in ("ann", "bob"):
        client = Client()
        client.force_login(mirrors.person(name, ("administrator", "everything")))
        pages[name] = client.get("/guests/").content.decode()
    tokens = {name: set(re.findall(r"[A-Za-z0-9]{64}", page)) for name, page in pages.items()}
    assert len(tokens["ann"]) == len(tokens["bob"]) == 1
    assert tokens["ann"] != tokens["bob"]
    assert ">bob<" not in pages["ann"]
    assert ">ann<" not in pages["bob"]
