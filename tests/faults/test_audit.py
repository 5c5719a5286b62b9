"""Nothing fails open: where the audit cannot be written, no change runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from kvmweb.access.verbs import VERBS
from kvmweb.management import charter
from kvmweb.services import consoles, guest_page, power_line
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry, Seat, Ticket
from kvmweb.ui import links
from tests.hub import plain
from tests.services.stage import mirrored, person
from tests.web.test_guest_pages import signed_in

pytestmark = pytest.mark.django_db


def changes() -> list[tuple[str, Callable[..., Any]]]:
    """Every service that is guarded by a verb that changes something.

    Left out: who writes an entry of their own, and parts of acts that do (`is_audited=False`).
    """
    found = []
    for name, mark in charter.promises().items():
        is_guarded = mark is not None and mark.style == "guarded"
        if is_guarded and mark.is_audited and VERBS[mark.verb].is_change:
            module, _dot, function = name.partition(".")
            service = getattr(importlib.import_module(f"kvmweb.services.{module}"), function)
            found.append((name, service))
    return found


@pytest.fixture
def no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_named: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(AuditEntry, "save", full)


@pytest.mark.parametrize("service", [s for _, s in changes()], ids=[name for name, _ in changes()])
def test_no_change_begins_without_its_entry(service: Callable[..., Any], no_audit: None) -> None:
    """Called without its further arguments: a body that was reached would complain of that."""
    admin, (ref,) = person("ada", "administrator"), mirrored(1)
    is_of_portal = VERBS[service.__mark__.verb].kind is None  # type: ignore[attr-defined]
    given: tuple[Any, ...] = (admin,) if is_of_portal else (admin, ref)
    with pytest.raises(OperationalError):
        service(*given)


def test_a_click_does_nothing_and_the_page_says_why(
    no_audit: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(power_line, "carry_out", lambda *given: done.append(given) or Outcome.DONE)
    (ref,) = mirrored(1)
    client = signed_in(person("ann", "operator"))
    answer = client.post(f"{links.of(ref)}destroy/", HTTP_HX_REQUEST="true")
    assert answer.status_code == 503
    assert "cannot use its database" in answer.text
    assert done == []
    assert guest_page.name(person("eve", "viewer"), ref) == plain.guest(1)["record"]["name"]


def test_no_console_opens_and_no_seat_is_taken(no_audit: None) -> None:
    (ref,) = mirrored(1)
    ticket = Ticket(kind="serial", device="serial0", mode="drive")
    with pytest.raises(OperationalError):
        consoles.open_(person("ann", "operator"), ref, ticket)
    assert not Seat.objects.exists()
