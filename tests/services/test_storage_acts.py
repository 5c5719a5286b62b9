"""Acts on pools and volumes: who may, what is refused in which words, what a job does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound
from kvmweb.core.jobs import JobState
from kvmweb.core.offers import Obstacle
from kvmweb.core.pools import PoolSpec
from kvmweb.core.records import DiskRecord, PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.templates import TemplateMark
from kvmweb.hub.mirror import Writer
from kvmweb.services import (
    job_worker,
    jobs,
    pool_acts,
    pool_making,
    pool_roots,
    pools,
    volume_acts,
    volumes,
)
from kvmweb.services.volume_acts import Wanted
from kvmweb.store.models import AuditEntry, Host
from tests.hub import plain
from tests.services.stage import TestHost, held, mirrored, person, test_host

pytestmark = pytest.mark.django_db
__all__ = ["test_host"]
GIB = 2**30
EAST = refs.host("east")


def told(*messages: dict[str, Any]) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply(messages)


def used(pool: Ref, name: str, by: int = 11) -> None:
    mirrored(by, disks=(DiskRecord("vda", "virtio", "disk", f"/images/{name}", "qcow2"),))


def identity(pool: Ref, name: str) -> str:
    return refs.volume_id(pool.id, name)


def record(**facts: Any) -> PoolRecord:
    sizes = {"capacity": 100 * GIB, "allocation": 40 * GIB, "available": 60 * GIB, "volumes": 0}
    return PoolRecord("u", "p", facts.pop("type", "dir"), "/p", True, True, True, **sizes)


# -- what is wrong with a wish -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\nb", "a\x00b", "-rf", "x" * 256, "中" * 86, "a\u202eb"]
)
def test_a_name_that_would_trouble_somebody_is_refused(name: str) -> None:
    assert "name" in volume_acts.faults(record(), Wanted(name, GIB))


@pytest.mark.parametrize("name", ["disk.qcow2", "ünï 中", "a b", "x" * 255, "..a"])
def test_every_other_name_is_fine(name: str) -> None:
    assert volume_acts.faults(record(), Wanted(name, GIB)) == {}


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted("a", 0), "capacity"),
        (Wanted("a", -1), "capacity"),
        (Wanted("a", 2**63), "capacity"),
        (Wanted("a", 2 * 1024**5, "qcow2"), "capacity"),
        (Wanted("a", 101 * GIB, "qcow2"), "capacity"),
        (Wanted("a", 61 * GIB, "raw", "full"), "capacity"),
        (Wanted("a", 61 * GIB, "raw", "full", may_promise=True), "capacity"),
        (Wanted("a", GIB, "raw", "metadata"), "preallocation"),
        (Wanted("a", GIB, "raw", "perhaps"), "preallocation"),
        (Wanted("a", GIB, "iso"), "format"),
        (Wanted("a", GIB, "raw", base=refs.volume("east", plain.uuid(1), "b")), "format"),
    ],
)
def test_a_size_or_format_that_cannot_be_is_refused_beside_its_field(
    wanted: Wanted, field: str
) -> None:
    assert list(volume_acts.faults(record(), wanted)) == [field]


def test_a_thin_volume_may_be_larger_than_the_pool_when_that_is_said() -> None:
    assert volume_acts.faults(record(), Wanted("a", 2 * 1024**5, "qcow2", may_promise=True)) == {}


def test_what_is_made_of_whole_blocks_must_fit_into_the_free_space() -> None:
    assert "capacity" in volume_acts.faults(record(type="logical"), Wanted("a", 61 * GIB, "raw"))


# -- users -------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [volume_acts.delete, volume_acts.wipe])
def test_a_volume_in_use_is_neither_deleted_nor_wiped_and_its_users_are_named(act: Any) -> None:
    pool, storekeeper = held(1, "a"), person("ada", "administrator")
    used(pool, "a")
    with pytest.raises(Busy) as refused:
        act(storekeeper, pool, identity(pool, "a"))
    assert refused.value.context["users"] == "guest11"
    entry = AuditEntry.objects.latest("pk")
    assert (entry.outcome, entry.ref) == ("busy", str(pool))


def test_the_base_of_an_image_is_in_use() -> None:
    pool, storekeeper = held(1, "base"), person("ada", "administrator")
    told(plain.volume(1, "top", backing="/images/base", backing_path="/images/base"))
    with pytest.raises(Busy) as refused:
        volume_acts.delete(storekeeper, pool, identity(pool, "base"))
    assert refused.value.context["users"] == "top"


def test_users_that_one_may_not_see_refuse_without_being_named() -> None:
    pool, storekeeper = held(1, "a"), person("sam", "storage-admin")
    used(pool, "a")
    with pytest.raises(Busy) as refused:
        volume_acts.delete(storekeeper, pool, identity(pool, "a"))
    assert "guest11" not in str(refused.value.context)


def test_a_template_that_one_may_not_see_keeps_its_disk_without_being_named() -> None:
    pool, storekeeper = held(1, "a"), person("sam", "storage-admin")
    disk = DiskRecord("vda", "virtio", "disk", "/images/a", "qcow2")
    mirrored(11, disks=(disk,), template=TemplateMark(at=0.0))
    for actor, shown in ((storekeeper, False), (person("ada", "administrator"), True)):
        with pytest.raises(Busy) as refused:
            volume_acts.resize(actor, pool, identity(pool, "a"), capacity=2 * GIB)
        assert ("guest11" in str(refused.value.context)) is shown


def test_a_volume_is_made_smaller_only_when_that_is_meant_and_nobody_needs_it() -> None:
    pool, storekeeper = held(1, "a"), person("ada", "administrator")
    for capacity in (0, GIB, GIB // 2):
        with pytest.raises(Invalid):
            volume_acts.resize(storekeeper, pool, identity(pool, "a"), capacity=capacity)
    used(pool, "a")
    with pytest.raises(Busy):
        volume_acts.resize(storekeeper, pool, identity(pool, "a"), capacity=GIB // 2, shrink=True)


def test_offers_say_why_not() -> None:
    pool, storekeeper = held(1, "a"), person("ada", "administrator")
    used(pool, "a")
    found = {it.verb: it.obstacle for it in volumes.offers(storekeeper, pool, identity(pool, "a"))}
    assert found["volume.delete"] is Obstacle.VOLUME_USED
    assert found["volume.clone"] is Obstacle.NONE
    viewer = person("vera", "viewer")
    found = {it.verb: it.obstacle for it in volumes.offers(viewer, pool, identity(pool, "a"))}
    assert set(found.values()) == {Obstacle.NO_RIGHT}
    told(plain.pool(1, is_active=False))
    found = {it.verb: it.obstacle for it in pools.show(storekeeper, pool).offers}
    assert found["pool.start"] is Obstacle.NONE
    assert found["volume.create"] is Obstacle.POOL_STOPPED
    told(plain.pool(1, type="gluster"), plain.link("down"))
    found = {it.verb: it.obstacle for it in pools.show(storekeeper, pool).offers}
    assert found["volume.create"] is Obstacle.HOST_AWAY


# -- where pools may be ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["etc", "/etc/x", "/", "/var/lib/libvirt/images/../../x", "/var/lib//x", "/var/lib/libvirt",
     "/var/lib/libvirt/images2", "/var/lib/libvirt/images/", "/var/lib/libvirt/images/a\nb",
     "//var/lib/libvirt/images/x"],
)  # fmt: skip
def test_a_pool_elsewhere_is_refused_whoever_asks(path: str, test_host: TestHost) -> None:
    test_host.sync()
    with pytest.raises(Invalid) as refused:
        pool_making.create(person("ada", "administrator"), EAST, PoolSpec("p", "dir", target=path))
    assert list(refused.value.fields) == ["target"]


def test_a_link_out_of_the_allowed_folder_is_followed(test_host: TestHost, tmp_path: Path) -> None:
    """The worker of the test driver counts as remote: only a local one looks at the files."""
    test_host.sync()
    ada = person("ada", "administrator")
    pool_roots.add(ada, "/srv/pools")
    assert pool_roots.fault("east", "/srv/pools/a") == ""
    assert pool_roots.fault("east", "/srv/other") != ""


@pytest.mark.parametrize("path", ["/", "/etc", "/etc/x", "/dev", "/proc/self", "relative", "/a/.."])
def test_places_of_the_system_itself_cannot_be_allowed(path: str) -> None:
    with pytest.raises(Invalid):
        pool_roots.add(person("ada", "administrator"), path)


def test_the_portals_own_folder_is_never_a_pool(settings: Any) -> None:
    settings.KVMWEB_DATA_DIR = Path("/srv/portal")
    ada = person("ada", "administrator")
    for path in ("/srv", "/srv/portal", "/srv/portal/run"):
        with pytest.raises(Invalid):
            pool_roots.add(ada, path)
    pool_roots.add(ada, "/srv/portal/pools/fast")


def test_only_who_may_change_settings_says_where_pools_may_be() -> None:
    storekeeper = person("sam", "storage-admin")
    with pytest.raises(Denied):
        pool_roots.add(storekeeper, "/srv/pools")
    assert pool_roots.list_(storekeeper) == []
    assert not pool_roots.may_change(storekeeper)


def test_the_standard_places_stay_when_another_is_added_and_go_when_they_are_removed() -> None:
    ada = person("ada", "administrator")
    Host.objects.create(key="east", name="East", uri="test:///default")
    pool_roots.add(ada, "/srv/pools", "east")
    assert pool_roots.of_host("east") == (*sorted({*pool_roots.standard(), "/srv/pools"}),)
    assert "/srv/pools" not in pool_roots.of_host("west")
    for root in pool_roots.list_(ada):
        pool_roots.remove(ada, root.pk)
    with pytest.raises(NotFound):
        pool_roots.remove(ada, 999)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (PoolSpec("a b", "dir", target="/x"), "name"),
        (PoolSpec("<a>", "dir", target="/x"), "name"),
        (PoolSpec("-a", "dir", target="/x"), "name"),
        (PoolSpec("kvmweb-nvram-a", "dir", target="/x"), "name"),
        (PoolSpec("a", "dir"), "target"),
        (PoolSpec("a", "nonsense"), "type"),
        (PoolSpec("a", "netfs", target="/x", hosts=("a b",), source="/e"), "hosts"),
        (PoolSpec("a", "netfs", target="/x", hosts=("-oProxy",), source="/e"), "hosts"),
        (PoolSpec("a", "netfs", target="/x", hosts=("h",), source="/a/../b"), "source"),
        (PoolSpec("a", "fs", target="/x", devices=("/etc/shadow",)), "devices"),
        (PoolSpec("a", "fs", target="/x", devices=("/dev/../etc/shadow",)), "devices"),
        (PoolSpec("a", "disk", devices=("/dev/sda",), format="ntfs"), "format"),
        (PoolSpec("a", "logical", source="../etc"), "source"),
        (PoolSpec("a", "scsi", adapter="../host0"), "adapter"),
        (PoolSpec("a", "rbd", hosts=("m",), source="p", secret="x", username="u"), "secret"),
        (PoolSpec("a", "rbd", hosts=("m",), source="p", username="u"), "secret"),
        (PoolSpec("a", "iscsi", hosts=("m",), devices=("iqn.x:a",), port=70000), "port"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_beside_its_field(spec: PoolSpec, field: str) -> None:
    assert field in pool_making.faults(spec)


# -- with a worker -----------------------------------------------------------------------------


def run(job: Any) -> JobState:
    job_worker.run.func(str(job))
    return jobs.show(person_of(job), job).state


def person_of(job: Any) -> Any:
    from kvmweb.core.actors import Actor
    from kvmweb.store.models import Job

    row = Job.objects.get(pk=job)
    return Actor(row.person_id or 0, "")


def made(test_host: TestHost, name: str) -> Ref:
    """The pool of this name as the mirror has it after another look."""
    from kvmweb.inventory.models import Pool

    test_host.sync()
    return Pool.objects.get(name=name, is_gone=False).ref


def seen(test_host: TestHost, pool: Ref, name: str) -> None:
    """Until the mirror has this volume."""
    deadline = time.monotonic() + 10
    while not volumes.all_of(pool).filter(name=name).exists():
        assert time.monotonic() < deadline, name
        test_host.sync()


@pytest.mark.django_db(transaction=True)
def test_a_pool_is_made_filled_emptied_and_deleted(test_host: TestHost) -> None:
    test_host.sync()
    ada = person("ada", "administrator")
    spec = PoolSpec("fresh", "dir", target=f"{pool_roots.STANDARD}/fresh")
    assert run(pool_making.create(ada, EAST, spec, build=True)) is JobState.DONE
    pool = made(test_host, "fresh")
    volume_acts.create(ada, pool, Wanted("a", GIB, "raw"))
    seen(test_host, pool, "a")
    with pytest.raises(Invalid):
        volume_acts.create(ada, pool, Wanted("a", GIB, "raw"))
    clone = volume_acts.clone(ada, pool, identity(pool, "a"), into=pool, name="b")
    assert run(clone) is JobState.DONE
    assert jobs.show(ada, clone).result == refs.volume("east", pool.id, "b")
    seen(test_host, pool, "b")
    assert run(pool_acts.delete(ada, pool, with_volumes=True)) is JobState.DONE
    deadline = time.monotonic() + 10
    while any(row.ref == pool for row in pools.list_(ada)) and time.monotonic() < deadline:
        test_host.sync()
    with pytest.raises(NotFound):
        pools.get(ada, pool)


@pytest.mark.django_db(transaction=True)
def test_a_pool_that_cannot_be_defined_twice_leaves_nothing(test_host: TestHost) -> None:
    test_host.sync()
    ada = person("ada", "administrator")
    spec = PoolSpec("twin", "dir", target=f"{pool_roots.STANDARD}/twin")
    first = pool_making.create(ada, EAST, spec)
    second = pool_making.create(ada, EAST, spec)
    assert run(first) is JobState.DONE
    assert run(second) is JobState.FAILED
    assert made(test_host, "twin")


@pytest.mark.django_db(transaction=True)
def test_a_missing_default_pool_is_offered_and_made_in_one_press(test_host: TestHost) -> None:
    test_host.sync()
    ada = person("ada", "administrator")
    assert [host.ref for host in pool_making.without_default(ada)] == [EAST]
    assert run(pool_making.create_default(ada, EAST)) is JobState.DONE
    made(test_host, "default")
    assert pool_making.without_default(ada) == []
    with pytest.raises(Invalid):
        pool_making.create_default(ada, EAST)


def test_a_pool_in_use_is_not_emptied(test_host: TestHost) -> None:
    pool, ada = held(1, "a"), person("ada", "administrator")
    used(pool, "a")
    with pytest.raises(Busy) as refused:
        pool_acts.delete(ada, pool, with_volumes=True)
    assert refused.value.context["users"] == "guest11"
    assert pool_acts.delete(ada, pool)


def test_a_copy_goes_only_into_pools_that_one_may_fill() -> None:
    pool, other = held(1, "a"), held(2)
    sam = person("sam", "storage-admin", scope=str(pool))
    with pytest.raises(NotFound):
        volume_acts.clone(sam, pool, identity(pool, "a"), into=other, name="b")
    with pytest.raises(NotFound):
        volume_acts.clone(sam, pool, identity(pool, "a"), into=refs.pool("west", pool.id), name="b")
    assert judge.can(sam, "volume.create", pool)


def test_what_builds_on_a_forged_image_is_not_made() -> None:
    pool, ada = held(1), person("ada", "administrator")
    told(plain.volume(1, "base", format="raw"))
    told(plain.volume(1, "base", format="qcow2"))
    base = refs.volume("east", pool.id, "base")
    with pytest.raises(Invalid) as refused:
        volume_acts.create(ada, pool, Wanted("top", 50, "qcow2", base=base, may_promise=True))
    assert "base" in refused.value.fields
