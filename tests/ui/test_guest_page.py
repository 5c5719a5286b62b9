"""What the guest page says first, and how its charts are drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.details import Asked, GuestDetails, GuestUse, HostLine
from kvmweb.core.networks import Flow
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import DiskRecord, GuestState, HostState, InterfaceRecord
from kvmweb.services.power import TABLE
from kvmweb.ui import charts, guest_page, sparklines, xml_text
from tests.hub import plain


def details(**facts: Any) -> GuestDetails:
    record = replace(plain.GUEST, uuid=plain.uuid(1), name="web01", state=GuestState.RUNNING)
    about: dict[str, Any] = {
        "ref": refs.guest("east", plain.uuid(1)),
        "host": HostLine(refs.host("east"), "East", "qemu:///system", HostState.UP),
        "record": replace(record, **facts.pop("record", {})),
        "use": GuestUse(is_active=True, memory=2**26, cpu=10.0, memory_used=2**20),
        "is_answering": True,
        "rev": 1,
        "offers": tuple(Offer(word) for word in TABLE),
        "may_read_definition": True,
    }
    return GuestDetails(**{**about, **facts})


def asked(verb: str, seconds: float, outcome: str = "ok", problem: str = "") -> Asked:
    return Asked(verb, timezone.now() - timedelta(seconds=seconds), outcome, problem)


def test_a_shutdown_that_did_not_work_within_a_minute_offers_force_off() -> None:
    found = guest_page.page(details(asked=asked("guest.shutdown", 61))).attention
    assert found is not None
    assert found.sentence.startswith("web01 did not shut down within 60 s.")
    assert found.control is not None
    assert found.control.verb == "guest.destroy"


def test_before_that_the_page_waits_and_looks_again() -> None:
    found = guest_page.page(details(asked=asked("guest.shutdown", 20))).attention
    assert found is not None
    assert found.control is None
    assert 39 <= found.again_s <= 41


@pytest.mark.parametrize(
    "facts",
    [
        {"asked": asked("guest.shutdown", 90), "record": {"state": GuestState.SHUT_OFF}},
        {
            "asked": asked("guest.shutdown", 90),
            "record": {"started_at": timezone.now().timestamp() - 5},
        },
        {"asked": asked("guest.start", 90)},
        {"asked": asked("guest.start", 300, "fault", "no disk")},
        {},
    ],
)
def test_what_is_over_is_not_said(facts: dict[str, Any]) -> None:
    assert guest_page.page(details(**facts)).attention is None


def test_a_late_failure_is_said_with_its_details() -> None:
    found = guest_page.page(details(asked=asked("guest.save", 30, "fault", "no space"))).attention
    assert found is not None
    assert (found.tone, found.detail) == ("bad", "no space")


def test_a_stuck_qemu_is_said_first_and_can_be_forced_off() -> None:
    page = guest_page.page(details(is_answering=False, asked=asked("guest.shutdown", 90)))
    assert page.attention is not None
    assert page.attention.sentence.startswith("QEMU does not answer")
    assert page.main[0].verb == "guest.destroy"


@pytest.mark.parametrize(
    ("record", "verb"),
    [
        ({"state": GuestState.SHUT_OFF}, "guest.start"),
        ({"state": GuestState.SHUT_OFF, "has_saved_state": True}, "guest.restore"),
        ({"state": GuestState.RUNNING}, "guest.shutdown"),
        ({"state": GuestState.PAUSED}, "guest.resume"),
        ({"state": GuestState.CRASHED}, "guest.reset"),
    ],
)
def test_the_first_button_is_what_the_state_suggests(record: dict[str, Any], verb: str) -> None:
    assert guest_page.page(details(record=record)).main[0].verb == verb


def test_every_offer_is_in_the_menu_once() -> None:
    page = guest_page.page(details())
    verbs = [control.verb for group in page.menu for control in group]
    elsewhere = {"guest.autostart", "guest.describe", "guest.untemplate"}
    assert sorted(verbs) == sorted(set(TABLE) - elsewhere)
    assert all(control.command for group in page.menu for control in group)


def test_an_impossible_offer_says_why() -> None:
    offers = tuple(Offer(word, Obstacle.HOST_AWAY) for word in TABLE)
    page = guest_page.page(details(offers=offers))
    assert all(control.reason for group in page.menu for control in group)


def test_charts_of_a_guest_that_is_off_have_no_values() -> None:
    samples = ((0.0, 50.0, 1.0, 1.0, 1.0, 1.0, 1.0),)
    off = GuestUse(is_active=False, memory=2**26, cpu=50.0, memory_used=1, samples=samples)
    assert [chart.value for chart in charts.of(off)] == [None] * 4
    on = GuestUse(is_active=True, memory=2**26, cpu=50.0, memory_used=1, samples=samples)
    assert [chart.value for chart in charts.of(on)] == [50.0, 1, 2.0, 2.0]


def test_a_sparkline_stands_at_the_right_and_breaks_at_gaps() -> None:
    line = sparklines.draw([0.0, 100.0, None, 50.0, 50.0], 100.0)
    assert len(line.lines) == 2
    assert line.lines[1].endswith(f"{sparklines.WIDTH:.1f},24.0")
    assert sparklines.draw([]).lines == ()
    assert sparklines.draw([5.0] * 200).lines[0].startswith("0.0,")


@pytest.mark.parametrize(
    "xml", ["", "<a b='1'>x='2' &lt;</a>", "<!-- <c d='e'> --><f/>", "no xml < at all", '<a b="<">']
)
def test_coloured_xml_keeps_every_letter(xml: str) -> None:
    assert "".join(piece.text for piece in xml_text.pieces(xml)) == xml


def test_xml_is_coloured_by_what_it_is() -> None:
    kinds = [(piece.kind, piece.text) for piece in xml_text.pieces("<a b='1'>c='d'</a>")]
    assert kinds == [
        ("tag", "<a"), ("", " "), ("name", "b"), ("", "="), ("value", "'1'"), ("tag", ">"),
        ("", "c='d'"), ("tag", "</a"), ("tag", ">"),
    ]  # fmt: skip


@pytest.mark.parametrize(("right", "is_free"), [(Obstacle.NONE, True), (Obstacle.NO_RIGHT, False)])
def test_none_is_added_beside_a_limited_device_by_who_may_not_limit(
    right: Obstacle, is_free: bool
) -> None:
    limited = DiskRecord("vda", "virtio", "disk", "/a", "raw", limits=("total_iops=100",))
    page = guest_page.page(details(limits=right, disks=Obstacle.NONE, record={"disks": (limited,)}))
    assert (page.no_more_disks == "", page.no_more_cards) == (is_free, "")
    card = InterfaceRecord("52:54:00:00:00:01", "network", "default", "virtio", inbound=Flow(100))
    page = guest_page.page(
        details(limits=right, disks=Obstacle.NONE, record={"interfaces": (card,)})
    )
    assert (page.no_more_disks, page.no_more_cards == "") == ("", is_free)
