"""The portal's own database locked or full: said within five seconds, and nothing half done."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from kvmweb.services import people
from tests.e2e.portal import Portal
from tests.faults.conftest import RUNNING, Visitor, until

SAID_WITHIN_S = 5.0
GUEST = f"/guests/demo/{RUNNING}/"


def acts(folder: Path, verb: str) -> list[str]:
    with sqlite3.connect(f"file:{folder}/kvmweb.sqlite3?mode=ro", uri=True) as line:
        found = line.execute("SELECT outcome FROM store_auditentry WHERE verb = ?", [verb])
        return [outcome for (outcome,) in found]


def test_a_long_lock_is_said_within_five_seconds_and_nothing_is_done(
    new_portal: Callable[..., Portal], tmp_path: Path
) -> None:
    portal = new_portal()
    ada = Visitor(portal)
    with sqlite3.connect(tmp_path / "kvmweb.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answer = ada.post(f"{GUEST}suspend/")
        assert time.monotonic() - began < SAID_WITHIN_S
        assert answer.status_code == 503
        assert "The portal cannot use its database now" in answer.text
        began = time.monotonic()
        page = ada.get(GUEST)
        assert time.monotonic() - began < SAID_WITHIN_S
        assert (page.status_code, "test" in page.text) == (200, True)
        began = time.monotonic()
        sign_in = Visitor(portal)
        assert time.monotonic() - began < SAID_WITHIN_S
        assert sign_in.answer.status_code == 503
        other.execute("ROLLBACK")
    assert acts(tmp_path, "guest.suspend") == []
    assert "Running" in ada.get(GUEST).text
    assert ada.post(f"{GUEST}suspend/").status_code in (200, 204)
    assert acts(tmp_path, "guest.suspend") == ["ok"]
    until(lambda: "Paused" in ada.get(GUEST).text)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.lab
def test_a_full_disk_is_said_and_all_is_well_when_there_is_room_again(
    new_portal: Callable[..., Portal], small_disk: Path
) -> None:
    portal = new_portal(small_disk)
    ada = Visitor(portal)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))
    try:
        answer = ada.post(f"{GUEST}suspend/")
        assert answer.status_code == 503
        assert "The portal cannot use its database now" in answer.text
        page = ada.get(GUEST)
        assert page.status_code == 200
        assert "Running" in page.text
        assert acts(small_disk, "guest.suspend") == []
    finally:
        filler.unlink()
    assert ada.post(f"{GUEST}suspend/").status_code in (200, 204)
    until(lambda: "Paused" in ada.get(GUEST).text)


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("htmx", [{}, {"HTTP_HX_REQUEST": "true"}], ids=["page", "toast"])
def test_a_database_that_is_away_is_said_even_where_nobody_can_be_known(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], htmx: dict[str, str]
) -> None:
    def away(*_arguments: object) -> None:
        raise error("server closed the connection, password=hunter2")

    monkeypatch.setattr(people, "actor_of", away)
    answer = Client(raise_request_exception=False).get("/guests/", **htmx)
    assert answer.status_code == 503
    assert "The portal cannot use its database now" in answer.text
    assert "hunter2" not in answer.text
