"""Maintenance: no guest starts there, for nobody, by no way; everybody reads why."""

from __future__ import annotations

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, Maintenance, NotFound
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import GuestState
from kvmweb.services import guest_page, guests, hosts, job_worker, jobs, maintenance, power, presses
from kvmweb.store.models import AuditEntry, Job
from kvmweb.ui import messages
from tests.services.stage import TestHost, mirrored, person, test_host

pytestmark = pytest.mark.django_db(transaction=True)
REF = refs.host("east")
STARTS = ("guest.start", "guest.start_paused", "guest.restore", "guest.start_fresh")

__all__ = ["test_host"]


@pytest.mark.parametrize("word", STARTS)
def test_no_way_of_starting_works_and_libvirt_is_not_even_asked(admin: Actor, word: str) -> None:
    (ref,) = mirrored(1, has_saved_state=word != "guest.start")
    maintenance.enter(admin, REF, reason="new memory")
    with pytest.raises(Maintenance) as caught:
        presses.press(admin, ref, word)
    assert caught.value.context == {"host": "east", "reason": "new memory"}
    assert AuditEntry.objects.filter(ref=str(ref)).get().outcome == "maintenance"
    said = messages.problem(caught.value)
    assert said.sentence == "Host east is in maintenance: no guest starts there."


@pytest.mark.parametrize("role", ["administrator", "host-admin", "operator"])
def test_the_offer_says_why_to_everybody(admin: Actor, role: str) -> None:
    (ref,) = mirrored(1)
    maintenance.enter(admin, REF)
    reader = person("bob", role)
    offers = {offer.verb: offer for offer in guest_page.show(reader, ref).offers}
    assert offers["guest.start"].obstacle is Obstacle.MAINTENANCE
    assert offers["guest.start_paused"].obstacle is Obstacle.MAINTENANCE
    assert "maintenance" in messages.obstacle(offers["guest.start"])
    (row,) = guests.list_(reader, GuestFilter()).rows
    assert row.main.obstacle is Obstacle.MAINTENANCE


def test_what_runs_there_can_still_be_looked_after(admin: Actor) -> None:
    (ref,) = mirrored(1, state=GuestState.RUNNING)
    maintenance.enter(admin, REF)
    offers = {offer.verb: offer for offer in guest_page.show(admin, ref).offers}
    assert offers["guest.shutdown"].is_possible
    assert offers["guest.destroy"].is_possible
    assert offers["guest.save"].is_possible
    assert offers["guest.start"].obstacle is Obstacle.RUNNING


def test_many_at_once_are_refused_one_by_one(admin: Actor, test_host: TestHost) -> None:
    test_host.sync()
    power.destroy(admin, test_host.ref(1))
    assert test_host.becomes(1, GuestState.SHUT_OFF)
    maintenance.enter(admin, REF)
    job_id = jobs.ask_bulk(admin, "guest.start", [test_host.ref(1)])
    job_worker.run.func(str(job_id))
    (step,) = Job.objects.get(pk=job_id).steps
    assert (step["state"], step["problem"]) == ("failed", "maintenance")
    maintenance.leave(admin, REF)
    power.start(admin, test_host.ref(1))
    assert test_host.becomes(1, GuestState.RUNNING)


def test_its_end_makes_everything_possible_again(admin: Actor) -> None:
    mirrored(1)
    maintenance.enter(admin, REF, reason="x")
    maintenance.leave(admin, REF)
    assert maintenance.resting() == frozenset()
    (row,) = guests.list_(admin, GuestFilter()).rows
    assert row.main.is_possible
    assert hosts.get(admin, REF).rests_because == ""
    acts = [entry.detail["act"] for entry in AuditEntry.objects.filter(verb="host.maintain")]
    assert sorted(acts) == ["maintenance-off", "maintenance-on"]


def test_other_hosts_are_not_touched(admin: Actor) -> None:
    mirrored(1)
    (other,) = mirrored(2, host="west")
    maintenance.enter(admin, REF)
    offers = {offer.verb: offer for offer in guest_page.show(admin, other).offers}
    assert offers["guest.start"].is_possible
    maintenance.require_open("west")


@pytest.mark.parametrize("role", ["viewer", "operator", "project-owner"])
def test_who_may_not_cannot(role: str) -> None:
    mirrored(1)
    eve = person("eve", role)
    with pytest.raises(Denied):
        maintenance.enter(eve, REF)
    with pytest.raises(Denied):
        maintenance.leave(eve, REF)


def test_a_long_reason_and_a_host_that_is_not_there_are_refused(admin: Actor) -> None:
    mirrored(1)
    with pytest.raises(Invalid):
        maintenance.enter(admin, REF, reason="x" * 201)
    with pytest.raises(NotFound):
        maintenance.enter(admin, refs.host("nowhere"))


def test_a_page_rendered_before_is_not_taken_for_current(admin: Actor) -> None:
    mirrored(1)
    before = guests.list_(admin, GuestFilter()).rev
    maintenance.enter(admin, REF)
    assert guests.list_(admin, GuestFilter()).rev > before
