"""Who may look inside which disk, what is refused before anything starts, and what is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.connections import Keys
from kvmweb.core.errors import (
    Busy,
    Denied,
    HostDown,
    Invalid,
    NotFound,
    NotSupported,
    Quota,
    WrongState,
)
from kvmweb.core.inside import Choice, LookState, Place
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import DiskRecord, GuestState
from kvmweb.core.refs import Ref
from kvmweb.hub import keyrings
from kvmweb.hub.mirror import Writer
from kvmweb.services import inside, volumes
from kvmweb.store.models import AuditEntry, CustomRole, Grant, RightsEpoch
from tests.hostworker.test_inside import received
from tests.hub import plain
from tests.lab import disks
from tests.lab.doors import SSH_PORT, Sshd, has_sshd
from tests.lab.host import LabHost
from tests.services.stage import held, mirrored, person
from tests.services.workshop import IMAGES, Workshop, wait_for

pytestmark = pytest.mark.django_db
STARTS_S = 240
DISK = DiskRecord("vda", "virtio", "disk", "/images/a", "qcow2")


def told(*messages: dict[str, Any]) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply(messages)


def off(number: int = 1, *disks: DiskRecord) -> Ref:
    return mirrored(number, disks=disks or (DISK,), state=GuestState.SHUT_OFF)[0]


def at(pool: Ref, name: str) -> str:
    return refs.volume_id(pool.id, name)


# -- who ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["creator", "project-owner", "host-admin", "administrator"])
def test_who_makes_guests_looks_inside_their_disks(role: str) -> None:
    held(1, "a")
    place = inside.of_guest(person("pat", role), off(), "vda")
    assert (place.name, place.format, place.obstacle) == ("a", "qcow2", Obstacle.NONE)


@pytest.mark.parametrize("role", ["storage-admin", "host-admin", "administrator"])
def test_who_keeps_storage_looks_inside_volumes(role: str) -> None:
    pool = held(1, "a")
    place = inside.of_volume(person("sam", role), pool, at(pool, "a"))
    assert (place.pool, place.name, place.obstacle) == (pool.id, "a", Obstacle.NONE)


@pytest.mark.parametrize("role", ["viewer", "console", "operator", "editor", "auditor"])
def test_nobody_else_does_and_the_audit_says_that_they_tried(role: str) -> None:
    held(1, "a")
    guest, other = off(), person("eve", role)
    with pytest.raises(Denied):
        inside.of_guest(other, guest, "vda")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.verb, entry.outcome, entry.ref) == ("guest.inspect", "denied", str(guest))


def test_what_one_may_not_see_is_not_there() -> None:
    pool, guest = held(1, "a"), off()
    stranger = person("eve", "administrator", scope="host:west")
    with pytest.raises(NotFound):
        inside.of_guest(stranger, guest, "vda")
    with pytest.raises(NotFound):
        inside.of_volume(stranger, pool, at(pool, "a"))


def test_a_right_that_went_stops_every_act_on_a_place_named_before() -> None:
    held(1, "a")
    cai = person("cai", "creator")
    place = inside.of_guest(cai, off(), "vda")
    Grant.objects.all().delete()
    RightsEpoch.advance()
    acts = [
        lambda: inside.show(cai, place),
        lambda: inside.begin(cai, place),
        lambda: inside.end(cai, place),
        lambda: inside.measure(cai, place, "/dev/sda1", "/etc/shadow"),
        lambda: inside.open_(cai, place, "/dev/sda1", "/etc/shadow", 0, 1),
    ]
    for act in acts:
        with pytest.raises(Denied):
            act()


# -- which -------------------------------------------------------------------------------------


def test_a_guest_that_runs_keeps_its_disk_to_itself() -> None:
    held(1, "a")
    (guest,) = mirrored(1, disks=(DISK,), state=GuestState.RUNNING)
    ada = person("ada", "administrator")
    place = inside.of_guest(ada, guest, "vda")
    assert place.obstacle is Obstacle.NOT_OFF
    with pytest.raises(WrongState):
        inside.begin(ada, place)
    assert AuditEntry.objects.latest("pk").outcome == "wrong-state"


def test_a_volume_that_a_running_guest_has_is_kept_too() -> None:
    pool, ada = held(1, "a"), person("ada", "administrator")
    mirrored(1, disks=(DISK,), state=GuestState.RUNNING)
    assert inside.of_volume(ada, pool, at(pool, "a")).obstacle is Obstacle.VOLUME_USED_NOW
    offers = {it.verb: it.obstacle for it in volumes.offers(ada, pool, at(pool, "a"))}
    assert offers["volume.inspect"] is Obstacle.VOLUME_USED_NOW


@pytest.mark.parametrize(
    ("facts", "obstacle"),
    [
        ({"format": "vmdk"}, Obstacle.INSIDE_FORMAT),
        ({"format": "auto"}, Obstacle.INSIDE_FORMAT),
        ({"format": "qcow2", "is_encrypted": True}, Obstacle.INSIDE_ENCRYPTED),
        (
            {"format": "qcow2", "backing": "/etc/shadow", "backing_path": "/etc/shadow"},
            Obstacle.INSIDE_CHAIN,
        ),
        ({"format": "qcow2", "backing": "nbd://evil/"}, Obstacle.INSIDE_CHAIN),
        ({"format": "raw"}, Obstacle.NONE),
        ({"format": "iso"}, Obstacle.NONE),
    ],
)
def test_what_cannot_be_looked_into_says_so_beforehand(
    facts: dict[str, Any], obstacle: Obstacle
) -> None:
    pool, ada = held(1), person("ada", "administrator")
    told(plain.volume(1, "odd", **facts))
    assert inside.of_volume(ada, pool, at(pool, "odd")).obstacle is obstacle


def test_a_chain_through_a_pool_that_one_may_not_look_into_is_refused() -> None:
    pool = held(1)
    held(2, "base")
    below = {"backing": "/images/base", "backing_path": "/images/base"}
    told(plain.volume(1, "top", format="qcow2", **below))
    CustomRole.objects.create(key="looker", label="Looker", verbs=["pool.view", "volume.inspect"])
    with pytest.raises(Invalid, match="may not use"):
        inside.of_volume(person("lu", "looker", scope=str(pool)), pool, at(pool, "top"))
    assert inside.of_volume(person("li", "looker"), pool, at(pool, "top")).chain == (
        "/images/base",
    )


def test_what_a_guest_made_look_like_an_image_is_read_as_it_was_made() -> None:
    pool, ada = held(1), person("ada", "administrator")
    told(plain.volume(1, "forged", format="raw"))
    told(plain.volume(1, "forged", format="qcow2", backing="/x", backing_path="/x"))
    place = inside.of_volume(ada, pool, at(pool, "forged"))
    assert (place.format, place.chain, place.obstacle) == ("raw", (), Obstacle.NONE)


def test_a_disk_is_read_as_its_guest_reads_it_whatever_it_looks_like() -> None:
    held(1)
    told(plain.volume(1, "a", format="qcow2", backing="/x", backing_path="/x"))
    raw = DiskRecord("vda", "virtio", "disk", "/images/a", "raw")
    place = inside.of_guest(person("ada", "administrator"), off(1, raw), "vda")
    assert (place.format, place.chain, place.obstacle) == ("raw", (), Obstacle.NONE)


def test_a_disk_outside_of_all_pools_is_never_opened() -> None:
    elsewhere = DiskRecord("vda", "virtio", "disk", "/srv/elsewhere", "raw")
    with pytest.raises(NotSupported):
        inside.of_guest(person("ada", "administrator"), off(1, elsewhere), "vda")


@pytest.mark.parametrize("target", ["vdb", "../vda", ""])
def test_a_disk_that_is_not_there_is_not_found(target: str) -> None:
    held(1, "a")
    with pytest.raises(NotFound):
        inside.of_guest(person("ada", "administrator"), off(), target)


def test_a_host_that_is_away_is_said_and_nothing_more() -> None:
    held(1, "a")
    ada, guest = person("ada", "administrator"), off()
    place = inside.of_guest(ada, guest, "vda")
    shown = inside.show(ada, place, Choice("/dev/sda1"))
    assert (shown.look.state, shown.problem, shown.folder) == (LookState.NONE, "host-down", None)
    with pytest.raises(HostDown):
        inside.begin(ada, place)
    assert AuditEntry.objects.latest("pk").outcome == "host-down"


# -- with a worker -----------------------------------------------------------------------------


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(bool(disks.why_not_inside()), reason=disks.why_not_inside())
def test_looks_are_begun_counted_ended_and_written_down(shop: Workshop, admin: Actor) -> None:
    """None of them gets as far as its appliance."""
    for name in ("one.qcow2", "two.qcow2", "three.qcow2"):
        shop.disk(name, is_seen=False)
    shop.see_volume("three.qcow2")
    guest = shop.define("files", disk=f"{IMAGES}/one.qcow2", kernel=False)
    shop.see(lambda: len(shop.record(guest).disks) == 1)
    first = inside.of_guest(admin, guest, "vda")
    pool = refs.pool("east", shop.pool)
    second, third = (
        inside.of_volume(admin, pool, at(pool, f"{n}.qcow2")) for n in ("two", "three")
    )
    assert inside.begin(admin, first).state is LookState.STARTING
    assert inside.begin(admin, first).began_at == state(admin, first).began_at
    assert inside.begin(admin, second).state is LookState.STARTING
    with pytest.raises(Quota):
        inside.begin(admin, third)
    shop.lab.virsh("start", guest.id)
    wait_for(lambda: state(admin, first).state is LookState.ENDED, "it goes on beside its guest")
    assert state(admin, first).problem == Busy.code
    assert state(admin, second).state is LookState.STARTING
    inside.end(admin, second)
    wait_for(lambda: state(admin, second).state is LookState.ENDED, "it was not ended")
    assert state(admin, second).problem == ""
    written = AuditEntry.objects.filter(verb__endswith=".inspect").order_by("pk")
    assert [(it.verb, it.outcome, it.detail.get("volume")) for it in written] == [
        ("guest.inspect", "ok", "one.qcow2"),
        ("guest.inspect", "ok", "one.qcow2"),
        ("volume.inspect", "ok", "two.qcow2"),
        ("volume.inspect", "quota", "three.qcow2"),
        ("volume.inspect", "ok", "two.qcow2"),
    ]
    shop.lab.virsh("destroy", guest.id)


@pytest.fixture
def afar(lab: LabHost, run_folder: Path, tmp_path: Path) -> Iterator[Workshop]:
    """The lab's host as one that is reached by ssh, with the portal's own key."""
    key = tmp_path / "key"
    disks.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    door = Sshd(lab).start()
    try:
        door.authorize(key.with_suffix(".pub").read_text())
        theirs = (door.folder / "host_key.pub").read_text()
        keys = Keys(ssh_key=key.read_text(), known_hosts=f"[{lab.address}]:{SSH_PORT} {theirs}")
        uri = f"qemu+ssh://root@{lab.address}:{SSH_PORT}/system"
        with Workshop(lab, keyrings.lay_out(tmp_path / "keys", uri, keys)) as found:
            yield found
    finally:
        door.stop()


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(bool(disks.why_not_inside()), reason=disks.why_not_inside())
@pytest.mark.skipif(not has_sshd(), reason="needs openssh-server")
def test_a_disk_on_a_host_that_is_reached_by_ssh_is_looked_into(
    afar: Workshop, admin: Actor, tmp_path: Path
) -> None:
    """The worker cannot open the image itself: all of it comes through libvirt's streams."""
    image = afar.folder / "far.qcow2"
    disks.run("qemu-img", "convert", "-O", "qcow2", str(disks.filled(tmp_path)), str(image))
    before = image.read_bytes()
    afar.see_volume("far.qcow2")
    guest = afar.define("far", disk=f"{IMAGES}/far.qcow2", kernel=False)
    afar.see(lambda: len(afar.record(guest).disks) == 1)
    place = inside.of_guest(admin, guest, "vda")
    inside.begin(admin, place)
    wait_for(
        lambda: state(admin, place).state is not LookState.STARTING, "it did not start", STARTS_S
    )
    shown = inside.show(admin, place, Choice("/dev/sda1", "/etc"))
    assert shown.look.state is LookState.READY, shown
    assert shown.folder is not None
    assert "hostname" in [entry.name for entry in shown.folder.entries]
    line = inside.open_(admin, place, "/dev/sda1", "/etc/hostname", 0, 7)
    assert received(line) == b"inside\n"
    inside.end(admin, place)
    assert image.read_bytes() == before


def state(actor: Actor, place: Place) -> Any:
    return inside.show(actor, place).look
