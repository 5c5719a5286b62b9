"""The history of definitions: who brought each, and through what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from kvmweb.core import refs
from kvmweb.core.errors import Denied, NotFound
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, versions
from kvmweb.store.models import AuditEntry, GuestVersion, Host
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


def gone_since(ref: refs.Ref, days: int) -> None:
    """Missed for so long."""
    rows = GuestVersion.objects.filter(uuid=ref.id, is_newest=True)
    assert rows.filter(gone_at__isnull=False).exists()
    rows.update(gone_at=timezone.now() - timedelta(days=days))


def test_definitions_of_a_guest_long_gone_are_forgotten_and_no_others(settings: Any) -> None:
    settings.KVMWEB_VERSIONS_DAYS = 30
    stays, goes = mirrored(1, 2, definition_hash="a")
    mirrored(1, 2, definition_hash="b")
    (away,) = mirrored(3, host="west", definition_hash="a")
    for ref in (goes, away):
        mirror.Guest.objects.filter(uuid=ref.id).delete()
    mirror.HostMirror.objects.filter(host="west").update(state="down")
    versions.sweep()
    assert GuestVersion.objects.count() == 5, "gone, but not long enough"
    gone_since(goes, 31)
    settings.KVMWEB_VERSIONS_DAYS = 0
    versions.sweep()
    assert GuestVersion.objects.count() == 5, "kept for ever"
    settings.KVMWEB_VERSIONS_DAYS = 30
    versions.sweep()
    left = set(GuestVersion.objects.values_list("uuid", flat=True))
    assert left == {stays.id, away.id}, "the host of one is only away"
    Host.objects.filter(key="west").delete()
    versions.sweep()
    gone_since(away, 31)
    versions.sweep()
    assert set(GuestVersion.objects.values_list("uuid", flat=True)) == {stays.id}


def test_a_guest_that_comes_back_keeps_its_history(settings: Any) -> None:
    settings.KVMWEB_VERSIONS_DAYS = 30
    (ref,) = mirrored(1, definition_hash="a")
    mirror.Guest.objects.update(is_gone=True)
    versions.sweep()
    gone_since(ref, 31)
    mirror.Guest.objects.update(is_gone=False)
    versions.sweep()
    assert GuestVersion.objects.get().gone_at is None
