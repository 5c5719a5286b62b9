"""What the page of a new guest asks for cloud-init, as a browser without scripts sees it."""

from __future__ import annotations

import pytest

from kvmweb.inventory import models as mirror
from kvmweb.store.models import Job
from tests.hub import plain
from tests.web.test_create import PAGE, enter, form, stage, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("told", "is_warned"),
    [
        ({}, True), ({"user": "li"}, True), ({"user_data": "timezone: UTC"}, True),
        ({"user": "li", "password": "x"}, False),
        ({"user_data": "ssh_import_id: [gh:li]"}, False),
    ],
)  # fmt: skip
def test_a_cloud_image_that_lets_nobody_in_is_warned_of(
    told: dict[str, str], is_warned: bool
) -> None:
    stage()
    sent = form(**{"source": "cloud", "image": f"{plain.uuid(900)}/disk1.qcow2", **told})
    client = enter()
    page = text(client.post(f"{PAGE}draft/?part=summary", sent, secure=True))
    assert ("Nobody can sign in" in page) is is_warned
    assert client.post(PAGE, sent, secure=True).status_code == 302


def test_a_wrong_address_is_told_beside_its_field_and_what_was_typed_stays() -> None:
    stage()
    sent = form(
        source="cloud", image=f"{plain.uuid(900)}/disk1.qcow2", addressing="fixed",
        address="192.0.2.10/24", gateway="198.51.100.1", nameservers="192.0.2.53", user="li ada",
    )  # fmt: skip
    client = enter()
    answer = client.post(PAGE, sent, secure=True)
    page = text(answer)
    assert answer.status_code == 422
    assert "It is not in the subnet 192.0.2.0/24." in page
    assert page.count('class="field-error"') == 1
    for typed in ("192.0.2.10/24", "198.51.100.1", "192.0.2.53", "li ada"):
        assert f'value="{typed}"' in page
    assert '<option value="fixed" selected>' in page
    shown = text(client.post(f"{PAGE}draft/?part=summary", sent, secure=True))
    assert client.post(PAGE, {**sent, "gateway": "192.0.2.1"}, secure=True).status_code == 302
    arguments = Job.objects.get().arguments
    mac = arguments["spec"]["interfaces"][0]["mac"]
    assert mac.startswith("52:54:00:")
    assert mac in arguments["answers"]["network-config"]
    assert mac in shown


def test_without_a_card_there_is_nothing_to_give_an_address() -> None:
    stage()
    sent = form(
        source="cloud", image=f"{plain.uuid(900)}/disk1.qcow2", addressing="fixed",
        address="192.0.2.10/24",
    )  # fmt: skip
    del sent["card-0-network"]
    assert 'id="id_addressing_error"' in text(enter().post(PAGE, sent, secure=True))


def test_a_copy_is_asked_for_its_address_as_well() -> None:
    stage()
    mirror.GuestDefinition.objects.update(xml="<domain><name>x</name><devices/></domain>")
    chosen = {"original": plain.uuid(1), "has_cloud": "on", "addressing": "fixed", "address": "x"}
    client, sent = enter(), form(source="copy", **chosen)
    page = text(client.post(PAGE, sent, secure=True))
    assert 'id="id_address_error"' in page
    assert 'name="address" value="x"' in page
