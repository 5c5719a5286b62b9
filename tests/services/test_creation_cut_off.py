"""A creation that is cut off, by the death of its process or of the host, leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobState
from kvmweb.core.wishes import CloudWish, DiskWish, GuestWish, InterfaceWish, Source
from kvmweb.services import creation, jobs, seeding, volume_acts
from kvmweb.store.models import Job
from tests.services import cut_off
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
HOST = refs.host("east")
MIB = 1024**2
CALLS = ("volume.look", "volume.create", "volume.create#2", "guest.define", "guest.start")


@pytest.fixture
def asked(shop: Workshop, creator: Actor) -> tuple[Actor, Any]:
    """A cloud image with a disk, a disc of answers, a definition and a start: every step."""
    shop.disk("base.qcow2", size="4M")
    wish = GuestWish(
        host="east", name="doomed", source=Source.CLOUD, vcpus=1, memory=64 * MIB,
        image_pool=shop.pool, image_volume="base.qcow2",
        disks=(DiskWish(pool=shop.pool, size=8 * MIB),),
        interfaces=(InterfaceWish(network=shop.network),),
        cloud=CloudWish(user="li", password="open sesame"),
    )  # fmt: skip
    return creator, creation.create(creator, HOST, wish)


def nothing_is_left(shop: Workshop) -> None:
    assert shop.volumes() == ["base.qcow2"]
    assert shop.lab.virsh("list", "--all", "--name") == ""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", CALLS)
def test_killed_anywhere_it_is_taken_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str, after: bool
) -> None:
    creator, job = asked
    monkeypatch.setattr(seeding, "unsay", cut_off.die)
    cut_off.killed(monkeypatch, creator, job, at, after=after)
    assert Job.objects.get(pk=job).arguments["answers"] is None
    nothing_is_left(shop)


@pytest.mark.parametrize("at", ["volume.create", "guest.define", "guest.start"])
def test_a_host_that_is_lost_is_cleaned_when_it_is_back(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    creator, job = asked
    cut_off.lost(monkeypatch, job, at, shop.kill)
    done = jobs.show(creator, job)
    assert done.state is JobState.FAILED
    assert "host-down" in [step.problem for step in done.steps]
    shop.start()
    cut_off.cleaned_later(job)
    nothing_is_left(shop)


def test_what_came_under_its_name_meanwhile_is_not_taken_back(
    shop: Workshop, asked: Any, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _creator, job = asked
    cut_off.lost(monkeypatch, job, "volume.create", shop.kill)
    assert [it["act"] for it in Job.objects.get(pk=job).undo][-1] == "guest.drop_volume"
    shop.start()
    volume_acts.create(
        admin, refs.pool("east", shop.pool), volume_acts.Wanted("doomed.qcow2", MIB, "qcow2")
    )
    cut_off.cleaned_later(job)
    assert shop.volumes() == ["base.qcow2", "doomed.qcow2"]


def test_cancelling_between_two_steps_takes_back_the_first(
    shop: Workshop, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator, job = asked
    cut_off.cancelled(monkeypatch, creator, job, "volume.create")
    assert jobs.show(creator, job).state is JobState.CANCELLED
    nothing_is_left(shop)
