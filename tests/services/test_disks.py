"""The disks of real guests: given, changed, taken away with and without their data."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.disk_edits import DiskChange
from kvmweb.core.errors import Conflict, Denied, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import boot_order, disks
from kvmweb.ui import links
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop
from tests.web.test_guest_pages import HTMX, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
MIB = 1024**2


def guest(shop: Workshop, name: str = "disked", disk: str = "", **options: Any) -> Ref:
    if disk:
        shop.disk(disk)
        options["disk"] = f"{IMAGES}/{disk}"
    return shop.define(name, **options)


def dumped(shop: Workshop, ref: Ref, *which: str) -> str:
    return shop.lab.virsh("dumpxml", ref.id, *which)


def seen(shop: Workshop, ref: Ref, count: int) -> None:
    shop.see(lambda: len(shop.record(ref).disks) == count)


def test_a_new_volume_is_made_given_and_taken_away_with_its_data(
    shop: Workshop, admin: Actor
) -> None:
    ref = guest(shop)
    made = disks.create(admin, ref, pool=shop.pool, name="data.qcow2", capacity=8 * MIB)
    assert (made.target, made.when) == ("vda", "now")
    shop.see_volume("data.qcow2")
    seen(shop, ref, 1)
    found = disks.detach(admin, ref, "vda", delete=True)
    assert (found.when, found.is_deleted) == ("now", True)
    assert shop.volumes() == []
    assert "data.qcow2" not in dumped(shop, ref)


def test_a_disk_beyond_its_pool_is_made_for_who_means_it(shop: Workshop, admin: Actor) -> None:
    ref, client = guest(shop), signed_in(admin)
    room = mirror.Pool.objects.get(uuid=shop.pool).record["capacity"]
    sent = {
        "what": "new", "pool": shop.pool, "name": "vast.qcow2", "image_format": "qcow2",
        "capacity": f"{room // 2**30 + 1}G", "bus": "virtio",
    }  # fmt: skip
    url = f"{links.of(ref)}disks/add/"
    html = client.post(url, sent, **HTMX).content.decode()
    assert "Allow it below" in html
    assert 'name="may_promise"' in html[html.index("Allow it below") :]
    assert client.post(url, {**sent, "may_promise": "on"}, **HTMX).status_code == 200
    assert "vast.qcow2" in dumped(shop, ref)


def test_a_running_guest_lets_go_of_a_disk_and_the_volume_stays(
    shop: Workshop, admin: Actor
) -> None:
    ref = guest(shop, start=True)
    shop.lab.wait_ready("disked")
    shop.disk("later.qcow2")
    volume = refs.volume_id(shop.pool, "later.qcow2")
    assert [it.id for it in disks.volumes(admin, "east")["default"]] == [volume]
    assert disks.attach(admin, ref, volume=volume).when == "now"
    seen(shop, ref, 1)
    assert disks.volumes(admin, "east") == {}
    assert disks.detach(admin, ref, "vda").when == "now"
    assert "later.qcow2" not in dumped(shop, ref) + dumped(shop, ref, "--inactive")
    assert shop.volumes() == ["later.qcow2"]


def test_a_guest_that_holds_on_to_its_disk_keeps_the_volume_too(
    shop: Workshop, admin: Actor
) -> None:
    ref = guest(shop, disk="kept.qcow2", kernel=False, start=True)
    found = disks.detach(admin, ref, "vda", delete=True)
    assert found.when in ("asked", "next")
    assert not found.is_deleted
    assert "kept.qcow2" in dumped(shop, ref)
    assert shop.volumes() == ["kept.qcow2"]


def test_a_volume_that_another_guest_needs_is_not_deleted_and_its_user_named(
    shop: Workshop, admin: Actor
) -> None:
    ref = guest(shop, disk="shared.qcow2")
    shop.lab.define_guest("second", disk=f"{IMAGES}/shared.qcow2")
    shop.see_guest("second")
    with pytest.raises(Invalid) as caught:
        disks.detach(admin, ref, "vda", delete=True)
    assert "second" in caught.value.fields["delete"]
    assert "shared.qcow2" in dumped(shop, ref)
    with pytest.raises(Invalid) as caught:
        disks.edit(admin, ref, "vda", DiskChange(is_readonly=False))
    assert "second" in caught.value.fields["is_readonly"]


def test_edited_fields_are_stored_and_wait_while_it_runs(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, disk="system.qcow2")
    before = dumped(shop, ref)
    assert disks.edit(admin, ref, "vda", DiskChange(cache="none")) == "now"
    assert dumped(shop, ref) == before.replace(" discard='unmap'", " cache='none' discard='unmap'")
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert disks.edit(admin, ref, "vda", DiskChange(cache="", bus="sata")) == "next"
    shop.see(lambda: shop.record(ref).has_pending_changes)
    record = shop.record(ref)
    assert (record.disks[0].target, record.next_disks[0].target) == ("vda", "sda")
    assert {(it.name, it.field) for it in record.pending} >= {("vda", "removed"), ("sda", "added")}


def test_what_cannot_be_is_said_beside_its_field(shop: Workshop, admin: Actor) -> None:
    ref = guest(shop, disk="system.qcow2")
    for change, field in (
        (DiskChange(cache="fast"), "cache"),
        (DiskChange(discard="<x/>"), "discard"),
        (DiskChange(bus="pigeon"), "bus"),
    ):
        with pytest.raises(Invalid) as caught:
            disks.edit(admin, ref, "vda", change)
        assert set(caught.value.fields) == {field}
    with pytest.raises(NotFound):
        disks.edit(admin, ref, "vdz", DiskChange(cache="none"))
    with pytest.raises(Invalid) as caught:
        disks.create(admin, ref, pool=shop.pool, name="system.qcow2", capacity=MIB)
    assert "name" in caught.value.fields
    wrong = {"name": "-x", "capacity": 0, "image_format": "floppy", "bus": "pigeon"}
    with pytest.raises(Invalid) as caught:
        disks.create(admin, ref, pool=shop.pool, **wrong)
    assert set(caught.value.fields) == set(wrong)
    assert set(disks.faults(admin, ref, pool="", name="a/b")) == {"pool", "name", "capacity"}


def test_pools_and_volumes_of_others_are_neither_offered_nor_taken(shop: Workshop) -> None:
    ref = guest(shop)
    shop.disk("later.qcow2")
    editor = person("editor", "editor")
    assert disks.pools(editor, "east") == []
    assert disks.volumes(editor, "east") == {}
    with pytest.raises(Invalid):
        disks.attach(editor, ref, volume=refs.volume_id(shop.pool, "later.qcow2"))
    with pytest.raises(Invalid):
        disks.create(editor, ref, pool=shop.pool, name="x.qcow2", capacity=MIB)
    with pytest.raises(Denied):
        disks.detach(person("op", "operator"), ref, "vda")


def test_the_boot_order_is_stored_and_a_second_writer_gets_a_conflict(
    shop: Workshop, admin: Actor
) -> None:
    ref = guest(shop, disk="system.qcow2")
    record = shop.record(ref)
    keys = [f"network:{record.interfaces[0].mac}", "disk:vda"]
    assert boot_order.edit(admin, ref, keys, definition_hash=record.definition_hash) == "now"
    shop.see(lambda: list(shop.record(ref).boot) == keys)
    assert boot_order.edit(admin, ref, keys) == "same"
    with pytest.raises(Conflict):
        boot_order.edit(admin, ref, keys[:1], definition_hash=record.definition_hash)
    for wrong in ([], ["disk:vdz"], ["disk:vda", "disk:vda"]):
        with pytest.raises(Invalid):
            boot_order.edit(admin, ref, wrong)
