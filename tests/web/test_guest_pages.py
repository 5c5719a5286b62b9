"""The guest page over HTTP: whole, in parts, its forms, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core.actors import Actor
from kvmweb.core.networks import Flow
from kvmweb.core.records import DiskRecord, GuestState, InterfaceRecord
from kvmweb.core.refs import Ref
from kvmweb.store.models import AuditEntry, Job, Person
from kvmweb.ui import links
from tests.hub import plain
from tests.services.stage import (  # noqa: F401 - fixtures
    TestHost,
    mirrored,
    person,
    test_host,
)

HTMX = {"HTTP_HX_REQUEST": "true"}
PARTS = ("head", "overview", "use", "description", "disks", "interfaces", "snapshots")
NASTY = "\u202e<script>alert(1)</script>'\"&"


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return client


@pytest.fixture
def editor(db: None) -> Client:
    cache.clear()
    return signed_in(person("ed", "editor"))


@pytest.fixture
def web01(db: None) -> Ref:
    (ref,) = mirrored(1, name="web01", state=GuestState.RUNNING, tags=("web", "prod"))
    return ref


@pytest.mark.django_db
def test_the_page_shows_every_card_and_every_verb_with_its_command(
    editor: Client, web01: Ref
) -> None:
    page = editor.get(links.of(web01)).content.decode()
    for part in (*PARTS, "definition"):
        assert f'id="{web01.dom_id}-{part}"' in page
    assert "virsh -c test:///default shutdown guest" not in page
    for line in ("shutdown web01", "destroy web01", "inject-nmi web01", "managedsave web01"):
        assert f"virsh -c test:///default {line}" in page
    assert 'href="/guests/?tag=web"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_answered_alone(editor: Client, web01: Ref, part: str) -> None:
    html = editor.get(f"{links.of(web01)}?part={part}", **HTMX).content.decode().strip()
    assert re.match(rf"<\w+[^>]* id=\"{web01.dom_id}-{part}\"", html)
    assert "<html" not in html


@pytest.mark.django_db
def test_unknown_parts_guests_and_strangers_are_not_found(editor: Client, web01: Ref) -> None:
    assert editor.get(f"{links.of(web01)}?part=secrets", **HTMX).status_code == 404
    assert editor.get(links.of(Ref(web01.kind, "east", plain.uuid(9)))).status_code == 404
    stranger = signed_in(person("out", "viewer", "host:west"))
    for path in ("", "definition/", "describe/", "destroy/", "confirm/destroy/", "actions/"):
        assert stranger.get(f"{links.of(web01)}{path}").status_code == 404
    assert Client().get(links.of(web01)).status_code == 302


@pytest.mark.django_db
def test_names_with_markup_are_shown_harmless(editor: Client) -> None:
    (ref,) = mirrored(
        2, name=NASTY, title=NASTY, description=NASTY, state=GuestState.RUNNING, xml=NASTY
    )
    for path in ("", "definition/", "describe/", "confirm/destroy/", "actions/"):
        page = editor.get(f"{links.of(ref)}{path}").content.decode()
        assert "<script>alert" not in page
    page = editor.get(links.of(ref)).content.decode()
    assert "<bdi>\u202e&lt;script&gt;" in page


@pytest.mark.django_db
def test_the_definition_needs_its_own_right_and_can_be_downloaded(
    editor: Client, web01: Ref
) -> None:
    shown = editor.get(f"{links.of(web01)}definition/", **HTMX).content.decode()
    assert '<span class="xml-tag">&lt;domain</span>' in shown
    file = editor.get(f"{links.of(web01)}definition/?download=1")
    assert file["Content-Disposition"] == 'attachment; filename="web01.xml"'
    viewer = signed_in(person("eye", "viewer"))
    assert viewer.get(f"{links.of(web01)}definition/").status_code == 403
    assert (
        "do not have the right to see the definition"
        in viewer.get(links.of(web01)).content.decode()
    )


@pytest.mark.django_db
def test_a_viewer_sees_disabled_controls_that_say_why(web01: Ref) -> None:
    page = signed_in(person("eye", "viewer")).get(links.of(web01)).content.decode()
    assert page.count('aria-disabled="true"') > 10
    assert 'hx-post="/guests' not in page.split('id="main"')[1]


@pytest.mark.django_db
def test_a_host_away_greys_the_cards_and_says_since_when(editor: Client) -> None:
    (ref,) = mirrored(3, state=GuestState.RUNNING, link="down")
    page = editor.get(links.of(ref)).content.decode()
    assert "is not answering. What you see is old." in page
    assert "is-away" in page


@pytest.mark.django_db
def test_a_question_is_a_dialog_with_htmx_and_a_page_without(editor: Client, web01: Ref) -> None:
    url = f"{links.of(web01)}confirm/destroy/"
    dialog = editor.get(url, **HTMX).content.decode()
    page = editor.get(url).content.decode()
    assert dialog.strip().startswith("<dialog")
    assert "<html" in page
    for html in (dialog, page):
        assert "Force off web01?" in html
        assert "Unsaved data may be lost." in html
        assert f'action="{links.of(web01)}destroy/"' in html
        assert f'formaction="{links.of(web01)}shutdown/"' in html


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("start/", {"force": "1"}, 400),
        ("start/", {"key": ["a", "b"]}, 400),
        ("shutdown/", {"mode": "magic"}, 422),
        ("autostart/", {"enabled": "perhaps"}, 422),
        ("autostart/", {}, 422),
        ("explode/", {}, 404),
        ("describe/", {"xml": "<x/>"}, 400),
        ("describe/", {"title": "x" * 256}, 422),
        ("describe/", {"tags": "ok, b@d"}, 422),
        ("describe/", {"tags": " ".join(f"t{n}" for n in range(21))}, 422),
        ("describe/", {"description": "x" * 32_001}, 422),
        ("describe/", {"description": "bell\x07"}, 422),
    ],
)
def test_bad_input_is_refused(
    editor: Client, web01: Ref, path: str, data: dict[str, Any], status: int
) -> None:
    assert editor.post(f"{links.of(web01)}{path}", data, **HTMX).status_code == status


@pytest.mark.django_db
def test_a_refused_form_keeps_what_was_typed(editor: Client, web01: Ref) -> None:
    typed = {"title": "T" * 300, "description": "my words", "tags": "a b@d"}
    html = editor.post(f"{links.of(web01)}describe/", typed, **HTMX).content.decode()
    assert "T" * 300 in html
    assert "my words" in html
    assert "“b@d” cannot be a tag" in html
    assert html.count('aria-invalid="true"') == 2


@pytest.mark.django_db(transaction=True)
def test_a_press_answers_204_and_without_htmx_goes_to_the_page(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    client, url = signed_in(person("ed", "editor")), links.of(test_host.ref(1))
    answer = client.post(f"{url}suspend/", {"key": "k" * 16}, **HTMX)
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.post(f"{url}suspend/", {"key": "k" * 16}, **HTMX).status_code == 204
    answer = client.post(f"{url}resume/")
    assert (answer.status_code, answer["Location"]) == (302, url)
    assert list(AuditEntry.objects.values_list("verb", "outcome")) == [
        ("guest.resume", "ok"), ("guest.suspend", "ok"),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_a_toast_tied_to_the_guest(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    client, url = signed_in(person("ed", "editor")), links.of(test_host.ref(1))
    client.post(f"{url}destroy/", **HTMX)
    answer = client.post(f"{url}reboot/", **HTMX)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert f'<a href="{url}">guest1</a>' in html
    assert "<summary>" in html
    assert "close-dialog" in answer["HX-Trigger"]


@pytest.mark.django_db(transaction=True)
def test_a_description_travels_in_libvirts_metadata(test_host: TestHost) -> None:  # noqa: F811
    cache.clear()
    test_host.sync()
    client, url = signed_in(person("ed", "editor")), links.of(test_host.ref(1))
    form = client.get(f"{url}describe/").content.decode()
    seen = re.search(r'name="definition_hash" value="(\w+)"', form)
    assert seen
    data = {
        "title": "Web server", "description": "two\r\nlines", "tags": "web 网站",
        "definition_hash": seen[1],
    }  # fmt: skip
    assert client.post(f"{url}describe/", data, **HTMX).status_code == 200
    assert test_host.reads(1, title="Web server")
    test_host.sync()
    page = client.get(url).content.decode()
    assert "Web server" in page
    assert "网站" in page
    again = client.post(f"{url}describe/", {**data, "title": "Mine"}, **HTMX)
    html = again.content.decode()
    assert again.status_code == 422, "the dialog stays"
    assert 'value="Mine"' in html
    assert "What you typed is kept." in html
    assert html.count("Now there:") == 1
    assert "Now there: Web server." in html
    fresh = re.search(r'name="definition_hash" value="(\w+)"', html)
    assert fresh
    data |= {"title": "Mine", "definition_hash": fresh[1]}
    assert client.post(f"{url}describe/", data, **HTMX).status_code == 200


@pytest.mark.django_db
def test_bulk_begins_a_job_and_asks_before_force(editor: Client, run_folder: object) -> None:
    found = [str(ref) for ref in mirrored(1, 2, state=GuestState.RUNNING)]
    asked = editor.post("/guests/bulk/", {"verb": "guest.destroy", "ref": found}, **HTMX)
    assert (asked.status_code, asked["HX-Retarget"]) == (200, "#dialogs")
    assert not Job.objects.exists()
    html = asked.content.decode()
    assert html.count('name="ref"') == 2
    sure = {"verb": "guest.destroy", "ref": found, "confirmed": "yes"}
    card = editor.post("/guests/bulk/", sure, **HTMX).content.decode()
    job = Job.objects.get()
    assert f'id="job-{job.pk}"' in card
    assert "every 1s" not in card
    assert f'data-beside="/activity/jobs/{job.pk}/"' in card
    url = f"/activity/jobs/{job.pk}/"
    assert f'id="job-{job.pk}"' in editor.get(url).content.decode()
    cancelled = editor.post(f"{url}cancel/", **HTMX).content.decode()
    assert "Cancelling" in cancelled
    plain_answer = editor.post("/guests/bulk/", {"verb": "start", "ref": found})
    assert plain_answer.status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    "data",
    [
        {"verb": "guest.start"},
        {"verb": "guest.explode", "ref": ["guest:east:x"]},
        {"verb": "guest.start", "ref": ["host:east"]},
        {"verb": "guest.start", "ref": ["nonsense"]},
        {"verb": "guest.start", "ref": ["guest:east:x"], "also": "1"},
    ],
)
def test_bulk_nonsense_is_400(editor: Client, data: dict[str, Any]) -> None:
    assert editor.post("/guests/bulk/", data, **HTMX).status_code == 400


@pytest.mark.django_db
def test_the_page_costs_a_fixed_number_of_queries(
    editor: Client, web01: Ref, django_assert_max_num_queries: Any
) -> None:
    editor.get(links.of(web01))
    with django_assert_max_num_queries(24):
        editor.get(links.of(web01))


@pytest.mark.django_db
def test_who_may_not_limit_sees_the_limits_and_why_they_stay(editor: Client) -> None:
    mac = "52:54:00:00:00:01"
    disk = DiskRecord("vda", "virtio", "disk", "/images/d", "qcow2", limits=("total_iops:700",))
    card = InterfaceRecord(mac, "network", "default", "virtio", inbound=Flow(900, 1800))
    (ref,) = mirrored(1, name="slow", disks=(disk,), interfaces=(card,), definition_hash="h")
    url, admin = links.of(ref), signed_in(person("ada", "administrator"))
    page = editor.get(url).content.decode()
    assert "Requests in a second: 700" in page
    assert page.count("taking it away would lift that") == 4  # Detach and Remove, each said twice
    asked = editor.get(f"{url}disks/vda/limits/", **HTMX).content.decode()
    assert "Requests in a second: 700" in asked
    assert "total_iops" not in asked
    form = editor.get(f"{url}interfaces/{mac}/", **HTMX).content.decode()
    assert "900 KiB/s, peak 1800 KiB/s" in form
    assert 'name="inbound"' not in form
    typed = {"is_link_up": "up", "model": "virtio", "new_mac": mac, "inbound": "5"}
    assert editor.post(f"{url}interfaces/{mac}/", typed, **HTMX).status_code == 400
    assert "taking it away would lift that" not in admin.get(url).content.decode()
    assert 'name="inbound"' in admin.get(f"{url}interfaces/{mac}/", **HTMX).content.decode()
    assert 'name="total_iops"' in admin.get(f"{url}disks/vda/limits/", **HTMX).content.decode()
