"""The console's card over HTTP: what it offers while there is nothing to show."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core.records import GuestState
from tests.services.stage import mirrored, person
from tests.web.test_guest_pages import HTMX, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    cache.clear()
    return signed_in(person("op", "operator"))


@pytest.mark.parametrize(("is_saved", "label"), [(False, "Start"), (True, "Restore")])
def test_a_guest_that_is_off_is_started_or_restored_as_its_head_says(
    operator: Client, is_saved: bool, label: str
) -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.SHUT_OFF, has_saved_state=is_saved)
    card = f"/consoles/{ref.host}/{ref.id}/card/"
    off = operator.get(f"{card}?part=off", **HTMX).content.decode()
    assert f"<span>{label}</span>" in off
    assert ("saved" in off) is is_saved


def test_tools_that_need_a_console_say_so_in_the_page(operator: Client) -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.SHUT_OFF)
    page = operator.get(f"/consoles/{ref.host}/{ref.id}/card/").content.decode()
    assert 'data-act="picture" data-needs="open"' in page
    assert "Possible once the console is connected." in page


def test_a_guest_without_any_console_is_sent_to_its_hardware(operator: Client) -> None:
    (ref,) = mirrored(1, name="web01", has_screen=False)
    page = operator.get(f"/consoles/{ref.host}/{ref.id}/card/").content.decode()
    assert "Hardware → Add" in page
    assert f'href="/guests/{ref.host}/{ref.id}/#{ref.dom_id}-hardware"' in page


def test_a_window_is_told_whether_its_guest_runs(operator: Client) -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.SHUT_OFF)
    answer = operator.get(f"/consoles/{ref.host}/{ref.id}/card/?part=state", **HTMX)
    assert answer.json() == {"state": "shut-off"}
