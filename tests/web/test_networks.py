"""Network pages: few queries, strict forms, hostile names, and reasons for what cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from kvmweb.core import networks as core
from kvmweb.core.networks import IpBlock, Lease, NetworkSpec
from kvmweb.core.records import GuestState, InterfaceRecord
from kvmweb.store.models import Grant, Person, RightsEpoch
from kvmweb.ui import links
from tests.services.stage import mirrored, with_network

pytestmark = pytest.mark.django_db
NAME = "<script>alert(1)</script>\u202eevil"
SPEC = NetworkSpec(
    name=NAME, mode=core.NAT, bridge="virbr7", ips=(IpBlock("10.9.0.1", 24),), domain="x.example"
)
CARD = InterfaceRecord("52:54:00:00:00:01", "network", NAME, "virtio", "vnet0", port="p")


@pytest.fixture
def enter(settings: Any) -> Callable[[str], Client]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def client(role: str) -> Client:
        person = Person.objects.create_user(f"one-{role}", "x")
        Grant.objects.create(person=person, role=role, scope=Grant.EVERYTHING)
        RightsEpoch.advance()
        made = Client(headers={"host": "localhost"})
        made.force_login(person)
        return made

    return client


@pytest.fixture
def page() -> str:
    lease = Lease("10.9.0.100", "52:54:00:00:00:01", "<b>host</b>", 2e9)
    facts = {"spec": SPEC, "bridge": "virbr7", "subnets": SPEC.subnets, "has_dhcp": True}
    return links.of(with_network(3, name=NAME, leases=(lease,), **facts))


def get(client: Client, path: str) -> str:
    answer = client.get(path, secure=True)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.mark.parametrize("place", ["", "?part=head", "edit/", "duplicate/", "stop/"])
def test_a_hostile_name_stays_text(place: str, page: str, enter: Callable[[str], Client]) -> None:
    said = get(enter("administrator"), page + place)
    assert "&lt;script&gt;alert(1)" in said
    assert "<script>alert(1)" not in said
    assert "<b>host</b>" not in said


def test_hostile_names_stay_text_in_list_and_topology(
    page: str, enter: Callable[[str], Client]
) -> None:
    client = enter("administrator")
    for place in ("/networks/", "/networks/topology/"):
        assert "<script>alert(1)" not in get(client, place)


@pytest.mark.parametrize("place", ["", "topology"])
def test_more_guests_are_no_more_queries(
    place: str,
    page: str,
    enter: Callable[[str], Client],
    django_assert_max_num_queries: Any,
) -> None:
    client, path = enter("administrator"), "/networks/topology/" if place else page
    get(client, path)
    for number in (2, 60):
        mirrored(*range(10, 10 + number), interfaces=(CARD,), state=GuestState.RUNNING)
        with django_assert_max_num_queries(22):
            said = get(client, path)
        assert said.count("52:54:00:00:00:01") >= number


def test_who_may_not_is_told_why(page: str, enter: Callable[[str], Client]) -> None:
    said = get(enter("viewer"), page)
    assert "You do not have the right “Stop” here" in said
    assert "You do not have the right to see the definition" in said
    assert 'name="who"' not in said


def test_an_unknown_field_is_refused(page: str, enter: Callable[[str], Client]) -> None:
    client = enter("administrator")
    for path, data in (
        ("/networks/create/?mode=nat", {"name": "n", "xml": "<network/>"}),
        ("/networks/create/?mode=macvtap", {"name": "n", "ipv4": "10.0.0.1/24"}),
        (f"{page}edit/", {"name": "other"}),
        (f"{page}reserve/", {"who": "52:54:00:00:00:09", "ip": "10.9.0.9", "x": "1"}),
        (f"{page}stop/", {"uuid": "x"}),
    ):
        assert client.post(path, data, secure=True).status_code == 400, path


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    page: str, enter: Callable[[str], Client]
) -> None:
    typed = {
        "name": NAME[:8], "bridge": "a-bridge-of-16-c", "ipv4": "10.9.0.77/16",
        "ranges4": "10.9.1.1 - 10.8.1.9",
    }  # fmt: skip
    client = enter("administrator")
    answer = client.post("/networks/create/?mode=nat", typed, secure=True)
    said = answer.content.decode()
    assert answer.status_code == 422
    for sentence in ("at most 15 characters", "overlaps 10.9.0.0/24", "lower address first"):
        assert sentence in said
    assert "a-bridge-of-16-c" in said
    preview = client.post(
        "/networks/create/?mode=nat&preview=1", typed, secure=True, headers={"HX-Request": "true"}
    ).content.decode()
    assert 'id="fault-bridge" role="alert" hx-swap-oob="true"' in preview
    assert "at most 15 characters" in preview


@pytest.mark.parametrize("mode", core.MODES)
def test_every_mode_has_a_form(mode: str, page: str, enter: Callable[[str], Client]) -> None:
    assert "virsh" in get(enter("network-admin"), f"/networks/create/?mode={mode}")


def test_steps_for_a_bridge_never_hold_what_a_shell_would_run(
    page: str, enter: Callable[[str], Client]
) -> None:
    said = get(enter("viewer"), "/networks/bridges/?host=east&bridge=br0;reboot&device=$(id)")
    assert "cannot be interfaces" in said
    assert "nmcli connection delete br0-eth0" in said


def test_hundreds_of_guests_are_counted_and_the_first_are_shown(
    page: str, enter: Callable[[str], Client]
) -> None:
    mirrored(*range(10, 140), interfaces=(CARD,), state=GuestState.RUNNING)
    said = get(enter("administrator"), page)
    assert "The first 100 of 130." in said
    assert said.count('<th scope="row"><a href="/guests/') == 100


def test_a_lease_whose_guest_calls_itself_strangely_is_kept_without_a_name(
    page: str, enter: Callable[[str], Client]
) -> None:
    click = {"who": "52:54:00:00:00:01", "ip": "10.9.0.100", "host_name": "<b>host</b>"}
    answer = enter("administrator").post(f"{page}reserve/", click, secure=True)
    assert answer.status_code == 503, "it was asked of the host, which has no worker here"
    form = {**click, "definition_hash": "h"}
    answer = enter("network-admin").post(f"{page}reserve/", form, secure=True)
    assert answer.status_code == 422
    assert "letters, digits, dashes and dots" in answer.content.decode()
