"""The screen of the moment beside a snapshot: kept, seen by who may see the screen, and dropped."""

from __future__ import annotations

import struct
from datetime import timedelta

import pytest
from django.utils import timezone

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, NotFound
from kvmweb.core.refs import Ref
from kvmweb.services import guest_page, snapshot_pictures, snapshots
from kvmweb.store.models import SnapshotPicture
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def pictured(reader: Actor, ref: Ref) -> dict[str, bool]:
    return {it.record.name: it.has_picture for it in guest_page.show(reader, ref).snapshots}


def names(shop: Workshop, ref: Ref) -> set[str]:
    return {it.name for it in shop.record(ref).snapshot_tree}


def test_a_picture_lives_as_long_as_its_snapshot(shop: Workshop, editor: Actor) -> None:
    shop.disk("own.qcow2", is_seen=False)
    ref = shop.define("seen", disk=f"{IMAGES}/own.qcow2", kernel=False)
    snapshots.take(editor, ref, name="off")
    shop.see(lambda: names(shop, ref) == {"off"})
    assert pictured(editor, ref) == {"off": False}, "a guest that is off shows nothing"

    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    snapshots.take(editor, ref, name="live", with_memory=True)
    shop.see(lambda: names(shop, ref) == {"off", "live"})
    assert pictured(editor, ref) == {"off": False, "live": True}
    image = snapshot_pictures.picture(editor, ref, "live")
    assert image.startswith(b"\x89PNG")
    assert struct.unpack_from(">II", image, 16)[0] <= 360
    snapshot_pictures.sweep()
    at = next(it.created_at for it in shop.record(ref).snapshot_tree if it.name == "live")
    assert SnapshotPicture.objects.get().created_at == at
    assert pictured(editor, ref)["live"]

    viewer = person("vic", "viewer")
    assert pictured(viewer, ref) == {"off": False, "live": False}
    with pytest.raises(Denied):
        snapshot_pictures.picture(viewer, ref, "live")
    with pytest.raises(NotFound):
        snapshot_pictures.picture(person("far", "editor", scope="host:west"), ref, "live")
    another_of_that_name_has_none(shop, ref, editor)


def another_of_that_name_has_none(shop: Workshop, ref: Ref, editor: Actor) -> None:
    # libvirt tells when a snapshot was taken by the second.
    begun = SnapshotPicture.objects.get().created_at
    assert begun is not None
    wait_for(lambda: timezone.now().timestamp() >= begun + 1, "time stands still")
    shop.lab.virsh("snapshot-delete", ref.id, "live")
    shop.lab.virsh("snapshot-create-as", ref.id, "live")
    shop.lab.virsh("autostart", ref.id)

    def is_another() -> bool:
        found = {it.name: it.created_at for it in shop.record(ref).snapshot_tree}
        return found.get("live") not in (None, begun)

    shop.see(is_another)
    assert not pictured(editor, ref)["live"]
    snapshot_pictures.sweep()
    assert not SnapshotPicture.objects.exists()


def test_what_a_failed_snapshot_left_goes_later(shop: Workshop, editor: Actor) -> None:
    ref = shop.define("failed", kernel=False)
    row = SnapshotPicture.objects.create(
        host=ref.host, uuid=ref.id, name="never", taken_at=timezone.now(), image=b"x"
    )
    snapshot_pictures.sweep()
    assert SnapshotPicture.objects.filter(pk=row.pk).exists(), "it may still be written"
    SnapshotPicture.objects.update(taken_at=timezone.now() - timedelta(minutes=40))
    snapshot_pictures.sweep()
    assert not SnapshotPicture.objects.exists()
