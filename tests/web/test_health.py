"""Alive and ready: without sign-in, without secrets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command, get_commands
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from django_tasks_db.management.commands import db_worker
from django_tasks_db.models import DBTaskResult

from kvmweb.inventory.models import HostMirror
from kvmweb.services import health, job_worker, worker_beat
from kvmweb.store.models import Host, JobWorker

pytestmark = pytest.mark.django_db


@pytest.fixture
def hosts() -> None:
    now = timezone.now()
    for key, state, heard_at in (
        ("east", "up", now),
        ("west", "up", now - timedelta(hours=1)),
        ("south", "down", now),
    ):
        Host.objects.create(key=key, name=f"name of {key}", uri=f"qemu+ssh://root@{key}/system")
        HostMirror.objects.create(host=key, state=state, reason="secret", heard_at=heard_at)
    worker_beat.beat()
    Host.objects.create(key="new", name="new", uri="test:///default")
    Host.objects.create(key="off", name="off", uri="test:///default", is_enabled=False)


def test_alive_says_so_to_anybody(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert "no-store" in answer["Cache-Control"]


def test_ready_names_database_layer_jobs_and_every_enabled_host(
    client: Client, hosts: None
) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "database": True,
        "layer": True,
        "jobs": "ok",
        "hosts": {"east": "up", "west": "stale", "south": "down", "new": "connecting"},
    }
    assert "secret" not in answer.text
    assert "ssh" not in answer.text


def test_not_ready_while_nobody_carries_jobs_out(client: Client, hosts: None) -> None:
    JobWorker.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["jobs"]) == (503, "none")
    worker_beat.beat()
    assert client.get("/readyz").status_code == 200


def test_work_that_nobody_takes_is_said(client: Client, hosts: None) -> None:
    job_worker.run.enqueue("5c1e0000-0000-4000-8000-000000000001")
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(minutes=5))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["jobs"]) == (200, "waiting")


def test_the_worker_of_jobs_beats_while_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bool] = []
    monkeypatch.setattr(worker_beat, "start", lambda: begun.append(True))
    monkeypatch.setattr(db_worker.Command, "handle", lambda *_arguments, **_options: None)
    assert get_commands()["db_worker"] == "kvmweb"
    call_command("db_worker", "--batch")
    assert begun == []
    call_command("db_worker")
    assert begun == [True]


def test_not_ready_without_the_layer(
    client: Client, hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> bool:
        return False

    monkeypatch.setattr(health, "_is_layer_working", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not-ready")


def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("password=secret")

    monkeypatch.setattr(health, "_jobs", fail)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["database"]) == (503, False)
    assert "secret" not in answer.text


def test_posting_to_it_is_refused(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
