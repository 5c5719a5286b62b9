"""No guest is made on a host in maintenance, also not by a job that began before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.core.jobs import JobState
from kvmweb.core.offers import Obstacle
from kvmweb.services import creation, job_worker, jobs, maintenance
from tests.lab.host import LabHost
from tests.services.stage import person, run_folder  # noqa: F401
from tests.services.test_creation import HOST, wish
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


@pytest.fixture
def shop(run_folder: Any, lab: LabHost) -> Iterator[Workshop]:  # noqa: F811
    lab.clear()
    with Workshop(lab) as shop:
        yield shop
    lab.clear()


def test_a_wish_is_refused_and_says_why(shop: Workshop) -> None:
    maker = person("maker", "creator")
    maintenance.enter(person("ada", "administrator"), HOST)
    assert creation.offer(maker, "east").obstacle is Obstacle.MAINTENANCE
    assert "host" in creation.preview(maker, HOST, wish(shop)).plan.faults
    with pytest.raises(Invalid) as caught:
        creation.create(maker, HOST, wish(shop))
    assert "maintenance" in caught.value.fields["host"]
    assert shop.lab.virsh("list", "--all", "--name") == ""


def test_a_job_that_waited_makes_nothing_any_more(shop: Workshop) -> None:
    maker = person("maker", "creator")
    job = creation.create(maker, HOST, wish(shop))
    maintenance.enter(person("ada", "administrator"), HOST)
    job_worker.run.call(str(job))
    done = jobs.show(maker, job)
    assert done.state is JobState.FAILED
    assert "maintenance" in {step.problem for step in done.steps}
    assert shop.lab.virsh("list", "--all", "--name") == ""
