"""Open consoles held against time and measure, and whose address is written down."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core.details import Sitter
from kvmweb.core.refs import Ref
from kvmweb.live import consoles_hall
from kvmweb.services import seats
from kvmweb.store.models import AuditEntry, CustomRole, Grant, RightsEpoch, Session
from tests.live.conftest import GUEST
from tests.live.synthetic import Worker, heard
from tests.live.test_consoles import KEY, LOOK, Enter, closed, screen, shown, told

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def test_a_removed_grant_closes_the_console_within_2_s(visitor: Enter, worker: Worker) -> None:
    li = visitor("li")
    with screen(li, worker, 0) as socket:
        time.sleep(1.2)
        Grant.objects.filter(person=li.person).delete()
        RightsEpoch.advance()
        began = time.monotonic()
        assert closed(socket) == (4403, "revoked")
        assert time.monotonic() - began < 2


def test_an_ended_session_closes_the_console_within_2_s(visitor: Enter, worker: Worker) -> None:
    li = visitor("li")
    with screen(li, worker, 0) as socket:
        time.sleep(1.2)
        Session.objects.filter(person=li.person).delete()
        began = time.monotonic()
        assert closed(socket) == (4401, "signed-out")
        assert time.monotonic() - began < 2


def test_a_person_switched_off_loses_the_console(visitor: Enter, worker: Worker) -> None:
    li = visitor("li")
    with screen(li, worker, 0) as socket:
        time.sleep(1.2)
        li.person.is_active = False
        li.person.save()
        assert closed(socket, 2)[0] == 4401


def test_a_grant_that_ends_by_time_closes_the_console_within_2_s(
    visitor: Enter, worker: Worker
) -> None:
    li = visitor("li")
    with screen(li, worker, 0) as socket:
        time.sleep(1.2)
        Grant.objects.filter(person=li.person).update(ends_at=timezone.now() + timedelta(seconds=2))
        RightsEpoch.advance()
        time.sleep(1.5)
        socket.ping().wait(1)  # still open: the grant stands
        ends = Grant.objects.get(person=li.person).ends_at
        assert ends is not None
        assert closed(socket) == (4403, "revoked")
        assert timezone.now() - ends < timedelta(seconds=2)


def test_a_right_to_drive_that_ends_by_time_leaves_a_watcher(
    visitor: Enter, worker: Worker
) -> None:
    CustomRole.objects.create(key="watcher", label="Watcher", verbs=["guest.view", "console.watch"])
    li = visitor("li")
    Grant.objects.filter(person=li.person).update(ends_at=timezone.now() + timedelta(seconds=2))
    Grant.objects.create(person=li.person, role="watcher", scope=str(GUEST))
    RightsEpoch.advance()
    with screen(li, worker, 0) as socket:
        told(socket, drives=True)
        told(socket, drives=False, may_drive=False)
        socket.send(KEY + LOOK)
        assert heard(worker.screen()) == LOOK


FROM = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}


def addresses() -> list[str]:
    """Of the console's entries, once it was closed."""
    until = time.monotonic() + 5
    while not AuditEntry.objects.filter(verb="console.close").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return list(AuditEntry.objects.filter(verb__startswith="console.").values_list("address"))


def test_the_audit_names_the_person_behind_a_trusted_proxy(
    visitor: Enter, worker: Worker, settings: Any
) -> None:
    settings.KVMWEB_TRUSTED_PROXIES = ["127.0.0.0/8", "::1"]
    with visitor("li").open("serial", headers=FROM) as socket:
        told(socket, drives=True)
    assert addresses() == [("192.0.2.7",)] * 2


def test_anybody_elses_forwarding_header_is_not_believed(visitor: Enter, worker: Worker) -> None:
    with visitor("li").open("serial", headers=FROM) as socket:
        told(socket, drives=True)
    assert {address for (address,) in addresses()} <= {"127.0.0.1", "::1"}


def test_asking_too_often_is_refused_and_written_nowhere(visitor: Enter, worker: Worker) -> None:
    with visitor("li").open("serial") as first, visitor("wu").open("serial") as second:
        told(first, drives=True)
        told(second, drives=False)
        for _ in range(200):
            second.send(json.dumps({"type": "take"}))
        told(second, type="problem", problem="too-often")
        worker.serial(1).sendall(b"login: ")
        assert shown(second, 7) == b"login: "
        assert AuditEntry.objects.filter(verb="console.drive").count() < 40
        time.sleep(1.2)
        second.send(json.dumps({"type": "ask"}))
        while not any(one["asks"] for one in told(first, type="seats")["seats"]):
            pass


def test_who_sits_down_while_the_seats_are_looked_at_keeps_the_seat(
    visitor: Enter, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, looked = threading.Event(), seats.sitters

    def slowly(ref: Ref) -> list[Sitter]:
        found = looked(ref)
        if not looking.is_set():
            looking.set()
            time.sleep(1.5)
        return found

    li, wu = visitor("li"), visitor("wu")
    with li.open("serial") as first:
        told(first, drives=True)
        time.sleep(0.5)
        monkeypatch.setattr(consoles_hall.seats, "sitters", slowly)
        first.send(json.dumps({"type": "release"}))
        assert looking.wait(5)
        with wu.open("serial") as second:
            assert told(second, type="seats")["me"]
            worker.serial(1).sendall(b"login: ")
            assert shown(second, 7) == b"login: "


def test_a_new_window_drives_on_and_one_that_comes_back_takes_nothing(
    visitor: Enter, worker: Worker
) -> None:
    li = visitor("li")
    with li.open("serial") as card, li.open("serial") as window:
        told(window, drives=True)
        seats_of_card = told(card, type="seats", drives=False)["seats"]
        assert [one["own"] for one in seats_of_card] == [True, True]
        card.close()
        with li.open("serial", "beside") as again:
            assert told(again, type="seats")["drives"] is False
            again.send(b"no\n")
            window.send(b"yes\n")
            assert heard(worker.serial(1)) == b"yes\n"
            assert heard(worker.serial(2)) == b""
            again.send(json.dumps({"type": "take"}))
            told(again, drives=True)
            told(window, drives=False)


def test_a_window_that_comes_back_drives_when_nobody_does(visitor: Enter, worker: Worker) -> None:
    with visitor("li").open("serial", "beside") as socket:
        told(socket, drives=True)
        socket.send(b"yes\n")
        assert heard(worker.serial()) == b"yes\n"
