"""The page of one host: what it says, and to whom."""

from __future__ import annotations

import pytest

from kvmweb.core import refs
from kvmweb.core.errors import NotFound
from kvmweb.core.records import GuestState
from kvmweb.hub.mirror import Writer
from kvmweb.inventory.models import HostMirror
from kvmweb.services import host_page
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
REF = refs.host("east")


def test_the_busiest_guest_stands_first_with_its_share_of_the_host() -> None:
    mirrored(1, 2, 3, state=GuestState.RUNNING, vcpus=2)
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.samples(1, 3, cpu=10.0)])
    writer.apply([plain.samples(2, cpu=90.0)])
    HostMirror.objects.update(record={"cpus": 4, "memory": 2**33})
    _use, guests = host_page.use(person("ada", "viewer"), REF)
    assert [(it.name, it.cpu) for it in guests.top] == [
        ("guest2", 45.0), ("guest1", 5.0), ("guest3", 5.0),
    ]  # fmt: skip
    assert (guests.running, guests.vcpus) == (3, 6)


def test_guests_that_are_off_promise_nothing() -> None:
    mirrored(1, state=GuestState.SHUT_OFF)
    guests = host_page.show(person("ada", "viewer"), REF).guests
    assert (guests.total, guests.running, guests.vcpus, guests.top) == (1, 0, 0, ())


def test_who_sees_the_host_alone_sees_none_of_its_guests() -> None:
    from kvmweb.store.models import CustomRole

    mirrored(1, state=GuestState.RUNNING)
    CustomRole.objects.create(key="hosts-only", label="Hosts only", verbs=["host.view"])
    details = host_page.show(person("eve", "hosts-only"), REF)
    assert details.guests.total == 0
    assert details.pools == ()


def test_a_host_of_others_does_not_exist() -> None:
    mirrored(1)
    with pytest.raises(NotFound):
        host_page.show(person("eve", "viewer", "host:west"), REF)


def test_figures_of_a_host_that_is_away_are_not_current() -> None:
    mirrored(1, state=GuestState.RUNNING)
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.samples(1)])
    assert host_page.show(person("ada", "viewer"), REF).use.cpu == 20.0
    writer.apply([plain.link("down")])
    use = host_page.show(person("bob", "viewer"), REF).use
    assert (use.cpu, use.memory_used, len(use.samples)) == (None, None, 1)
