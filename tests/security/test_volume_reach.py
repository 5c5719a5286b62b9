"""An image names other files: nobody reads through one what they could not read themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.creation import Ground
from kvmweb.core.errors import Busy, Denied, HostDown, Invalid, NotFound
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.hub.mirror import Writer
from kvmweb.services import (
    creation,
    image_locks,
    job_worker,
    pool_acts,
    volume_acts,
    volume_attach,
    volumes,
)
from kvmweb.services.volume_acts import Wanted
from kvmweb.store.models import (
    AuditEntry,
    CustomRole,
    Grant,
    Image,
    Job,
    Person,
    RightsEpoch,
    Upload,
)
from tests.hub import plain
from tests.services.stage import held, mirrored, person

pytestmark = pytest.mark.django_db
GUEST = refs.guest("east", plain.uuid(11))


def told(*messages: dict[str, Any]) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply(messages)


def over(path: str, name: str = "top", **facts: Any) -> str:
    """An image of pool 1 that builds on this file; its id."""
    told(plain.volume(1, name, backing=path, backing_path=path, **facts))
    return refs.volume_id(plain.uuid(1), name)


def creator(*pools: Ref) -> Actor:
    """Somebody who may do with these pools, and with guest 11, what a creator may."""
    who = person("cleo", "creator", str(GUEST))
    for pool in pools:
        also(who, "creator", pool)
    return who


def also(who: Actor, role: str, ref: Ref) -> None:
    found = Person.objects.get(pk=who.person_id)
    Grant.objects.create(person=found, role=role, scope=str(ref))
    RightsEpoch.advance()


def attach(who: Actor, pool: Ref, volume: str) -> None:
    volume_attach.attach(who, pool, volume, guest=GUEST)


def clone(who: Actor, pool: Ref, volume: str) -> None:
    volume_acts.clone(who, pool, volume, into=pool, name="copy")


def stacked(who: Actor, pool: Ref, volume: str) -> None:
    base = Ref(refs.Kind.VOLUME, "east", volume)
    volume_acts.create(who, pool, Wanted("new", 2**31, "qcow2", base=base, may_promise=True))


ACTS = pytest.mark.parametrize("act", [attach, clone, stacked])


@ACTS
def test_an_image_over_a_file_of_the_host_is_not_read(act: Any) -> None:
    mirrored(11)
    pool = held(1)
    with pytest.raises(Invalid, match="another file of the host"):
        act(creator(pool), pool, over("/etc/shadow"))
    assert not Job.objects.exists()


@ACTS
def test_an_image_over_a_server_is_not_read(act: Any) -> None:
    mirrored(11)
    pool = held(1)
    told(plain.volume(1, "top", backing="nbd://10.0.0.1/x"))
    with pytest.raises(Invalid, match="another file of the host"):
        act(creator(pool), pool, refs.volume_id(pool.id, "top"))


@ACTS
def test_an_image_over_a_pool_that_one_only_sees_is_not_read(act: Any) -> None:
    mirrored(11)
    pool = held(1)
    other = held(2, "secret")
    volume = over("/images/secret")
    who = creator(pool)
    also(who, "viewer", other)
    with pytest.raises(Invalid, match="another file of the host"):
        act(who, pool, volume)
    also(who, "creator", other)
    with suppress(HostDown):  # no worker is there: it came as far as that, or asked for a job
        act(who, pool, volume)


def test_a_second_storey_is_looked_at_too() -> None:
    mirrored(11)
    pool = held(1)
    over("/etc/shadow", "middle")
    with pytest.raises(Invalid, match="another file"):
        clone(creator(pool), pool, over("/images/middle"))


def test_who_may_let_images_name_files_may_use_them() -> None:
    pool = held(1)
    clone(person("sam", "storage-admin"), pool, over("/srv/base.qcow2"))
    assert Job.objects.get().verb == "volume.clone"


def test_nothing_is_built_on_a_volume_of_a_pool_that_one_only_sees() -> None:
    pool, other = held(1), held(2, "golden")
    who = creator(pool)
    also(who, "viewer", other)
    base = Ref(refs.Kind.VOLUME, "east", refs.volume_id(other.id, "golden"))
    with pytest.raises(NotFound):
        volume_acts.create(who, pool, Wanted("new", 2**31, "qcow2", base=base, may_promise=True))


def test_what_a_guest_wrote_into_its_raw_disk_is_never_copied_as_an_image() -> None:
    pool = held(1)
    told(plain.volume(1, "disk", format="raw"))
    told(plain.volume(1, "disk", format="qcow2", backing="", backing_path=""))
    with pytest.raises(Invalid, match="looks like another format"):
        clone(person("sam", "administrator"), pool, refs.volume_id(pool.id, "disk"))


def test_a_hidden_guest_that_reads_it_as_raw_makes_it_forged_for_everybody() -> None:
    pool = held(1, "disk")
    mirrored(12, disks=(DiskRecord("vda", "virtio", "disk", "/images/disk", "raw"),))
    row = volumes.show(person("sam", "storage-admin"), pool, refs.volume_id(pool.id, "disk"))
    assert row.users.hidden == 1
    assert row.users.seen == ()
    assert row.forged


@pytest.mark.parametrize(("state", "problem"), [("refused", Invalid), ("incoming", Busy)])
def test_an_image_that_was_refused_or_is_coming_in_is_not_attached(
    state: str, problem: type[Exception]
) -> None:
    mirrored(11)
    pool = held(1, "bad")
    who = creator(pool)
    if state == "refused":
        Image.objects.create(pool=str(pool), name="bad", state=image_locks.REFUSED)
    else:
        Upload.objects.create(
            person_id=who.person_id, pool=str(pool), name="bad", size=1, state="moving"
        )
    with pytest.raises(problem):
        attach(who, pool, refs.volume_id(pool.id, "bad"))


def test_volumes_go_with_their_pool_only_for_who_may_delete_volumes() -> None:
    pool = held(1, "a")
    CustomRole.objects.create(key="closer", label="x", verbs=["pool.view", "pool.delete"])
    who = person("kim", "closer")
    for wanted in ({"with_volumes": True}, {"with_content": True}):
        with pytest.raises(Denied):
            pool_acts.delete(who, pool, **wanted)
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", ["clone", "wipe"])
def test_a_right_that_went_before_the_job_began_is_asked_for_again(word: str) -> None:
    pool = held(1, "a")
    who = person("sam", "storage-admin")
    if word == "clone":
        clone(who, pool, refs.volume_id(pool.id, "a"))
    else:
        volume_acts.wipe(who, pool, refs.volume_id(pool.id, "a"))
    Grant.objects.all().delete()
    RightsEpoch.advance()
    job = Job.objects.get()
    job_worker.run.call(str(job.pk))
    job.refresh_from_db()
    assert job.state == "failed"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.verb, entry.outcome) == (f"volume.{word}", "denied")


def test_who_makes_a_guest_learns_no_names_of_images_in_hidden_pools() -> None:
    pool = held(1, "base")
    held(2)
    told(plain.volume(2, "codename-x", backing="/images/base", backing_path="/images/base"))
    who = creator(pool)
    also(who, "creator", refs.host("east"))
    seen: Ground = creation.ground(who, refs.host("east"))
    assert seen.users["/images/base"] == ("codename-x",)
    Grant.objects.filter(scope=str(refs.host("east"))).delete()
    RightsEpoch.advance()
    assert creation._users(who, "east")["/images/base"] == ("",)
