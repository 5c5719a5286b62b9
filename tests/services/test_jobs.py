"""Bulk jobs: each guest judged alone, progress, cancelling, and what a dead worker leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.jobs import JobState, JobSubject
from kvmweb.core.records import GuestState
from kvmweb.inventory.models import Guest
from kvmweb.services import job_worker, jobs
from kvmweb.services.works import waiting
from kvmweb.store.models import AuditEntry, CustomRole, Grant, Job, RightsEpoch
from tests.hub import plain
from tests.services.stage import (  # noqa: F401 - fixtures
    TestHost,
    held,
    mirrored,
    person,
    test_host,
)


def work(job_id: object) -> None:
    job_worker.run.call(str(job_id))


@pytest.mark.django_db(transaction=True)
def test_a_bulk_press_reports_on_every_guest(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor = person("op", "operator")
    wanted = [test_host.ref(n) for n in (1, 2, 3, 4)]
    job = jobs.ask_bulk(actor, "guest.destroy", [*wanted, wanted[0]])
    waiting = jobs.show(actor, job)
    assert (waiting.state, len(waiting.steps)) == (JobState.WAITING, 4)
    work(job)
    done = jobs.show(actor, job)
    assert done.state is JobState.DONE
    assert [(step.name, step.state) for step in done.steps] == [
        (f"guest{n}", JobState.DONE) for n in (1, 2, 3, 4)
    ]
    assert all(test_host.becomes(n, GuestState.SHUT_OFF) for n in (1, 2, 3, 4))
    assert test_host.becomes(5, GuestState.RUNNING)
    assert AuditEntry.objects.filter(verb="guest.destroy", outcome="ok").count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_job_runs_once_however_often_it_is_called(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor = person("op", "operator")
    job = jobs.ask_bulk(actor, "guest.suspend", [test_host.ref(1)])
    work(job)
    work(job)
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_each_guest_is_judged_alone(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor = person("op", "operator", str(test_host.ref(1)))
    Grant.objects.create(person_id=actor.person_id, role="viewer", scope=str(test_host.ref(2)))
    job = jobs.ask_bulk(actor, "guest.destroy", [test_host.ref(n) for n in (1, 2, 3)])
    work(job)
    done = jobs.show(actor, job)
    assert [(step.name, step.state, step.problem) for step in done.steps] == [
        ("guest1", JobState.DONE, ""),
        ("guest2", JobState.FAILED, "denied"),
        ("", JobState.FAILED, "not-found"),
    ]
    assert done.state is JobState.FAILED
    assert test_host.becomes(2, GuestState.RUNNING)


@pytest.mark.django_db
def test_a_cancelled_job_begins_nothing(run_folder: object) -> None:
    actor, other = person("op", "operator"), person("eye", "viewer")
    job = jobs.ask_bulk(actor, "guest.destroy", mirrored(1, 2))
    with pytest.raises(NotFound):
        jobs.cancel(other, job)
    jobs.cancel(actor, job)
    work(job)
    done = jobs.show(actor, job)
    assert done.state is JobState.CANCELLED
    assert {step.state for step in done.steps} == {JobState.CANCELLED}
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_a_running_job_without_a_beat_is_interrupted_and_never_repeated() -> None:
    actor = person("op", "operator")
    job = jobs.ask_bulk(actor, "guest.destroy", mirrored(1, 2))
    steps = Job.objects.get(pk=job).steps
    steps[0]["state"] = "running"
    long_ago = timezone.now() - timedelta(minutes=1)
    Job.objects.filter(pk=job).update(state="running", steps=steps, beat_at=long_ago)
    seen = jobs.show(actor, job)
    assert seen.state is JobState.INTERRUPTED
    assert [s.state for s in seen.steps] == [JobState.INTERRUPTED, JobState.CANCELLED]
    assert Job.objects.get(pk=job).state == "interrupted"
    work(job)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_a_job_belongs_to_who_asked_and_to_who_may_see_all_jobs() -> None:
    asker, viewer = person("op", "operator", str(refs.host("east"))), person("eye", "viewer")
    auditor, admin = person("au", "auditor"), person("ad", "administrator")
    job = jobs.ask_bulk(asker, "guest.start", mirrored(1))
    assert jobs.show(asker, job).may_cancel
    with pytest.raises(NotFound):
        jobs.show(viewer, job)
    assert not jobs.show(auditor, job).may_cancel
    with pytest.raises(Denied):
        jobs.cancel(auditor, job)
    assert jobs.show(admin, job).may_cancel
    assert [found.id for found in jobs.list_(auditor)] == [job]
    assert jobs.list_(viewer) == []


@pytest.mark.django_db
def test_nonsense_is_refused() -> None:
    actor = person("op", "operator")
    with pytest.raises(Invalid):
        jobs.ask_bulk(actor, "guest.explode", mirrored(1))
    with pytest.raises(Invalid):
        jobs.ask_bulk(actor, "guest.start", [])
    with pytest.raises(Invalid):
        jobs.ask_bulk(
            actor, "guest.start", [refs.guest("east", plain.uuid(n)) for n in range(1001)]
        )


@pytest.mark.django_db(transaction=True)
def test_the_jobs_worker_picks_a_job_up_by_itself(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor = person("op", "operator")
    job = jobs.ask_bulk(actor, "guest.suspend", [test_host.ref(1), test_host.ref(2)])
    call_command("db_worker", "--batch", "--no-startup-delay", verbosity=0)
    assert jobs.show(actor, job).state is JobState.DONE
    assert test_host.becomes(1, GuestState.PAUSED)


@pytest.mark.django_db
def test_a_job_names_what_it_is_about_to_who_may_see_it() -> None:
    (ref,) = mirrored(1)
    admin = person("ad", "administrator")
    asker, auditor = person("op", "operator", str(ref)), person("au", "auditor")
    job = jobs.ask(asker, "guest.delete", [waiting("bin", "old")], about=ref, called="old")

    def said(reader: Actor) -> tuple[JobSubject, ...]:
        return jobs.show(reader, job).subjects

    assert said(asker) == said(admin) == (JobSubject("guest1", ref),), "as it is called now"
    Grant.objects.filter(person_id=asker.person_id).delete()
    RightsEpoch.advance()
    assert said(asker) == (), "it is there, but no longer for this person"
    Guest.objects.update(is_gone=True, is_binned=True)
    assert said(admin) == (JobSubject("guest1", ref, is_binned=True),)
    assert said(auditor) == (JobSubject("old"),), "who may not delete it sees no bin"
    Guest.objects.all().delete()
    assert said(asker) == said(admin) == (JobSubject("old"),)


@pytest.mark.django_db
def test_steps_name_things_to_who_may_see_them() -> None:
    first, _second = mirrored(1, 2)
    pool = held(21, "disk")
    CustomRole.objects.create(key="clerk", label="x", verbs=["job.view", "pool.view"])
    admin, clerk = person("ad", "administrator"), person("clerk", "clerk")
    about = {"about": first, "called": "guest1"}
    steps = [waiting("undefine", "guest1"), waiting("volume", "one.qcow2")]
    gone = jobs.ask(admin, "guest.delete", steps, **about)
    press = jobs.ask_bulk(admin, "guest.start", [first])
    Job.objects.filter(pk=gone).update(result=str(first))
    wiped = jobs.ask(
        admin, "volume.wipe", [waiting("wipe", "disk")], host="east", pool=pool.id,
        about=refs.volume("east", pool.id, "disk"), called="disk",
    )  # fmt: skip

    def names(reader: Actor, job: object) -> list[str]:
        return [step.name for step in jobs.show(reader, job).steps]  # type: ignore[arg-type]

    assert names(admin, gone) == ["guest1", "one.qcow2"]
    assert names(clerk, gone) == ["", ""]
    assert names(clerk, press) == [""]
    assert names(clerk, wiped) == ["disk"], "who sees the pool sees its volumes"
    assert jobs.show(clerk, gone).result is None
    Grant.objects.create(person_id=clerk.person_id, role="viewer", scope=str(first))
    RightsEpoch.advance()
    assert names(clerk, gone) == ["guest1", "one.qcow2"]
    assert names(clerk, press) == ["guest1"]


@pytest.mark.django_db
def test_a_list_of_jobs_asks_for_what_they_are_about_at_once(
    django_assert_max_num_queries: Any,
) -> None:
    found = mirrored(*range(1, 13))
    actor = person("op", "operator")
    for ref in found:
        jobs.ask(actor, "guest.delete", [waiting("bin", "x")], about=ref, called="x")
    jobs.ask_bulk(actor, "guest.start", found)
    jobs.list_(actor)
    with django_assert_max_num_queries(8):
        listed = jobs.list_(actor)
    assert [len(job.subjects) for job in listed] == [3, *[1] * 12]
