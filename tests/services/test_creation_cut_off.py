"""A creation that is cut off, by the death of its process or of the host, leaves nothing."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobState
from kvmweb.core.wishes import CloudWish, DiskWish, GuestWish, InterfaceWish, Source
from kvmweb.hostlink import client
from kvmweb.services import creation, creation_work, job_worker, jobs, works
from kvmweb.services.works import Work
from kvmweb.store.models import Job
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
HOST = refs.host("east")
MIB = 1024**2
CALLS = ("volume.look", "volume.create", "volume.create#2", "guest.define", "guest.start")


class Killed(BaseException):
    """kill -9 of the process: nothing of ours runs afterwards."""


@pytest.fixture
def asked(shop: Workshop) -> tuple[Actor, Any]:
    """A cloud image with a disk, a disc of answers, a definition and a start: every step."""
    shop.disk("base.qcow2", size="4M")
    creator = person("cai", "creator")
    wish = GuestWish(
        host="east", name="doomed", source=Source.CLOUD, vcpus=1, memory=64 * MIB,
        image_pool=shop.pool, image_volume="base.qcow2",
        disks=(DiskWish(pool=shop.pool, size=8 * MIB),),
        interfaces=(InterfaceWish(network=shop.network),),
        cloud=CloudWish(user="li", password="open sesame"),
    )  # fmt: skip
    return creator, creation.create(creator, HOST, wish)


def cut(monkeypatch: pytest.MonkeyPatch, at: str, act: Any, *, after: bool) -> None:
    """Act just before, or just after, this call to the host."""
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


def nothing_is_left(shop: Workshop) -> None:
    assert shop.volumes() == ["base.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == ""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", CALLS)
def test_killed_anywhere_it_is_taken_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    creator, job = asked
    row = Job.objects.get(pk=job)
    monkeypatch.setattr(creation_work, "_unsay", _die)

    with monkeypatch.context() as patch:
        cut(patch, at, _die, after=after)
        Job.objects.filter(pk=job).update(state=JobState.RUNNING)
        with pytest.raises(Killed):
            works.KINDS["guest.create"](Work(row, creator), row.arguments)
    long_ago = timezone.now() - timedelta(minutes=1)
    Job.objects.filter(pk=job).update(beat_at=long_ago)
    jobs.sweep()
    assert jobs.show(creator, job).state is JobState.INTERRUPTED
    job_worker.clean.call(str(job))
    row = Job.objects.get(pk=job)
    assert row.undo == []
    assert row.arguments["answers"] is None
    nothing_is_left(shop)


@pytest.mark.parametrize("at", ["volume.create", "guest.define", "guest.start"])
def test_a_host_that_is_lost_is_cleaned_when_it_is_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    creator, job = asked
    with monkeypatch.context() as patch:
        cut(patch, at, shop.kill, after=False)
        job_worker.run.call(str(job))
    done = jobs.show(creator, job)
    assert done.state is JobState.FAILED
    assert "host-down" in [step.problem for step in done.steps]
    shop.start()
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep()
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []
    nothing_is_left(shop)


def test_cancelling_between_two_steps_takes_back_the_first(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator, job = asked

    def cancel() -> None:
        jobs.cancel(creator, job)
        deadline = timezone.now() + timedelta(seconds=10)
        while not running[0].is_cancelled and timezone.now() < deadline:
            time.sleep(0.05)

    running: list[Work] = []
    real = works.KINDS["guest.create"]

    def carry(work: Work, arguments: Any) -> None:
        running.append(work)
        real(work, arguments)

    monkeypatch.setitem(works.KINDS, "guest.create", carry)
    with monkeypatch.context() as patch:
        cut(patch, "volume.create", cancel, after=True)
        job_worker.run.call(str(job))
    assert jobs.show(creator, job).state is JobState.CANCELLED
    nothing_is_left(shop)


def _die(**_job: Any) -> None:
    raise Killed
