"""A job whose process dies, or whose host is lost, in the midst of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobState
from kvmweb.hostlink import client
from kvmweb.services import job_worker, jobs, kinds, works
from kvmweb.services.works import Work
from kvmweb.store.models import Job
from tests.services.workshop import wait_for

CARRIED = kinds.__all__
"""Imported, so that every kind of job is known."""


class Killed(BaseException):
    """kill -9 of the process: nothing of ours runs afterwards."""


def cut(monkeypatch: pytest.MonkeyPatch, at: str, act: Any, *, after: bool) -> None:
    """Act just before, or just after, this call to the host; `#2` behind it: the second one."""
    seen: dict[str, int] = {}
    real = client.call

    def call(host: str, verb: str, **args: Any) -> Any:
        seen[verb] = seen.get(verb, 0) + 1
        is_it = at == (verb if seen[verb] == 1 else f"{verb}#{seen[verb]}")
        if is_it and not after:
            act()
        found = real(host, verb, **args)
        if is_it and after:
            act()
        return found

    monkeypatch.setattr(client, "call", call)


def die(**_any: Any) -> None:
    raise Killed


def killed(
    monkeypatch: pytest.MonkeyPatch, actor: Actor, job: UUID, at: str, *, after: bool
) -> None:
    """Carry the job out until its process is killed there; then the clock finds it dead."""
    row = Job.objects.get(pk=job)
    with monkeypatch.context() as patch:
        cut(patch, at, die, after=after)
        Job.objects.filter(pk=job).update(state=JobState.RUNNING)
        with pytest.raises(Killed):
            works.KINDS[row.verb](Work(row, actor), row.arguments)
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=1))
    jobs.sweep()
    assert jobs.show(actor, job).state is JobState.INTERRUPTED
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []


def cleaned_later(job: UUID) -> None:
    """The clock's next try to take back what is left of it."""
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep()
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []


def lost(monkeypatch: pytest.MonkeyPatch, job: UUID, at: str, act: Any) -> None:
    """Carry the job out; just before this call its host is lost."""
    with monkeypatch.context() as patch:
        cut(patch, at, act, after=False)
        job_worker.run.call(str(job))


def cancelled(monkeypatch: pytest.MonkeyPatch, actor: Actor, job: UUID, at: str) -> None:
    """Carry the job out; somebody cancels it just after this call, and it has heard of that."""
    running: list[Work] = []
    verb = Job.objects.get(pk=job).verb
    real = works.KINDS[verb]

    def carry(work: Work, arguments: Any) -> None:
        running.append(work)
        real(work, arguments)

    def cancel() -> None:
        jobs.cancel(actor, job)
        wait_for(lambda: running[0].is_cancelled, "the job did not hear of it")

    with monkeypatch.context() as patch:
        patch.setitem(works.KINDS, verb, carry)
        cut(patch, at, cancel, after=True)
        job_worker.run.call(str(job))
