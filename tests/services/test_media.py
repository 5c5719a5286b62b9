"""The drives of real guests: a medium in and out, now and stored, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Conflict, Denied, Invalid, NotFound
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.services import media
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
DRIVE = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"


def disc(shop: Workshop, name: str = "tools.iso") -> str:
    """The id of a volume that is a disc."""
    (shop.folder / name).write_bytes(b"\0" * 0x8000 + b"\1CD001\1\0" + b"\0" * 0x8000)
    shop.see_volume(name)
    return refs.volume_id(shop.pool, name)


def with_drive(shop: Workshop, **options: Any) -> Ref:
    return shop.define("driven", extra=DRIVE, **options)


def drive(shop: Workshop, ref: Ref) -> DiskRecord:
    return next(disk for disk in shop.record(ref).disks if disk.target == "sda")


def stored(shop: Workshop, ref: Ref) -> str:
    return shop.lab.virsh("dumpxml", ref.id, "--inactive")


def test_a_medium_goes_into_a_running_guest_and_stays_for_the_next_start(
    shop: Workshop, creator: Actor
) -> None:
    ref = with_drive(shop, kernel=False, start=True)
    volume = disc(shop)
    assert [it.id for it in media.media(creator, "east")["default"]] == [volume]
    assert media.insert(creator, ref, "sda", volume=volume) == "tools.iso"
    shop.see(lambda: drive(shop, ref).source.endswith("/tools.iso"))
    assert "tools.iso" in stored(shop, ref)
    media.eject(creator, ref, "sda")
    shop.see(lambda: not drive(shop, ref).source)
    assert "tools.iso" not in stored(shop, ref)
    assert AuditEntry.objects.filter(verb="guest.disks", outcome="ok").count() == 2


def test_a_shut_off_guest_gets_a_medium_and_nothing_else_changes(
    shop: Workshop, creator: Actor
) -> None:
    ref = with_drive(shop)
    before = stored(shop, ref)
    media.insert(creator, ref, "sda", volume=disc(shop))
    assert "tools.iso" in stored(shop, ref)
    media.eject(creator, ref, "sda")
    assert stored(shop, ref) == before


def test_a_second_writer_learns_what_is_there_now(shop: Workshop, creator: Actor) -> None:
    ref = with_drive(shop)
    seen = shop.record(ref).definition_hash
    media.insert(creator, ref, "sda", volume=disc(shop), definition_hash=seen)
    with pytest.raises(Conflict) as caught:
        media.eject(creator, ref, "sda", definition_hash=seen)
    assert "tools.iso" in stored(shop, ref)
    media.eject(creator, ref, "sda", definition_hash=caught.value.context["hash"])
    assert "tools.iso" not in stored(shop, ref)


def test_what_is_no_medium_or_no_drive_is_refused(shop: Workshop, creator: Actor) -> None:
    shop.disk("system.qcow2")
    ref = with_drive(shop, disk=f"{shop.folder}/system.qcow2")
    with pytest.raises(Invalid) as caught:
        media.insert(creator, ref, "sda", volume=refs.volume_id(shop.pool, "system.qcow2"))
    assert "volume" in caught.value.fields
    with pytest.raises(Invalid):
        media.eject(creator, ref, "vda")
    with pytest.raises(NotFound):
        media.eject(creator, ref, "sdz")


def test_only_media_of_pools_that_one_may_use_are_offered_and_taken(shop: Workshop) -> None:
    ref = with_drive(shop)
    volume = disc(shop)
    editor = person("editor", "editor")
    assert media.media(editor, "east") == {}
    with pytest.raises(Invalid):
        media.insert(editor, ref, "sda", volume=volume)
    with pytest.raises(Denied):
        media.eject(person("op", "operator"), ref, "sda")
