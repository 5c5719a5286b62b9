"""The questions about snapshots over HTTP: what they say, what they refuse, what they keep."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core.actors import Actor
from kvmweb.core.records import DiskRecord, GuestState
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import Kind, Memory
from kvmweb.services import snapshot_pictures
from kvmweb.store.models import AuditEntry, Person
from kvmweb.ui import links
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
QCOW2 = DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2")
RAW = DiskRecord("vda", "virtio", "disk", "/images/a.img", "raw")
NASTY = "<script>alert(1)</script>"


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return client


@pytest.fixture
def editor() -> Client:
    cache.clear()
    return signed_in(person("ed", "editor"))


def guest(*disks: DiskRecord, state: GuestState = GuestState.SHUT_OFF) -> Ref:
    tree = (
        plain.snapshot("first", description=NASTY),
        plain.snapshot("second", parent="first", memory=Memory.INTERNAL, state="running"),
        plain.snapshot("third", parent="second", kind=Kind.EXTERNAL, is_current=True),
    )
    facts = {"name": "web01", "state": state, "disks": disks, "snapshots": 3}
    (ref,) = mirrored(1, snapshot_tree=tree, **facts)
    return ref


def test_the_card_shows_the_tree_with_what_each_keeps(editor: Client) -> None:
    ref = guest(QCOW2)
    page = editor.get(f"{links.of(ref)}?part=snapshots", **HTMX).content.decode()
    places = [page.index(f'data-snapshot="{name}"') for name in ("first", "second", "third")]
    assert places == sorted(places)
    assert [page.count(f'data-depth="{depth}"') for depth in range(3)] == [1, 1, 1]
    assert "disks and memory" in page
    assert "disks, external" in page
    assert NASTY not in page
    assert "&lt;script&gt;" in page
    assert page.count("current</span>") == 1


def test_a_viewer_sees_the_tree_and_is_told_what_is_missing() -> None:
    ref = guest(QCOW2)
    page = signed_in(person("see", "viewer")).get(links.of(ref)).content.decode()
    assert 'data-snapshot="first"' in page
    assert f"{links.of(ref)}snapshots/first/revert/" not in page


def test_the_question_says_what_is_kept_in_each_way(editor: Client) -> None:
    ref = guest(RAW, state=GuestState.RUNNING)
    page = editor.get(f"{links.of(ref)}snapshot/", **HTMX).content.decode()
    assert "Memory can only be kept where every disk is a qcow2 image" in page
    assert "As after a power cut" in page
    assert "snapshot-create-as web01" in page
    assert "--disk-only" in page


@pytest.mark.parametrize("state", [GuestState.SHUT_OFF, GuestState.RUNNING])
def test_why_none_can_be_taken_is_said_once(editor: Client, state: GuestState) -> None:
    page = editor.get(f"{links.of(guest(state=state))}snapshot/", **HTMX).content.decode()
    assert page.count("The guest has no disk that could be kept.") == 1
    assert 'type="submit"' not in page


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("first", "There is a snapshot of this name"), ("a/b", "Up to 64 letters"),
     ("a\nb", "Up to 64 letters"), ("", "required")],
)  # fmt: skip
def test_a_bad_name_is_told_beside_its_field_and_what_was_typed_stays(
    editor: Client, name: str, sentence: str
) -> None:
    ref = guest(QCOW2)
    data = {"name": name, "description": "kept text", "keep": "disks"}
    answer = editor.post(f"{links.of(ref)}snapshot/", data, **HTMX)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert "kept text" in page
    assert not AuditEntry.objects.filter(outcome="ok").exists()


def test_what_became_impossible_is_told_in_the_open_question(editor: Client) -> None:
    ref = guest(QCOW2)
    answer = editor.post(f"{links.of(ref)}snapshot/", {"name": "x", "keep": "memory"}, **HTMX)
    assert answer.status_code == 422
    assert "it has no memory to keep" in answer.content.decode()
    answer = editor.post(f"{links.of(ref)}snapshots/third/revert/", {}, **HTMX)
    assert answer.status_code == 422
    assert "It needs 9.9 or newer" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["snapshot/", "snapshots/first/revert/", "snapshots/first/delete/"]
)
def test_an_unknown_field_is_refused(editor: Client, path: str) -> None:
    ref = guest(QCOW2)
    data = {"name": "x"} if path == "snapshot/" else {}
    answer = editor.post(f"{links.of(ref)}{path}", {**data, "file": "/etc/passwd"}, **HTMX)
    assert answer.status_code == 400


def test_a_snapshot_that_is_gone_is_not_found(editor: Client) -> None:
    ref = guest(QCOW2)
    for word in ("revert", "delete"):
        for name in ("none", "..", "first%2f..", "%00"):
            assert editor.get(f"{links.of(ref)}snapshots/{name}/{word}/").status_code == 404


def test_the_question_before_a_revert_says_what_is_lost(editor: Client) -> None:
    ref = guest(QCOW2, state=GuestState.RUNNING)
    page = editor.get(f"{links.of(ref)}snapshots/first/revert/", **HTMX).content.decode()
    assert "It is forced off: the snapshot keeps no memory." in page
    assert "What was written to its disks since then is lost." in page
    assert "snapshot-revert web01 --snapshotname first" in page
    assert NASTY not in page


def test_the_question_before_a_branch_goes_counts_it(editor: Client) -> None:
    ref = guest(QCOW2)
    page = editor.get(f"{links.of(ref)}snapshots/first/delete/", **HTMX).content.decode()
    assert "Delete the 2 snapshots that were taken after it as well" in page
    assert "--children" in page
    page = editor.get(f"{links.of(ref)}snapshots/third/delete/", **HTMX).content.decode()
    assert "with_children" not in page


def test_what_was_on_the_screen_is_kept_by_no_browser(
    editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_pictures, "picture", lambda *_: b"PNG")
    answer = editor.get(f"{links.of(guest(QCOW2))}snapshots/first/picture.png")
    assert (answer.content, answer["Cache-Control"]) == (b"PNG", "no-store")
