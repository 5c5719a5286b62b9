"""What is asked before something is done: who is reached, what is lost, what is left out."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.store.models import AuditEntry, CustomRole, Grant, Job, Person, RightsEpoch, Team
from kvmweb.ui import act_details, links
from tests.services.stage import held, mirrored, person
from tests.web.test_guest_pages import HTMX, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def guests() -> list[Ref]:
    (running,) = mirrored(1, name="on", state=GuestState.RUNNING)
    (off,) = mirrored(2, name="off", state=GuestState.SHUT_OFF)
    (foreign,) = mirrored(3, name="theirs", state=GuestState.RUNNING)
    return [running, off, foreign]


def ask(client: Client, verb: str, guests: list[Ref]) -> str:
    sent = {"verb": verb, "ref": [str(ref) for ref in guests]}
    return client.post("/guests/bulk/", sent, **HTMX).content.decode()


@pytest.mark.parametrize("verb", ["destroy", "shutdown"])
def test_a_press_on_many_says_what_it_leaves_out_and_why(guests: list[Ref], verb: str) -> None:
    actor = person("ann", "operator", str(guests[0]))
    for ref, role in ((guests[1], "operator"), (guests[2], "viewer")):
        Grant.objects.create(person_id=actor.person_id, role=role, scope=str(ref))
    RightsEpoch.advance()
    html = ask(signed_in(actor), verb, guests)
    assert html.count('name="ref"') == 1
    assert f'value="{guests[0]}"' in html
    assert "1 guest?" in html
    assert "Already off." in html
    assert "You do not have the right" in html
    left_out = html[html.index("Left out") :]
    assert left_out.count("<bdi>") == 2
    assert not Job.objects.exists()


def test_a_press_that_reaches_nobody_cannot_be_sent(guests: list[Ref]) -> None:
    html = ask(signed_in(person("ann", "operator")), "destroy", [guests[1]])
    assert "There is nothing to do with the chosen guests." in html
    assert 'type="submit"' not in html


def test_a_harmless_press_on_many_asks_nothing(guests: list[Ref], run_folder: object) -> None:
    assert "job-" in ask(signed_in(person("ann", "operator")), "suspend", guests[:1])
    assert Job.objects.count() == 1


@pytest.mark.parametrize("verb", ["shutdown", "reboot", "shutdown-acpi"])
def test_shut_down_and_reboot_ask_first_without_alarm(guests: list[Ref], verb: str) -> None:
    client, url = signed_in(person("ann", "operator")), links.of(guests[0])
    html = client.get(f"{url}{verb}/", **HTMX).content.decode()
    assert "Uptime" in html
    assert "pf-m-danger" not in html
    page = client.get(url).content.decode()
    assert f'hx-get="{url}{verb}/"' in page
    assert f'hx-post="{url}{verb}/"' not in page


def test_all_that_is_wrong_with_a_new_disk_is_said_at_once(guests: list[Ref]) -> None:
    client, pool = signed_in(person("ann", "administrator")), held(900, "taken.qcow2")
    sent = {
        "what": "new", "pool": pool.id, "name": "taken.qcow2", "capacity": "much", "bus": "virtio",
        "image_format": "qcow2",
    }  # fmt: skip
    html = client.post(f"{links.of(guests[1])}disks/add/", sent, **HTMX).content.decode()
    for field, said in {"name": "is in the pool already", "capacity": "with its unit"}.items():
        assert re.search(rf'id="id_{field}_error"[^>]*>[^<]*{said}', html)


def test_the_firmware_of_a_guest_that_runs_is_shown_and_not_offered(guests: list[Ref]) -> None:
    client = signed_in(person("ann", "administrator"))
    on, off = (
        client.get(f"{links.of(ref)}set-up/firmware/", **HTMX).content.decode()
        for ref in guests[:2]
    )
    assert 'type="submit"' in off
    assert 'name="is_sure"' in off
    assert 'type="submit"' not in on
    assert 'name="is_sure"' not in on
    assert on.count("Shut the guest down first.") == 1
    assert re.search(r'<select name="kind"[^>]* disabled', on)
    sent = {"kind": "efi", "is_sure": "on", "definition_hash": ""}
    late = client.post(f"{links.of(guests[0])}set-up/firmware/", sent, **HTMX)
    assert late.status_code == 422, "it was started meanwhile"


def test_before_a_grant_is_taken_back_the_loss_is_named() -> None:
    admin, ann = person("ada", "administrator"), person("ann", "viewer")
    CustomRole.objects.create(key="both", label="Both", verbs=["guest.view", "guest.start"])
    grant = Grant.objects.create(person_id=ann.person_id, role="both", scope=Grant.EVERYTHING)
    RightsEpoch.advance()
    url = f"/people/grants/{grant.pk}/revoke/"
    html = signed_in(admin).get(url, **HTMX).content.decode()
    assert "Remove Both of ann?" in html
    lost = html[html.index("can no longer") :]
    assert "Start" in lost
    assert "See guests" not in lost, "she keeps it as a Viewer"
    assert Grant.objects.filter(pk=grant.pk).exists()
    signed_in(admin).post(url, {"next": "/people/grants/"})
    assert not Grant.objects.filter(pk=grant.pk).exists()


def test_the_loss_of_a_team_is_named_for_each_member() -> None:
    admin, ann = person("ada", "administrator"), person("ann", "operator")
    bob, _eve = person("bob"), person("eve")
    team = Team.objects.create(name="Night")
    team.members.set([ann.person_id, bob.person_id])
    grant = Grant.objects.create(team=team, role="console", scope=Grant.EVERYTHING)
    RightsEpoch.advance()
    html = signed_in(admin).get(f"/people/grants/{grant.pk}/revoke/").content.decode()
    assert "Nothing is lost: other grants give the same." in html.partition("bob can")[0]
    assert "Use the console" in html.partition("bob can")[2]
    assert "eve can" not in html


def test_who_may_not_grant_is_not_asked() -> None:
    grant = Grant.objects.create(
        person=Person.objects.create_user("bob", "x"), role="viewer", scope=Grant.EVERYTHING
    )
    client = signed_in(person("au", "auditor"))
    assert client.get(f"/people/grants/{grant.pk}/revoke/").status_code == 403


def test_the_values_of_an_entry_are_words() -> None:
    kept = {
        "kind": "screen", "device": "", "seconds": 3.5, "bytes_shown": 2048, "bytes_typed": 0,
        "why": "left",
    }  # fmt: skip
    said = act_details.text(kept)
    assert said == ("Console: screen; Lasted: 3.5 s; Shown: 2 KiB; Ended because: the person left")
    for code in ("shut-off", "revoked", "host-down"):
        assert code not in act_details.text({"why": code})
    assert act_details.text({"act": "give", "role": "console", "scope": "everything"}) == (
        "grant given; Role: Console user; Where: Everything"
    )
    assert act_details.text({"seconds": "x", "verbs": 5, "unheard": "\n"}) == (
        r"Lasted: x s; Rights: 5; unheard: \u000a"
    )


def test_every_value_that_a_service_writes_has_a_name() -> None:
    from tests.web.test_matrix import GRANTS

    assert GRANTS
    mirrored(1)
    client = signed_in(person("ada", "administrator"))
    client.post("/people/teams/add/", {"name": "Night"})
    client.post("/people/add/", {"username": "li", "display_name": "", "email": "", "password": ""})
    team = Team.objects.get()
    client.post(f"/people/teams/{team.pk}/rename/", {"name": "Day"})
    keys = {key for entry in AuditEntry.objects.all() for key in entry.detail}
    assert keys
    assert keys <= set(act_details.NAMES)


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "22.5"])
def test_a_wrong_port_is_said_in_one_sentence_beside_its_field(port: str) -> None:
    client = signed_in(person("ada", "administrator"))
    sent = {"transport": "ssh", "machine": "kvm1", "user": "", "port": port, "name": "A"}
    for path in ("/hosts/add/", "/hosts/test/"):
        html = client.post(path, sent).content.decode()
        assert html.count("A port is a number from 1 to 65535.") == 1
        assert "Ensure" not in html
    assert f'value="{port}"' in client.post("/hosts/add/", sent).content.decode()


def test_certificates_for_no_machine_leave_the_form_as_it_was() -> None:
    ada = signed_in(person("ada", "administrator"))
    typed = {"transport": "tls", "machine": "-x", "name": "Rack 2", "identity": "portal"}
    answer = ada.post("/hosts/certificates/", typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="Rack 2"' in page
    assert 'action="/hosts/add/"' in page
    assert "id_machine_error" in page
