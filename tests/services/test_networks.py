"""Networks as a person uses them: what is offered, what is written, who is told what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from kvmweb.core import networks as core
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, HostDown, Invalid, NotFound
from kvmweb.core.networks import DhcpRange, IpBlock, NetworkSpec, Reservation
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import GuestState, InterfaceRecord
from kvmweb.core.refs import Ref
from kvmweb.services import network_edits, networks, nwfilters, topology
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry
from tests.hub import plain
from tests.services.stage import (  # noqa: F401 - fixtures
    TestHost,
    mirrored,
    person,
    test_host,
    with_filter,
    with_network,
)

pytestmark = pytest.mark.django_db
BLOCK = IpBlock(
    "10.9.0.1", 24, (DhcpRange("10.9.0.100", "10.9.0.200"),),
    (Reservation("10.9.0.5", "52:54:00:00:00:05", "five"),),
)  # fmt: skip
SPEC = NetworkSpec(name="office", mode=core.NAT, bridge="virbr7", ips=(BLOCK,))
CARD = InterfaceRecord("52:54:00:00:00:01", "network", "office", "virtio", "vnet0", port="p1")


def office(**facts: Any) -> Ref:
    known = {"name": "office", "spec": SPEC, "subnets": SPEC.subnets, "bridge": "virbr7"}
    return with_network(3, **{**known, **facts})


def obstacles(actor: Actor, ref: Ref) -> dict[str, Obstacle]:
    return {it.verb: it.obstacle for it in networks.show(actor, ref).offers}


def test_offers_say_why_not() -> None:
    ref, boss = office(), person("boss", "administrator")
    found = obstacles(boss, ref)
    assert found["network.start"] is Obstacle.NETWORK_ACTIVE
    assert found["network.stop"] is Obstacle.NONE
    assert found["network.reattach"] is Obstacle.NETWORK_ATTACHED
    office(is_active=False, is_persistent=False)
    found = obstacles(boss, ref)
    assert found["network.stop"] is Obstacle.NETWORK_INACTIVE
    assert found["network.edit"] is Obstacle.NETWORK_TRANSIENT
    viewer = person("viewer", "viewer")
    assert set(obstacles(viewer, ref).values()) == {Obstacle.NO_RIGHT}


def test_a_network_admin_may_do_all_but_serve_folders_and_write_filters() -> None:
    ref, admin = office(), person("netadmin", "network-admin")
    assert Obstacle.NO_RIGHT not in obstacles(admin, ref).values()
    assert not network_edits.may_boot(admin, ref.on_host)
    with pytest.raises(Denied):
        nwfilters.define(admin, ref.on_host, name="x", text="<filter/>")


def test_guests_on_a_network_are_those_that_the_reader_sees() -> None:
    mirrored(1, 2, interfaces=(CARD,), state=GuestState.RUNNING)
    ref = office()
    everybody = networks.show(person("boss", "administrator"), ref)
    assert [it.name for it in everybody.attached] == ["guest1", "guest2"]
    assert not everybody.is_partial
    narrow = person("narrow", "viewer", str(ref))
    found = networks.show(narrow, ref)
    assert (found.attached, found.is_partial) == ((), True)
    assert topology.show(narrow, host="east").cards == ()


def test_who_lost_the_link_is_named_and_can_be_re_attached() -> None:
    lost = InterfaceRecord(**{**_fields(CARD), "is_unplugged": True})
    mirrored(1, interfaces=(lost,), state=GuestState.RUNNING)
    mirrored(2, interfaces=(lost,), state=GuestState.SHUT_OFF)
    ref, boss = office(), person("boss", "administrator")
    details = networks.show(boss, ref)
    assert [it.name for it in details.unplugged] == ["guest1"]
    assert obstacles(boss, ref)["network.reattach"] is Obstacle.NONE
    office(is_active=False)
    assert obstacles(boss, ref)["network.reattach"] is Obstacle.NETWORK_INACTIVE


def _fields(card: InterfaceRecord) -> dict[str, Any]:
    return {name: getattr(card, name) for name in InterfaceRecord.__slots__}


def test_the_definition_is_for_those_who_may_read_it() -> None:
    ref = office(xml="<network/>")
    assert networks.definition(person("boss", "administrator"), ref) == "<network/>"
    viewer = person("viewer", "viewer")
    assert networks.show(viewer, ref).record.xml == ""
    with pytest.raises(Denied):
        networks.definition(viewer, ref)


def test_a_proposal_takes_what_is_free() -> None:
    office()
    with_network(5, name="nat", subnets=("192.168.100.0/24",), bridge="virbr0")
    boss = person("boss", "administrator")
    draft = network_edits.proposal(boss, refs.host("east"), core.NAT)
    assert (draft["name"], draft["bridge"], draft["ipv4"]) == (
        "nat-2",
        "virbr1",
        "192.168.101.1/24",
    )
    like = network_edits.proposal(boss, refs.host("east"), core.NAT, SPEC)
    assert (like["name"], like["ipv4"]) == ("office-2", "10.9.1.1/24")
    assert like["ranges4"] == "10.9.1.100 - 10.9.1.200"
    assert like["reservations4"] == ""


def test_a_folder_of_the_host_is_served_by_those_who_may() -> None:
    office()
    admin = person("netadmin", "network-admin")
    draft = {"name": "boot", "bridge": "virbr9", "ipv4": "10.77.1.1/24", "tftp_root": "/etc"}
    with pytest.raises(Denied):
        network_edits.create(admin, refs.host("east"), core.NAT, draft)


def test_a_reservation_that_clashes_is_refused_beside_its_field() -> None:
    ref, boss = office(), person("boss", "administrator")
    for typed, field in (
        ({"who": "52:54:00:00:00:05", "ip": "10.9.0.6"}, "mac"),
        ({"who": "52:54:00:00:00:06", "ip": "10.9.0.5"}, "ip"),
        ({"who": "52:54:00:00:00:06", "ip": "10.8.0.6"}, "ip"),
        ({"who": "52:54:00:00:00:06", "ip": "10.9.0.6", "name": "five"}, "name"),
        ({"who": "nonsense", "ip": "10.9.0.6"}, "mac"),
        ({"who": "52:54:00:00:00:06", "ip": "x"}, "ip"),
        ({"who": "52:54:00:00:00:06", "ip": "10.9.0.6", "name": "a b"}, "name"),
        ({"who": "52:54:00:00:00:06", "ip": "10.9.0.6", "name": "<b>"}, "name"),
    ):
        with pytest.raises(Invalid) as refused:
            network_edits.reserve(boss, ref, **typed)
        assert list(refused.value.fields) == [field], typed


def test_a_host_that_is_away_is_said_at_once() -> None:
    ref, boss = office(), person("boss", "administrator")
    mirrored(1, link="down")
    assert obstacles(boss, ref)["network.stop"] is Obstacle.HOST_AWAY
    with pytest.raises(HostDown):
        networks.stop(boss, ref)


def test_filters_name_their_users() -> None:
    card = InterfaceRecord(**{**_fields(CARD), "filter": "clean-traffic"})
    mirrored(1, interfaces=(card,), state=GuestState.RUNNING)
    ref, boss = with_filter(4), person("boss", "administrator")
    (row,) = nwfilters.list_(boss)
    assert (row.record.name, row.users) == ("clean-traffic", 1)
    assert [it.name for it in nwfilters.show(boss, ref).users] == ["guest1"]
    with pytest.raises(NotFound):
        nwfilters.show(person("viewer", "viewer"), ref)


def test_raw_xml_of_a_filter_wants_the_password_again() -> None:
    with_filter(4)
    with pytest.raises(Denied) as refused:
        nwfilters.define(
            person("boss", "administrator"), refs.host("east"), name="x", text="<filter/>"
        )
    assert refused.value.context["verb"] == "me.confirm"


DRAFT = {
    "name": "<b>lab & co", "bridge": "virbr5", "ipv4": "10.50.0.1/24",
    "ranges4": "10.50.0.100 - 10.50.0.200", "domain": "lab.example",
}  # fmt: skip


@pytest.fixture
def settled(test_host: TestHost) -> Callable[[Callable[[], bool]], None]:  # noqa: F811
    """Wait until the worker has told of a change, and the mirror has it."""

    def wait(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while True:
            test_host.sync()
            if is_so():
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)

    test_host.sync()
    return wait


@pytest.mark.django_db(transaction=True)
def test_a_network_lives_from_its_form_to_its_end(settled: Any) -> None:
    boss, host = person("boss", "administrator"), refs.host("east")
    network_edits.APPEARS_S = 0.0
    ref = network_edits.create(boss, host, core.NAT, DRAFT)
    settled(lambda: any(it.ref == ref for it in networks.list_(boss)))
    record = networks.show(boss, ref).record
    assert (record.name, record.is_active, record.has_autostart) == ("<b>lab & co", True, True)
    assert record.spec.ips[0].ranges == (DhcpRange("10.50.0.100", "10.50.0.200"),)

    with pytest.raises(Invalid) as refused:
        network_edits.create(boss, host, core.NAT, DRAFT)
    assert {"name", "bridge", "ipv4"} <= set(refused.value.fields)

    assert networks.stop(boss, ref) is Outcome.DONE
    settled(lambda: not networks.show(boss, ref).record.is_active)
    assert networks.stop(boss, ref) is Outcome.UNCHANGED

    edited = {**DRAFT, "domain": "other.example"}  # a running one waits, untold by this driver
    seen = networks.show(boss, ref).record.definition_hash
    network_edits.edit(boss, ref, edited, definition_hash=seen)
    settled(lambda: networks.show(boss, ref).record.spec.domain == "other.example")
    with pytest.raises(Conflict):
        network_edits.edit(boss, ref, edited, definition_hash=seen)

    assert networks.autostart(boss, ref, enabled=False) is Outcome.DONE
    networks.delete(boss, ref)
    settled(lambda: not any(it.ref == ref for it in networks.list_(boss)))
    said = list(AuditEntry.objects.order_by("pk").values_list("verb", "outcome"))
    assert ("network.create", "ok") in said
    assert ("network.edit", "conflict") in said
    kept = AuditEntry.objects.get(verb="network.delete").detail["xml"]
    assert "other.example" in kept


def test_plain_records_of_this_suite_are_whole() -> None:
    assert plain.network(3)["record"]["spec"]["mode"] == core.ISOLATED
