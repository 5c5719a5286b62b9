"""Snapshots of real guests: taken, gone back to, deleted, and what is refused."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, Maintenance, NotFound, WrongState
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import Kind, Memory, SnapshotRecord
from kvmweb.hostlink import client
from kvmweb.services import (
    deletion,
    disks,
    guest_page,
    maintenance,
    snapshots,
    volume_acts,
    volumes,
)
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry
from tests.services.stage import person
from tests.services.workshop import IMAGES, Workshop, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


def defined(shop: Workshop, name: str = "kept", image: str = "own.qcow2", **options: Any) -> Ref:
    if not (shop.folder / image).exists():
        shop.disk(image, is_seen=False)
    return shop.define(name, disk=f"{IMAGES}/{image}", **options)


def tree(shop: Workshop, ref: Ref) -> dict[str, SnapshotRecord]:
    return {it.name: it for it in shop.record(ref).snapshot_tree}


def read_again(ref: Ref) -> None:
    """Of some things no event tells."""
    client.call("east", "guest.autostart", uuid=ref.id, enabled=False)


def listed(shop: Workshop, ref: Ref) -> list[str]:
    return shop.lab.virsh("snapshot-list", ref.id, "--name").split()


def done(shop: Workshop, ref: Ref, outcome: Outcome) -> None:
    """An act under load may outlast the person's patience; its audit entry tells of its end."""
    assert outcome in (Outcome.DONE, Outcome.ASKED)
    entries = AuditEntry.objects.filter(ref=str(ref))
    wait_for(lambda: not entries.filter(outcome="begun").exists(), "it did not end", 60)
    newest = entries.order_by("-pk").first()
    assert newest
    assert newest.outcome == "ok", newest.detail


def test_off_and_running_back_and_forth(shop: Workshop, editor: Actor) -> None:
    """One guest through all of it: a boot takes most of the time."""
    ref = defined(shop)
    done(shop, ref, snapshots.take(editor, ref, name="off", description="两行\ntwo"))
    shop.see(lambda: "off" in tree(shop, ref))
    off = tree(shop, ref)["off"]
    assert (off.kind, off.memory, off.state) == (Kind.INTERNAL, Memory.NONE, "shutoff")
    assert (off.description, off.disks, off.is_current) == ("两行\ntwo", ("vda",), True)
    assert off.created_at > 1_700_000_000

    shop.lab.virsh("start", ref.id)
    shop.lab.wait_ready("kept")
    shop.see(lambda: shop.record(ref).state.is_active)
    done(shop, ref, snapshots.take(editor, ref, name="live", with_memory=True))
    shop.see(lambda: "live" in tree(shop, ref))
    live = tree(shop, ref)["live"]
    assert (live.memory, live.parent, live.is_current) == (Memory.INTERNAL, "off", True)
    assert shop.record(ref).snapshots == 2

    done(shop, ref, snapshots.revert(editor, ref, "live"))
    assert shop.lab.state("kept") == "running"
    done(shop, ref, snapshots.revert(editor, ref, "live", afterwards="paused"))
    assert shop.lab.state("kept") == "paused"

    shop.see(lambda: shop.record(ref).state == "paused")
    done(shop, ref, snapshots.revert(editor, ref, "off", keep_as="first-this"))
    assert shop.lab.state("kept") == "shut off"
    shop.see(lambda: "first-this" in tree(shop, ref))
    kept = tree(shop, ref)["first-this"]
    assert (kept.memory, kept.parent, kept.state) == (Memory.INTERNAL, "live", "paused")
    assert tree(shop, ref)["off"].is_current

    lines = guest_page.show(editor, ref).snapshots
    shown = [(line.record.name, line.depth, line.children) for line in lines]
    assert shown == [("off", 0, 2), ("live", 1, 1), ("first-this", 2, 0)]
    assert all(line.revert.is_possible and line.delete.is_possible for line in lines)

    done(shop, ref, snapshots.delete(editor, ref, "live", with_children=True))
    assert listed(shop, ref) == ["off"]
    shop.see(lambda: set(tree(shop, ref)) == {"off"})
    done(shop, ref, snapshots.delete(editor, ref, "off"))
    image = shop.folder / "own.qcow2"
    said = subprocess.run(["qemu-img", "info", image], check=True, capture_output=True, text=True)
    assert "Snapshot list" not in said.stdout
    verbs = set(AuditEntry.objects.values_list("verb", flat=True))
    assert {"guest.snapshot", "guest.revert", "guest.snapshot_delete"} <= verbs


def test_what_cannot_be_is_refused_before_anything_happens(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop)
    done(shop, ref, snapshots.take(editor, ref, name="first"))
    shop.see(lambda: "first" in tree(shop, ref))
    for name in ("first", "a/b", "a\nb", "12"):
        with pytest.raises(Invalid) as found:
            snapshots.take(editor, ref, name=name)
        assert list(found.value.fields) == ["name"]
    with pytest.raises(WrongState):
        snapshots.take(editor, ref, name="memory", with_memory=True)
    with pytest.raises(Invalid):
        snapshots.revert(editor, ref, "first", keep_as="first")
    with pytest.raises(Invalid):
        snapshots.revert(editor, ref, "first", afterwards="crashed")
    for act in (snapshots.revert, snapshots.delete):
        with pytest.raises(NotFound):
            act(editor, ref, "none")
    operator = person("operator", "operator")
    for act in (snapshots.revert, snapshots.delete):
        with pytest.raises(Denied):
            act(operator, ref, "first")
    with pytest.raises(Denied):
        snapshots.take(operator, ref, name="second")
    with pytest.raises(NotFound):
        snapshots.take(person("stranger"), ref, name="second")
    assert listed(shop, ref) == ["first"]
    assert AuditEntry.objects.filter(outcome="denied").count() == 4


def test_a_name_that_the_mirror_does_not_know_yet_is_taken_all_the_same(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop)
    shop.lab.virsh("snapshot-create-as", ref.id, "outside")
    with pytest.raises(Exception, match=r"already exists") as found:
        snapshots.take(editor, ref, name="outside")
    assert getattr(found.value, "code", "") == "exists"


def test_a_raw_disk_is_kept_by_an_overlay_and_there_is_no_way_back_by_this_libvirt(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop, "raw")
    raw = shop.folder / "raw.img"
    subprocess.run(["qemu-img", "create", "-q", "-f", "raw", raw, "8M"], check=True)
    shop.lab.virsh("detach-disk", ref.id, "vda", "--config")
    shop.lab.virsh(
        "attach-disk", ref.id, f"{IMAGES}/raw.img", "vda", "--config", "--driver", "qemu",
        "--subdriver", "raw",
    )  # fmt: skip
    read_again(ref)
    shop.see(lambda: [disk.format for disk in shop.record(ref).disks] == ["raw"])
    found = snapshots.taking(editor, ref)
    assert (found.kind, found.disks_only) == (Kind.EXTERNAL, Obstacle.NONE)
    done(shop, ref, snapshots.take(editor, ref, name="frozen"))
    shop.see(lambda: "frozen" in tree(shop, ref))
    assert tree(shop, ref)["frozen"].kind is Kind.EXTERNAL
    version = shop.lab.virsh("version", "--daemon")
    if "Running against daemon: 9.0." in version:
        assert snapshots.show(editor, ref, "frozen").revert.obstacle is Obstacle.SNAPSHOT_EXTERNAL
        with pytest.raises(WrongState):
            snapshots.revert(editor, ref, "frozen")
    assert (shop.folder / "raw.frozen").exists()


def test_a_revert_never_brings_back_a_disk_that_was_taken_away(
    shop: Workshop, editor: Actor
) -> None:
    """Neither by what the mirror says, nor by a worker that was asked before it knew."""
    ref = defined(shop)
    shop.disk("other.qcow2", is_seen=False)
    other = ("vdb", "--config", "--driver", "qemu", "--subdriver", "qcow2")
    shop.lab.virsh("attach-disk", ref.id, f"{IMAGES}/other.qcow2", *other)
    read_again(ref)
    shop.see(lambda: len(shop.record(ref).disks) == 2)
    done(shop, ref, snapshots.take(editor, ref, name="both"))
    shop.lab.virsh("detach-disk", ref.id, "vdb", "--config")
    with pytest.raises(WrongState) as found:
        client.call("east", "guest.revert", uuid=ref.id, name="both")
    assert "other.qcow2" in found.value.detail
    shop.see(lambda: len(shop.record(ref).disks) == 1 and "both" in tree(shop, ref))
    assert snapshots.show(editor, ref, "both").revert.obstacle is Obstacle.SNAPSHOT_OTHER
    with pytest.raises(WrongState):
        snapshots.revert(editor, ref, "both")
    assert "vdb" not in shop.lab.virsh("domblklist", ref.id)


def test_a_disk_that_others_build_on_is_not_taken_back_under_them(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop)
    done(shop, ref, snapshots.take(editor, ref, name="base"))
    shop.see(lambda: "base" in tree(shop, ref))
    assert snapshots.show(editor, ref, "base").revert.is_possible
    image = shop.folder / "linked.qcow2"
    backing = ["-b", f"{IMAGES}/own.qcow2", "-F", "qcow2", "-u", image, "8M"]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing], check=True)
    shop.see_volume("linked.qcow2")
    assert snapshots.show(editor, ref, "base").revert.obstacle is Obstacle.SNAPSHOT_SHARED
    with pytest.raises(WrongState):
        snapshots.revert(editor, ref, "base")


def test_memory_with_vcpus_that_were_added_is_not_kept_and_would_not_be_loaded(
    shop: Workshop, editor: Actor
) -> None:
    """Measured: going back to such a snapshot leaves the guest shut off."""
    ref = defined(shop)
    shop.lab.virsh("setvcpus", ref.id, "2", "--maximum", "--config")
    shop.lab.virsh("start", ref.id)
    shop.see(lambda: shop.record(ref).state.is_active)
    assert snapshots.taking(editor, ref).with_memory is Obstacle.NONE
    shop.lab.virsh("setvcpus", ref.id, "2", "--live")
    read_again(ref)
    shop.see(lambda: shop.record(ref).has_added_vcpus)
    with pytest.raises(WrongState):
        snapshots.take(editor, ref, name="doomed", with_memory=True)
    shop.lab.virsh("snapshot-create-as", ref.id, "outside")
    read_again(ref)
    shop.see(lambda: "outside" in tree(shop, ref))
    assert snapshots.show(editor, ref, "outside").revert.obstacle is Obstacle.SNAPSHOT_DEADLY
    with pytest.raises(WrongState):
        client.call("east", "guest.revert", uuid=ref.id, name="outside")
    assert shop.lab.state("kept") == "running"


def test_a_revert_starts_no_guest_on_a_host_in_maintenance_nor_for_who_may_not(
    shop: Workshop, editor: Actor
) -> None:
    ref = defined(shop)
    done(shop, ref, snapshots.take(editor, ref, name="off"))
    shop.see(lambda: "off" in tree(shop, ref))
    maintenance.enter(person("admin", "administrator"), refs.host("east"))
    with pytest.raises(Maintenance):
        snapshots.revert(editor, ref, "off", afterwards="running")
    done(shop, ref, snapshots.revert(editor, ref, "off"))
    assert shop.lab.state("kept") == "shut off"


def test_a_snapshot_by_virsh_is_seen_by_the_next_listing(shop: Workshop, editor: Actor) -> None:
    ref = defined(shop)
    shop.lab.virsh("snapshot-create-as", ref.id, "odd name: 100%", "made by virsh")
    shop.kill()
    shop.start()
    shop.see(lambda: "odd name: 100%" in tree(shop, ref))
    line = snapshots.show(editor, ref, "odd name: 100%")
    assert line.record.description == "made by virsh"
    done(shop, ref, snapshots.delete(editor, ref, "odd name: 100%"))
    assert listed(shop, ref) == []


def test_a_branch_of_external_snapshots_goes_one_by_one_and_its_memory_too(
    shop: Workshop, admin: Actor, editor: Actor
) -> None:
    """libvirt 9.0 refuses the branch as a whole, and leaves the files of memory behind."""
    ref = defined(shop, "branch", kernel=False, start=True)
    memory = f"{IMAGES}/branch.first.memory"
    client.call(
        "east", "guest.snapshot", uuid=ref.id, name="first", with_memory=True, deadline_s=60.0,
        disks={"vda": "external"}, memory_file=memory,
    )  # fmt: skip
    client.call(
        "east", "guest.snapshot", uuid=ref.id, name="second", disks={"vda": "external"},
        deadline_s=30.0,
    )  # fmt: skip
    shop.see(lambda: set(tree(shop, ref)) == {"first", "second"})
    first = tree(shop, ref)["first"]
    assert (first.kind, first.memory) == (Kind.EXTERNAL, Memory.EXTERNAL)
    assert (shop.folder / "branch.first.memory").exists()
    its_memory_is_no_free_volume(shop, admin, ref, "branch.first.memory")
    done(shop, ref, snapshots.delete(editor, ref, "first", with_children=True))
    assert listed(shop, ref) == []
    assert not (shop.folder / "branch.first.memory").exists()
    source = shop.lab.virsh("domblklist", ref.id)
    assert f"{IMAGES}/own.qcow2" in source, "the overlays are merged into the image"


def its_memory_is_no_free_volume(shop: Workshop, admin: Actor, ref: Ref, name: str) -> None:
    """It is shown as used, and neither the portal nor the host deletes it or gives it away."""
    shop.see_volume(name)
    pool, volume = refs.pool("east", shop.pool), refs.volume_id(shop.pool, name)
    offers = volumes.offers(admin, pool, volume)
    kept = {offer.verb for offer in offers if offer.obstacle is Obstacle.VOLUME_USED}
    assert kept == {"volume.attach", "volume.resize", "volume.wipe", "volume.delete"}
    [user] = volumes.show(admin, pool, volume).users.seen
    assert (user.ref, user.how, user.is_memory, user.is_active) == (ref, "first", True, False)
    with pytest.raises(Busy) as busy:
        volume_acts.delete(admin, pool, volume)
    assert busy.value.context["users"] == "snapshot memory of branch"
    with pytest.raises(Busy):
        disks.attach(admin, ref, volume=volume)
    with pytest.raises(Busy):
        client.call("east", "volume.delete", uuid=shop.pool, name=name)
    assert [it.is_proposed for it in deletion.ask(admin, ref).disks if it.name == name] == [True]
    assert volume not in [it.id for held in disks.volumes(admin, "east").values() for it in held]
