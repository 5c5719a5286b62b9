"""A clone that is cut off, by the death of its process or by a cancel, leaves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobState
from kvmweb.services import cloning, cloning_work, job_worker, jobs, works
from kvmweb.services.works import Work
from kvmweb.store.models import Job
from tests.services.stage import person
from tests.services.test_creation_cut_off import Killed, cut
from tests.services.workshop import IMAGES, Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
CALLS = ("volume.clone", "volume.create", "guest.clone")


@pytest.fixture
def asked(shop: Workshop) -> tuple[Actor, Any]:
    """A disk to copy, one to link, and a definition: every step."""
    shop.disk("first.qcow2", size="4M")
    shop.disk("data.qcow2", size="4M")
    more = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{IMAGES}/data.qcow2'/><target dev='vdb' bus='virtio'/></disk>"
    )
    ref = shop.define("first", disk=f"{IMAGES}/first.qcow2", extra=more)
    admin = person("admin", "administrator")
    ways = {"vda": "copy", "vdb": "link"}
    return admin, cloning.clone(admin, ref, name="doomed", ways=ways)


def nothing_is_left(shop: Workshop) -> None:
    assert sorted(shop.volumes()) == ["data.qcow2", "first.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == "first"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", CALLS)
def test_killed_anywhere_it_is_taken_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    admin, job = asked
    row = Job.objects.get(pk=job)
    with monkeypatch.context() as patch:
        cut(patch, at, _die, after=after)
        Job.objects.filter(pk=job).update(state=JobState.RUNNING)
        with pytest.raises(Killed):
            works.KINDS[cloning_work.VERB](Work(row, admin), row.arguments)
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=1))
    jobs.sweep()
    assert jobs.show(admin, job).state is JobState.INTERRUPTED
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []
    nothing_is_left(shop)


def test_a_host_lost_at_the_definition_is_cleaned_when_it_is_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, job = asked
    with monkeypatch.context() as patch:
        cut(patch, "guest.clone", shop.kill, after=False)
        job_worker.run.call(str(job))
    assert jobs.show(admin, job).steps[-1].problem == "host-down"
    shop.start()
    Job.objects.filter(pk=job).update(beat_at=timezone.now() - timedelta(minutes=2))
    jobs.sweep()
    job_worker.clean.call(str(job))
    assert Job.objects.get(pk=job).undo == []
    nothing_is_left(shop)


def _die(**_job: Any) -> None:
    raise Killed
