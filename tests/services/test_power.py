"""Offers: every verb in every state. Acts: against a real worker over the test driver."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from kvmweb.access.roles import ROLES
from kvmweb.access.verbs import VERBS
from kvmweb.core.details import Asked
from kvmweb.core.errors import Denied, HostDown, Invalid, NotFound, Problem
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import GuestState
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import guest_page, power, power_line, presses
from kvmweb.services.power import TABLE, Facts
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry
from tests.services.stage import (  # noqa: F401 - fixtures
    TestHost,
    mirrored,
    person,
    test_host,
)

ALL = dict.fromkeys(power.RIGHTS, True)
OK, OFF, ON = Obstacle.NONE, Obstacle.NOT_RUNNING, Obstacle.RUNNING
UP = Obstacle.NOT_OFF
P, D, S, C = Obstacle.PAUSED, Obstacle.SHUTTING_DOWN, Obstacle.SUSPENDED, Obstacle.CRASHED
NP, NS, NA = Obstacle.NOT_PAUSED, Obstacle.NO_SAVED_STATE, Obstacle.NO_AGENT
STATES = [
    GuestState.SHUT_OFF, GuestState.NO_STATE, GuestState.RUNNING, GuestState.BLOCKED,
    GuestState.PAUSED, GuestState.SHUTTING_DOWN, GuestState.SUSPENDED, GuestState.CRASHED,
]  # fmt: skip
#                       off  none run  blk  psd  down slp  crash
EXPECTED = {
    "guest.start":          (OK, OK, ON, ON, P, ON, ON, C),
    "guest.start_paused":   (OK, OK, ON, ON, P, ON, ON, C),
    "guest.restore":        (NS, NS, ON, ON, P, ON, ON, C),
    "guest.start_fresh":    (NS, NS, ON, ON, P, ON, ON, C),
    "guest.shutdown":       (OFF, OFF, OK, OK, P, D, S, C),
    "guest.shutdown_acpi":  (OFF, OFF, OK, OK, P, D, S, C),
    "guest.shutdown_agent": (OFF, OFF, NA, NA, P, D, S, C),
    "guest.reboot":         (OFF, OFF, OK, OK, P, D, S, C),
    "guest.reboot_agent":   (OFF, OFF, NA, NA, P, D, S, C),
    "guest.suspend":        (OFF, OFF, OK, OK, P, D, S, C),
    "guest.resume":         (OFF, OFF, NP, NP, OK, NP, OK, NP),
    "guest.save":           (OFF, OFF, OK, OK, OK, D, S, C),
    "guest.discard":        (NS, NS, ON, ON, ON, ON, ON, ON),
    "guest.reset":          (OFF, OFF, OK, OK, OK, OK, S, OK),
    "guest.nmi":            (OFF, OFF, OK, OK, P, D, S, C),
    "guest.destroy":        (OFF, OFF, OK, OK, OK, OK, OK, OK),
    "guest.autostart":      (OK,) * 8,
    "guest.describe":       (OK,) * 8,
    "guest.resize":         (OK,) * 8,
    "guest.snapshot":       (OK,) * 8,
    "guest.clone":          (OK, OK, OK, OK, OK, UP, UP, UP),
    "guest.template":       (OK, OK, *(UP,) * 6),
    "guest.untemplate":     (Obstacle.NO_TEMPLATE,) * 8,
    "guest.rename":         (OK, OK, *(UP,) * 6),
    "guest.delete":         (OK,) * 8,
}  # fmt: skip


def obstacle(word: str, **facts: object) -> Obstacle:
    return power.obstacle(TABLE[word], Facts(**facts), ALL)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", TABLE)
def test_every_verb_in_every_state(word: str) -> None:
    assert tuple(obstacle(word, state=state) for state in STATES) == EXPECTED[word]


def test_a_template_does_nothing_but_serve_for_new_guests() -> None:
    facts = {"state": GuestState.SHUT_OFF, "is_template": True}
    found = {word: obstacle(word, **facts) for word in TABLE}
    kept = {"guest.start", "guest.start_paused", "guest.restore", "guest.start_fresh"}
    kept |= {"guest.autostart", "guest.snapshot", "guest.template"}
    assert {word for word, why in found.items() if why is Obstacle.TEMPLATE} == kept
    assert found["guest.untemplate"] is found["guest.clone"] is Obstacle.NONE


@pytest.mark.parametrize("word", TABLE)
def test_a_host_away_or_a_missing_right_stands_before_all_else(word: str) -> None:
    away = Facts(state=GuestState.RUNNING, is_host_up=False)
    assert power.obstacle(TABLE[word], away, ALL) is Obstacle.HOST_AWAY
    nothing = dict.fromkeys(power.RIGHTS, False)
    assert power.obstacle(TABLE[word], away, nothing) is Obstacle.NO_RIGHT


def test_saved_state_agent_transience_and_probes() -> None:
    off, on = GuestState.SHUT_OFF, GuestState.RUNNING
    for word in ("guest.restore", "guest.start_fresh", "guest.discard", "guest.start"):
        assert obstacle(word, state=off, has_saved_state=True) is OK
    assert obstacle("guest.shutdown_agent", state=on, is_agent_connected=True) is OK
    assert obstacle("guest.rename", state=off, has_saved_state=True) is Obstacle.SAVED_STATE
    assert obstacle("guest.rename", state=off, has_snapshots=True) is Obstacle.SNAPSHOTS
    assert obstacle("guest.clone", state=off, is_persistent=False) is Obstacle.TRANSIENT
    for word in ("guest.save", "guest.autostart"):
        assert obstacle(word, state=on, is_persistent=False) is Obstacle.TRANSIENT
    probed = frozenset({"guest.nmi"})
    assert obstacle("guest.nmi", state=on, unsupported=probed) is Obstacle.NOT_SUPPORTED


def test_a_qemu_that_does_not_answer_can_only_be_forced_off() -> None:
    possible = {
        word
        for word in TABLE
        if obstacle(word, state=GuestState.RUNNING, is_answering=False, is_agent_connected=True)
        is OK
    }
    kept = {"guest.autostart", "guest.describe", "guest.resize", "guest.delete"}
    assert possible == {"guest.destroy", *kept}


def test_to_start_afresh_both_rights_are_needed() -> None:
    facts = Facts(state=GuestState.SHUT_OFF, has_saved_state=True)
    only_discard = {**dict.fromkeys(power.RIGHTS, False), "guest.discard": True}
    found = power.obstacle(TABLE["guest.start_fresh"], facts, only_discard)
    assert found is Obstacle.NO_RIGHT


def test_the_table_knows_only_verbs_that_the_judge_knows() -> None:
    assert set(power.RIGHTS) <= set(VERBS)
    assert {TABLE[word].right for word in presses.WORDS & set(TABLE)} <= set(power.RIGHTS)
    assert set(power.RIGHTS) - {"guest.clone", "guest.template", "guest.delete"} <= ROLES["editor"]
    assert set(power.RIGHTS) <= ROLES["creator"]


@pytest.mark.django_db
def test_offers_follow_the_role_and_cost_one_look_at_rights_and_maintenance(
    django_assert_num_queries: object,
) -> None:
    mirrored(1, 2, state=GuestState.RUNNING)
    operator, viewer = person("op", "operator"), person("eye", "viewer")
    guests = list(mirror.Guest.objects.order_by("pk"))
    host = mirror.HostMirror.objects.get(host="east")
    power.offers(operator, guests[0], host)
    with django_assert_num_queries(2):  # type: ignore[operator]
        offered = power.offerer(operator)
        found = [{offer.verb: offer for offer in offered(guest, host)} for guest in guests]
    assert found[0]["guest.shutdown"].is_possible
    assert found[1]["guest.autostart"].obstacle is Obstacle.NO_RIGHT
    seen = power.offers(viewer, guests[0], host)
    assert {offer.obstacle for offer in seen} == {Obstacle.NO_RIGHT}


@pytest.mark.django_db
def test_without_the_right_nothing_is_called_and_the_refusal_is_audited() -> None:
    (ref,) = mirrored(1)
    viewer, stranger = person("eye", "viewer"), person("out")
    with pytest.raises(Denied):
        power.start(viewer, ref)
    with pytest.raises(NotFound):
        power.start(stranger, ref)
    assert [e.outcome for e in AuditEntry.objects.all()] == ["denied", "denied"]


@pytest.mark.django_db
def test_a_host_that_is_away_refuses_at_once(run_folder: object) -> None:
    (ref,) = mirrored(1, link="down")
    with pytest.raises(HostDown):
        power.start(person("op", "operator"), ref)
    assert AuditEntry.objects.get().outcome == "host-down"


@pytest.mark.django_db(transaction=True)
def test_each_verb_does_what_it_says_and_twice_is_once(test_host: TestHost) -> None:  # noqa: F811
    test_host.sync()
    actor, ref = person("op", "administrator"), test_host.ref(1)
    for act, state in (
        (power.suspend, GuestState.PAUSED),
        (power.resume, GuestState.RUNNING),
        (power.destroy, GuestState.SHUT_OFF),
        (power.start, GuestState.RUNNING),
        (power.save, GuestState.SHUT_OFF),
        (power.start, GuestState.RUNNING),
        (power.shutdown, GuestState.SHUT_OFF),
    ):
        assert act(actor, ref) is Outcome.DONE, act
        assert test_host.becomes(1, state), act
        assert act(actor, ref) is Outcome.UNCHANGED, act
        assert test_host.becomes(1, state), act
    outcomes = list(AuditEntry.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["ok", "unchanged"] * 7


@pytest.mark.django_db(transaction=True)
def test_autostart_is_a_position_not_a_press(test_host: TestHost) -> None:  # noqa: F811
    test_host.sync()
    actor, ref = person("op", "administrator"), test_host.ref(1)
    assert power.autostart(actor, ref, enabled=True) is Outcome.DONE
    assert power.autostart(actor, ref, enabled=True) is Outcome.UNCHANGED
    assert test_host.reads(1, has_autostart=True)
    test_host.sync()
    assert mirror.Guest.objects.get(uuid=ref.id).has_autostart


@pytest.mark.django_db(transaction=True)
def test_a_double_click_at_the_same_instant_is_one_act(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor, ref = person("op", "operator"), test_host.ref(1)

    def press(_: int) -> Outcome:
        try:
            return presses.press(actor, ref, "guest.destroy", key="k" * 16)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(press, range(4)))
    assert outcomes == [Outcome.DONE, *[Outcome.UNCHANGED] * 3]
    assert [e.outcome for e in AuditEntry.objects.all()] == ["ok"]


@pytest.mark.django_db(transaction=True)
def test_another_verb_between_makes_the_same_press_meant(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor, ref = person("op", "operator"), test_host.ref(1)
    words = ["guest.destroy", "guest.destroy", "guest.start", "guest.destroy"]
    outcomes = [presses.press(actor, ref, word) for word in words]
    assert outcomes == [Outcome.DONE, Outcome.UNCHANGED, Outcome.DONE, Outcome.DONE]
    assert AuditEntry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_press_that_failed_can_be_tried_again(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    actor, ref = person("op", "operator"), test_host.ref(1)
    presses.press(actor, ref, "guest.destroy")
    for _ in range(2):
        with pytest.raises(Problem):
            presses.press(actor, ref, "guest.reboot", key="same-key-1")
    assert AuditEntry.objects.filter(verb="guest.reboot").count() == 2
    with pytest.raises(Invalid):
        presses.press(actor, ref, "guest.explode")


@pytest.mark.django_db(transaction=True)
def test_a_slow_act_answers_asked_and_is_closed_when_it_ends(
    test_host: TestHost,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test_host.sync()
    actor, ref = person("op", "operator"), test_host.ref(1)
    monkeypatch.setattr(power_line, "PATIENCE_S", 0.0)
    is_asked, call = threading.Event(), client.call

    def slow(host: str, verb: str, **rest: Any) -> Any:
        if verb == "guest.destroy":
            is_asked.wait(10)
        return call(host, verb, **rest)

    monkeypatch.setattr(client, "call", slow)
    assert power.destroy(actor, ref) is Outcome.ASKED
    is_asked.set()
    entry = AuditEntry.objects.get()
    for _ in range(100):
        entry.refresh_from_db()
        if entry.outcome != "begun":
            break
        time.sleep(0.05)
    assert entry.outcome == "ok"
    assert test_host.becomes(1, GuestState.SHUT_OFF)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_gone_is_a_host_down(test_host: TestHost) -> None:  # noqa: F811
    test_host.sync()
    test_host.stop()
    with pytest.raises(HostDown):
        power.destroy(person("op", "operator"), test_host.ref(1))
    assert AuditEntry.objects.get().outcome == "host-down"


def asked_of(ref: object, *entries: tuple[str, float, float | None, str]) -> Asked | None:
    """What the page is told after these: verb, seconds ago, seconds it took, outcome."""
    AuditEntry.objects.all()._raw_delete("default")
    now = timezone.now()
    for verb, ago, took, outcome in entries:
        entry = AuditEntry(person_name="op", verb=verb, ref=str(ref), outcome=outcome)
        entry.save()
        at = now - timedelta(seconds=ago)
        ended = at + timedelta(seconds=took) if took is not None else None
        AuditEntry.objects.filter(pk=entry.pk).update(at=at, ended_at=ended)
    actor = person(f"p{AuditEntry.objects.count()}{now.timestamp()}", "viewer")
    return guest_page.show(actor, ref).asked  # type: ignore[arg-type]


@pytest.mark.django_db
def test_the_page_remembers_the_newest_act_that_still_matters() -> None:
    (ref,) = mirrored(1, state=GuestState.RUNNING)
    assert asked_of(ref) is None
    found = asked_of(ref, ("guest.shutdown", 70, 0.1, "ok"), ("guest.reboot", 10, 0.1, "busy"))
    assert found is not None
    assert found.verb == "guest.shutdown"
    found = asked_of(ref, ("guest.save", 60, None, "begun"))
    assert found is not None
    assert found.outcome == "begun"
    assert asked_of(ref, ("guest.reset", 60, None, "begun")) is None
    found = asked_of(ref, ("guest.save", 60, 50, "fault"))
    assert found is not None
    assert found.outcome == "fault"
    assert asked_of(ref, ("guest.describe", 5, None, "begun")) is None
    assert asked_of(ref, ("guest.start", 5, 0.1, "unchanged")) is None
