"""No guest is made on a host in maintenance, also not by a job that began before it."""

from __future__ import annotations

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.core.jobs import JobState
from kvmweb.core.offers import Obstacle
from kvmweb.services import creation, job_worker, jobs, maintenance
from tests.services.stage import person
from tests.services.test_creation import HOST, wish
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def test_a_wish_is_refused_and_says_why(shop: Workshop) -> None:
    creator = person("cai", "creator")
    maintenance.enter(person("ada", "administrator"), HOST)
    assert creation.offer(creator, "east").obstacle is Obstacle.MAINTENANCE
    assert "host" in creation.preview(creator, HOST, wish(shop)).plan.faults
    with pytest.raises(Invalid) as caught:
        creation.create(creator, HOST, wish(shop))
    assert "maintenance" in caught.value.fields["host"]
    assert shop.lab.virsh("list", "--all", "--name") == ""


def test_a_job_that_waited_makes_nothing_any_more(shop: Workshop) -> None:
    creator = person("cai", "creator")
    job = creation.create(creator, HOST, wish(shop))
    maintenance.enter(person("ada", "administrator"), HOST)
    job_worker.run.call(str(job))
    done = jobs.show(creator, job)
    assert done.state is JobState.FAILED
    assert "maintenance" in {step.problem for step in done.steps}
    assert shop.lab.virsh("list", "--all", "--name") == ""
