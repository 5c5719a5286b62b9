"""Jobs that are cut off: the process dies, or the host is lost, at a call to the host."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobState
from kvmweb.hostlink import client
from kvmweb.services import job_worker, jobs, works
from kvmweb.services.works import Work
from kvmweb.store.models import Job


class Killed(BaseException):
    """kill -9 of the process: nothing of ours runs afterwards."""


def die(**_job: Any) -> None:
    """What stands in for anything that a dead process does no more."""
    raise Killed


def cut(patch: pytest.MonkeyPatch, at: str, act: Callable[[], object], *, after: bool) -> None:
    """Act just before, or just after, this call to the host; `verb#2` is the second of its name."""
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

    patch.setattr(client, "call", call)


def kill(monkeypatch: pytest.MonkeyPatch, actor: Actor, job: int, at: str, *, after: bool) -> None:
    """Carry the job out until its process is killed there, and find that it was."""
    row = Job.objects.get(pk=job)
    with monkeypatch.context() as patch:
        cut(patch, at, die, after=after)
        Job.objects.filter(pk=job).update(state=JobState.RUNNING)
        with pytest.raises(Killed):
            works.KINDS[row.verb](Work(row, actor), row.arguments)
    _sweep(job)
    assert jobs.show(actor, job).state is JobState.INTERRUPTED


def lose(monkeypatch: pytest.MonkeyPatch, job: int, at: str, lost: Callable[[], object]) -> None:
    """Carry the job out; before this call the host is lost."""
    with monkeypatch.context() as patch:
        cut(patch, at, lost, after=False)
        job_worker.run.call(str(job))


def clean(job: int) -> None:
    """What is done about a job that nobody works at any more: all is taken back."""
    _sweep(job)
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []


def _sweep(job: int) -> None:
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep()
