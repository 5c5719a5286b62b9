"""The page of a new guest as a browser without scripts sees it, and what it costs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from kvmweb.core import wire
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.records import HostRecord
from kvmweb.core.systems import Need, System
from kvmweb.hub.mirror import Writer
from kvmweb.inventory import models as mirror
from kvmweb.services import systems
from kvmweb.store.models import Grant, Host, Job, Person, RightsEpoch
from tests.hub import plain

pytestmark = pytest.mark.django_db
PAGE = "/guests/create/"
FACTS = DomainFacts(
    "qemu", "pc-q35-7.2", 288, ("maximum", "host-model"), False, False,
    ("virtio", "sata", "scsi"), ("virtio", "vga"), (),
)  # fmt: skip
HOST = HostRecord(
    "east", "test:///default", "QEMU", "9.0.0", "7.2.22", "x86_64", "EPYC", 4, 8 * 1024**3,
    False, False, False, {}, domains=(FACTS,),
)  # fmt: skip


def stage(guests: int = 2, volumes: int = 3) -> None:
    """A host that answers, with guests, a pool of volumes and a network."""
    Host.objects.create(key="east", name="East", uri="test:///default")
    writer = Writer("east", "stage")
    writer.open()
    told = [plain.guest(number) for number in range(1, guests + 1)]
    told += [plain.pool(900), plain.network(901)]
    told += [plain.volume(900, f"disk{number}.qcow2") for number in range(volumes)]
    writer.apply([*told, plain.link("up")])
    mirror.HostMirror.objects.filter(host="east").update(record=wire.to_plain(HOST))


def enter(role: str = "administrator") -> Client:
    person = Person.objects.create_user(role, "x")
    Grant.objects.create(person=person, role=role, scope=Grant.EVERYTHING)
    RightsEpoch.advance()
    client = Client()
    client.force_login(person)
    return client


def form(**fields: str) -> dict[str, str]:
    chosen = {
        "source": "empty", "host": "east", "name": "fresh", "vcpus": "1", "memory": "1 GiB",
        "firmware": "bios", "graphics": "vnc", "disk-0-what": "new", "disk-0-pool": plain.uuid(900),
        "disk-0-size": "1 GiB", "disk-0-format": "qcow2", "card-0-network": plain.uuid(901),
    }  # fmt: skip
    return {**chosen, **fields}


def text(answer: Any) -> str:
    return answer.content.decode()


def test_the_address_fills_the_form() -> None:
    stage()
    place = f"{PAGE}?source=import&image=disk1.qcow2&pool={plain.uuid(900)}&name=given&vcpus=3"
    page = text(enter().get(place, secure=True))
    assert 'value="given"' in page
    assert f'<option value="{plain.uuid(900)}/disk1.qcow2" selected>' in page
    assert 'name="vcpus" value="3"' in page


def test_a_name_is_proposed_that_no_guest_has() -> None:
    stage()
    mirror.Guest.objects.filter(uuid=plain.uuid(1)).update(name="guest-1")
    assert 'value="guest-2"' in text(enter().get(PAGE, secure=True))


def test_a_field_that_nobody_knows_is_refused() -> None:
    stage()
    client = enter()
    for name in ("path", "disk-0-path", "disk-0-xml", "emulator", "disk-100-pool"):
        answer = client.post(PAGE, form(**{name: "/etc/shadow"}), secure=True)
        assert answer.status_code == 400, name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../../etc"), ("name", ""), ("vcpus", "0"), ("vcpus", "4000"), ("memory", "9"),
        ("memory", "1 KiB"), ("memory", "90 GiB"), ("disk-0-size", "0"), ("firmware", "efi"),
        ("cpu", "host-passthrough"), ("system", "no-such-system"), ("card-0-mac", "01:00:5e:0:0:1"),
        ("disk-0-pool", "/var/lib"), ("card-0-network", "br0"), ("boot", "floppy"),
        ("topology", "many"), ("topology", "1:3:1"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_beside_its_field(field: str, value: str) -> None:
    stage()
    answer = enter().post(PAGE, form(**{field: value}), secure=True)
    assert answer.status_code == 422
    page = text(answer)
    assert f'id="id_{field}_error"' in page
    assert 'value="1 GiB"' in page or field == "memory"


@pytest.mark.parametrize(("button", "is_started"), [({}, True), ({"edit_first": "yes"}, False)])
def test_a_guest_that_is_edited_first_is_made_and_not_started(
    button: dict[str, str], is_started: bool
) -> None:
    stage()
    answer = enter().post(PAGE, form(is_started="on", **button), secure=True)
    assert answer.status_code == 302
    assert Job.objects.get().arguments["is_started"] is is_started


def test_what_is_typed_is_shown_as_what_will_be_made_without_making_it() -> None:
    stage()
    answer = enter().post(f"{PAGE}draft/?part=summary", form(), secure=True, HTTP_HX_REQUEST="true")
    page = text(answer)
    assert "fresh.qcow2" in page
    assert "virt-install" in page
    assert "hx-swap-oob" in page
    assert "id_name" not in page


def test_rows_come_and_go_without_a_script() -> None:
    stage()
    client = enter()
    page = text(client.post(f"{PAGE}draft/", form(act="add-disk"), secure=True))
    assert 'name="disk-1-size"' in page
    page = text(client.post(f"{PAGE}draft/", form(act="remove-disk-0"), secure=True))
    assert 'name="disk-0-size"' not in page
    assert 'value="fresh"' in page


def test_who_may_not_create_is_told_which_right_is_missing() -> None:
    stage()
    client = enter("operator")
    answer = client.get(PAGE, secure=True)
    assert answer.status_code == 403
    assert "?page=/-/&amp;rev=" in text(answer), "news for a page that is not shown"
    page = text(client.get("/guests/", secure=True))
    assert "Create a guest" in page
    assert "/guests/create/" not in page


def test_the_page_costs_the_same_queries_for_many_guests(
    django_assert_max_num_queries: Any,
) -> None:
    stage(guests=200, volumes=200)
    client = enter()
    client.get(PAGE, secure=True)
    with django_assert_max_num_queries(40):
        client.get(PAGE, secure=True)


def test_a_copy_shows_its_command_and_its_definition() -> None:
    stage()
    client, original = enter(), plain.uuid(1)
    page = text(client.get(f"{PAGE}?source=copy&original={original}&name=twin"))
    assert "virt-clone --connect test:///default --original guest1 --name twin" in page
    assert re.search(r'id="create-xml">.*name.*twin', page, re.DOTALL)
    bare = text(client.get(f"{PAGE}?source=copy"))
    assert "Choose what it is made of first." in bare


def test_a_template_without_disks_asks_for_no_way_to_copy_them() -> None:
    stage()
    record = mirror.Guest.objects.get(uuid=plain.uuid(1)).record
    mark = {"template": {"at": 0}}
    mirror.Guest.objects.filter(uuid=plain.uuid(1)).update(record={**record, **mark})
    mirror.GuestDefinition.objects.update(xml="<domain><name>x</name><devices/></domain>")
    client, chosen = enter(), {"source": "template", "original": plain.uuid(1)}
    page = text(client.get(f"{PAGE}?source=template", secure=True))
    assert re.search(r'name="way" value="link"[^>]* checked', page)
    page = text(client.get(f"{PAGE}?source=template&original={plain.uuid(1)}", secure=True))
    assert "It has no disk to copy." in page
    assert 'name="way"' not in page
    sent = form(act="original", way="link", **chosen)
    page = text(client.post(f"{PAGE}draft/", sent, secure=True))
    assert 'name="way"' not in page
    page = text(client.post(f"{PAGE}draft/", form(act="host", **chosen), secure=True))
    assert re.search(r'name="way" value="link"[^>]* checked', page)


def test_the_topology_is_in_the_definition_and_in_the_command() -> None:
    stage()
    sent = form(vcpus="2", vcpus_max="4", topology="1:2:2")
    client = enter()
    page = text(client.post(f"{PAGE}draft/?part=summary", sent, secure=True))
    assert "maxvcpus=4,sockets=1,cores=2,threads=2" in page
    assert client.post(PAGE, sent, secure=True).status_code == 302
    assert Job.objects.get().arguments["spec"]["topology"] == {
        "sockets": 1, "cores": 2, "threads": 2,
    }  # fmt: skip


def test_less_than_the_system_needs_is_warned_of_and_not_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage()
    need = Need(cpus=2, memory=4 * 1024**3, disk=64 * 1024**3)
    greedy = System("greedy", "urn:greedy", "Greedy 1", minimum=(need,))
    monkeypatch.setattr(systems, "get", lambda _name: greedy)
    sent, client = form(system="greedy"), enter()
    page = text(client.post(f"{PAGE}draft/?part=summary", sent, secure=True))
    assert "Greedy 1 needs at least 4.0 GiB of memory." in page
    assert "Greedy 1 needs at least 2 virtual CPUs." in page
    assert "Greedy 1 needs a disk of at least 64.0 GiB." in page
    assert client.post(PAGE, sent, secure=True).status_code == 302
    assert Job.objects.get().arguments["volumes"][0]["size"] == 1024**3
