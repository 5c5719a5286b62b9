"""The history of definitions: who brought each, and through what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.errors import Denied, NotFound
from kvmweb.services import audit, versions
from kvmweb.store.models import AuditEntry, GuestVersion
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db


def test_an_act_of_the_portal_and_a_change_from_outside_are_told_apart() -> None:
    admin = person("ada", "administrator")
    (ref,) = mirrored(1, definition_hash="a", xml="<domain>a</domain>")
    audit.note(admin, "guest.edit", ref)
    mirrored(1, definition_hash="b", xml="<domain>b</domain>")
    AuditEntry.objects.all().update(
        at=timezone.now() - timedelta(hours=1), ended_at=timezone.now() - timedelta(hours=1)
    )
    GuestVersion.objects.filter(digest="b").update(
        seen_at=timezone.now() - timedelta(hours=1) + timedelta(seconds=1)
    )
    mirrored(1, definition_hash="c", xml="<domain>c</domain>")
    found = versions.history(admin, ref)
    told = [(it.number, it.verb, it.who, it.is_first) for it in found.versions]
    assert told == [
        (3, "", "", False), (2, "guest.edit", "ada", False), (1, "", "", True),
    ]  # fmt: skip
    assert found.versions[0].xml == "<domain>c</domain>"


def test_what_an_editor_left_is_known_by_its_hash_whenever_it_was_seen() -> None:
    admin = person("ada", "administrator")
    (ref,) = mirrored(1, definition_hash="a")
    audit.note(admin, "guest.xml", ref, after="b")
    AuditEntry.objects.all().update(at=timezone.now() - timedelta(hours=1))
    AuditEntry.objects.all().update(ended_at=timezone.now() - timedelta(hours=1))
    mirrored(1, definition_hash="b")
    assert versions.history(admin, ref).versions[0].verb == "guest.xml"


def test_a_refused_act_and_a_power_act_change_nothing() -> None:
    admin = person("ada", "administrator")
    (ref,) = mirrored(1, definition_hash="a")
    audit.note(admin, "guest.edit", ref, outcome="denied")
    audit.note(admin, "guest.start", ref)
    mirrored(1, definition_hash="b")
    assert versions.history(admin, ref).versions[0].verb == ""


def test_a_clone_was_made_by_its_cloning_and_its_original_was_not() -> None:
    admin = person("ada", "administrator")
    first, second = mirrored(1, 2, definition_hash="a")
    audit.note(admin, "guest.clone", first, name="second")
    audit.note(admin, "guest.clone", second, name="second", of=str(first))
    assert versions.history(admin, second).versions[0].verb == "guest.clone"
    assert versions.history(admin, first).versions[0].verb == ""


def test_who_may_not_read_definitions_reads_no_history() -> None:
    (ref,) = mirrored(1, definition_hash="a")
    with pytest.raises(Denied):
        versions.history(person("eye", "viewer"), ref)
    with pytest.raises(NotFound):
        versions.history(person("stranger"), ref)
    assert not versions.history(person("ed", "editor"), ref).may_restore
    assert versions.history(person("ada", "administrator"), ref).may_restore
    nowhere = refs.guest("east", plain.uuid(9))
    assert versions.history(person("bo", "administrator"), nowhere).versions == ()
