"""Shut down and start: what waits becomes so, and a guest that does not obey is left alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Cancelled, Denied, Problem, WrongState
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.services import cards, power_cycle, works
from kvmweb.store.models import Job
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def guest(shop: Workshop, **options: Any) -> Ref:
    return shop.define("cycled", **options)


def test_what_waits_is_so_after_the_next_start(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, start=True)
    shop.lab.wait_ready("cycled")
    shop.see(lambda: shop.record(ref).state is GuestState.RUNNING)
    mac = shop.record(ref).interfaces[0].mac
    assert cards.edit(admin, ref, mac, model="e1000e") == "next"
    shop.see(lambda: shop.record(ref).has_pending_changes)
    job = Job.objects.get(pk=power_cycle.cycle(admin, ref))
    work = works.Work(job, admin)
    failed: list[Problem] = []

    def run() -> None:
        try:
            works.KINDS[power_cycle.VERB](work, job.arguments)
        except Problem as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    shop.see(lambda: not thread.is_alive())
    thread.join()
    assert failed == []
    shop.see(lambda: shop.record(ref).state.is_active)
    assert "e1000e" in shop.lab.virsh("dumpxml", ref.id)
    shop.see(lambda: not shop.record(ref).has_pending_changes)


def test_a_guest_that_does_not_shut_down_is_left_running(
    shop: Workshop, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power_cycle, "PATIENCE_S", 1.0)
    ref = guest(shop, kernel=False, start=True)
    shop.see(lambda: shop.record(ref).state is GuestState.RUNNING)
    job = Job.objects.get(pk=power_cycle.cycle(admin, ref))
    with pytest.raises(WrongState):
        works.KINDS[power_cycle.VERB](works.Work(job, admin), job.arguments)
    assert shop.lab.state("cycled") == "running"
    cancelled = works.Work(job, admin)
    cancelled.is_cancelled = True
    with pytest.raises(Cancelled):
        works.KINDS[power_cycle.VERB](cancelled, job.arguments)


def test_both_rights_and_a_running_guest_are_needed(shop: Workshop) -> None:
    ref = guest(shop)
    with pytest.raises(WrongState):
        power_cycle.cycle(person("op", "operator"), ref)
    with pytest.raises(Denied):
        power_cycle.cycle(person("viewer", "viewer"), ref)
