"""Long work in steps: progress, cancelling, and what is taken back when it does not end well."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy
from kvmweb.core.jobs import JobState
from kvmweb.services import job_worker, jobs, works
from kvmweb.services.works import Arguments, Work
from kvmweb.store.models import Job
from tests.services.stage import person

pytestmark = pytest.mark.django_db(transaction=True)


class Site:
    """Where the work of these tests builds, and how it is told to go wrong."""

    def __init__(self) -> None:
        self.things: list[str] = []
        self.stuck: set[str] = set()
        self.dies_at = ""
        self.cancels_at = ""

    def carry(self, work: Work, arguments: Arguments) -> None:
        for name in arguments["names"]:
            with work.step("build", name):
                work.undo("test.raze", name=name)
                self.things.append(name)
                if name == self.cancels_at:
                    work.is_cancelled = True
                if name == self.dies_at:
                    raise Busy("somebody stands on it")
                work.report(5, 10)
        work.made(refs.guest("east", "0" * 8))

    def raze(self, *, name: str) -> None:
        if name in self.stuck:
            raise Busy("not now")
        self.things.remove(name)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    site = Site()
    monkeypatch.setitem(works.KINDS, "test.build", site.carry)
    monkeypatch.setitem(works.UNDOES, "test.raze", site.raze)
    return site


def ask(actor: Actor, *names: str) -> Any:
    steps = [works.waiting("build", name) for name in names]
    return jobs.ask(actor, "test.build", steps, names=list(names))


def states(actor: Actor, job: Any) -> list[JobState]:
    return [step.state for step in jobs.show(actor, job).steps]


def test_each_step_is_reported_and_what_came_of_it_is_named(site: Site) -> None:
    actor = person("op", "operator")
    job = ask(actor, "a", "b")
    job_worker.run.call(str(job))
    done = jobs.show(actor, job)
    assert done.state is JobState.DONE
    assert [(s.word, s.name, s.state, s.percent) for s in done.steps] == [
        ("build", "a", JobState.DONE, 50.0),
        ("build", "b", JobState.DONE, 50.0),
    ]
    assert (site.things, done.result) == (["a", "b"], refs.guest("east", "0" * 8))
    assert Job.objects.get(pk=job).undo == []


def test_a_step_that_fails_takes_back_what_was_made(site: Site) -> None:
    site.dies_at = "b"
    actor = person("op", "operator")
    job = ask(actor, "a", "b", "c")
    job_worker.run.call(str(job))
    assert site.things == []
    assert jobs.show(actor, job).state is JobState.FAILED
    assert states(actor, job) == [JobState.DONE, JobState.FAILED, JobState.CANCELLED]
    assert jobs.show(actor, job).steps[1].detail == "somebody stands on it"


def test_cancelling_takes_back_what_was_made(site: Site) -> None:
    site.cancels_at = "b"
    actor = person("op", "operator")
    job = ask(actor, "a", "b", "c")
    job_worker.run.call(str(job))
    assert site.things == []
    assert jobs.show(actor, job).state is JobState.CANCELLED


def test_a_worker_that_died_leaves_a_job_that_the_clockwork_takes_back(site: Site) -> None:
    actor = person("op", "operator")
    job = ask(actor, "a", "b")
    site.things = ["a"]
    left = [{"act": "test.raze", "args": {"name": "a"}}]
    long_ago = timezone.now() - timedelta(minutes=1)
    Job.objects.filter(pk=job).update(state="running", undo=left, beat_at=long_ago)
    jobs.sweep()
    assert jobs.show(actor, job).state is JobState.INTERRUPTED
    job_worker.clean.call(str(job))
    assert site.things == []
    assert Job.objects.get(pk=job).undo == []


def test_what_cannot_be_taken_back_now_is_tried_again(site: Site) -> None:
    site.dies_at, site.stuck = "b", {"a"}
    actor = person("op", "operator")
    job = ask(actor, "a", "b")
    job_worker.run.call(str(job))
    assert site.things == ["a"]
    assert [entry["args"]["name"] for entry in Job.objects.get(pk=job).undo] == ["a"]
    site.stuck = set()
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep()
    job_worker.clean.call(str(job))
    assert site.things == []


def test_a_kind_that_nobody_undoes_is_a_mistake_of_ours(site: Site) -> None:
    actor = person("op", "operator")
    work = Work(Job.objects.get(pk=ask(actor, "a")), actor)
    with pytest.raises(ValueError, match="nobody undoes"):
        work.undo("test.nothing", name="a")
