"""The volumes of a pool as their readers see them: pages, users, chains, warnings."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kvmweb.core import refs, wire
from kvmweb.core.errors import NotFound
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.hub.mirror import Writer
from kvmweb.services import pools, search, volumes
from tests.hub import plain
from tests.services.stage import held, mirrored, person

pytestmark = pytest.mark.django_db
ALL = VolumeFilter()


def told(*messages: dict[str, Any], host: str = "east") -> None:
    writer = Writer(host, "stage")
    writer.open()
    writer.apply(messages)


def disk(source: str, target: str = "vda", reads_as: str = "qcow2") -> Any:
    return (DiskRecord(target, "virtio", "disk", source, reads_as),)


def names(found: Any) -> list[str]:
    return [row.record.name for row in found.rows]


def users(actor: Any, pool: Ref, name: str) -> list[tuple[str, str]]:
    row = volumes.show(actor, pool, refs.volume_id(pool.id, name))
    return [(user.name, user.how) for user in row.users.seen]


def test_a_guest_is_named_as_user_by_path_and_by_pool_and_volume() -> None:
    pool, viewer = held(1, "a", "b", "c"), person("vera", "viewer")
    mirrored(11, disks=disk("/images/a"))
    mirrored(12, disks=disk("default/b", "sda"))
    assert users(viewer, pool, "a") == [("guest11", "vda")]
    assert users(viewer, pool, "b") == [("guest12", "sda")]
    assert users(viewer, pool, "c") == []


def test_a_disk_that_is_taken_away_uses_its_volume_no_more() -> None:
    pool, viewer = held(1, "a"), person("vera", "viewer")
    mirrored(11, disks=disk("/images/a"))
    mirrored(11, disks=())
    assert users(viewer, pool, "a") == []


def test_a_deleted_guest_uses_nothing() -> None:
    pool, viewer = held(1, "a"), person("vera", "viewer")
    mirrored(11, disks=disk("/images/a"))
    told(plain.gone(11))
    assert users(viewer, pool, "a") == []


def test_an_image_on_top_is_a_user_and_its_chain_goes_through_all_storeys() -> None:
    pool, viewer = held(1, "base"), person("vera", "viewer")
    told(
        plain.volume(1, "mid", backing="/images/base", backing_path="/images/base"),
        plain.volume(1, "top", backing="mid", backing_path="/images/mid"),
    )
    top = volumes.show(viewer, pool, refs.volume_id(pool.id, "top"))
    assert top.chain == ("/images/mid", "/images/base")
    assert top.is_backing_known
    assert users(viewer, pool, "base") == [("mid", "")]


def test_a_chain_that_bites_its_tail_ends() -> None:
    pool, viewer = held(1), person("vera", "viewer")
    told(
        plain.volume(1, "a", backing="/images/b", backing_path="/images/b"),
        plain.volume(1, "b", backing="/images/a", backing_path="/images/a"),
    )
    row = volumes.show(viewer, pool, refs.volume_id(pool.id, "a"))
    assert row.chain == ("/images/b", "/images/a")


def test_what_builds_on_a_file_outside_all_pools_is_marked() -> None:
    pool, viewer = held(1), person("vera", "viewer")
    told(plain.volume(1, "a", backing="/etc/shadow", backing_path="/etc/shadow"))
    assert not volumes.list_(viewer, pool, ALL).rows[0].is_backing_known


def test_a_raw_volume_that_begins_to_look_like_an_image_is_marked() -> None:
    pool, viewer = held(1), person("vera", "viewer")
    told(plain.volume(1, "made-raw", format="raw"), plain.volume(1, "read-raw"))
    mirrored(11, disks=disk("/images/read-raw", reads_as="raw"))
    told(plain.volume(1, "made-raw", format="qcow2"), plain.volume(1, "fine"))
    found = volumes.list_(viewer, pool, ALL)
    marked = {row.record.name for row in found.rows if row.forged}
    assert marked == {"made-raw", "read-raw"}


def test_users_that_one_may_not_see_are_counted_and_not_named() -> None:
    pool = held(1, "a")
    storekeeper = person("sam", "storage-admin")
    mirrored(11, disks=disk("/images/a"))
    row = volumes.show(storekeeper, pool, refs.volume_id(pool.id, "a"))
    assert row.users.seen == ()
    assert row.users.hidden == 1
    assert pools.show(storekeeper, pool).guests.hidden == 1


def test_search_use_format_order_and_pages_narrow_the_list() -> None:
    pool, viewer = held(1, "b", "a"), person("vera", "viewer")
    told(plain.volume(1, "Big", capacity=2**40, format="raw"))
    mirrored(11, disks=disk("/images/a"))
    assert names(volumes.list_(viewer, pool, ALL)) == ["a", "b", "Big"]
    assert names(volumes.list_(viewer, pool, VolumeFilter(sort="-capacity")))[0] == "Big"
    assert names(volumes.list_(viewer, pool, VolumeFilter(q="BI"))) == ["Big"]
    assert names(volumes.list_(viewer, pool, VolumeFilter(use="used"))) == ["a"]
    assert names(volumes.list_(viewer, pool, VolumeFilter(use="unused"))) == ["b", "Big"]
    assert names(volumes.list_(viewer, pool, VolumeFilter(format="raw"))) == ["Big"]
    beyond = volumes.list_(viewer, pool, VolumeFilter(page=9))
    assert beyond.wanted.page == 1
    assert beyond.wanted.notes == ("page",)


def test_the_list_costs_the_same_number_of_queries_for_one_volume_and_for_a_hundred() -> None:
    pool, viewer = held(1, "a"), person("vera", "viewer")
    mirrored(11, disks=disk("/images/a"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            volumes.list_(viewer, pool, ALL)
        return len(counted)

    queries()
    few = queries()
    told(*(plain.volume(1, f"disk{n:03}", allocation=n) for n in range(150)))
    assert queries() == few + 2, "what this process has not met is read once"
    assert queries() == few == 9


def test_a_stopped_pool_has_no_volumes_but_still_its_guests() -> None:
    pool, viewer = held(1, "a"), person("vera", "viewer")
    mirrored(11, disks=disk("/images/a"))
    told(
        plain.pool(1, is_active=False),
        {"type": "gone", "kind": "volume", "id": refs.volume_id(pool.id, "a")},
    )
    details = pools.show(viewer, pool)
    assert details.figures.volumes == 0
    assert [user.name for user in details.guests.seen] == ["guest11"]
    with pytest.raises(NotFound):
        volumes.show(viewer, pool, refs.volume_id(pool.id, "a"))


def test_a_volume_is_not_found_by_who_does_not_see_its_pool() -> None:
    pool = held(1, "a")
    ref = refs.volume("east", pool.id, "a")
    assert volumes.pool_of(person("vera", "viewer"), ref) == pool
    with pytest.raises(NotFound):
        volumes.pool_of(person("nobody"), ref)


@pytest.mark.parametrize("name", ["a\nb", "-rf", "x/y", "ünï 中", "." * 255, "x" * 700])
def test_every_name_has_one_identity_that_fits_a_ref(name: str) -> None:
    ref = refs.volume("east", plain.uuid(1), name)
    assert Ref.parse(str(ref)) == ref
    assert ref != refs.volume("east", plain.uuid(2), name)
    assert wire.to_plain(name) == name


def test_a_volume_is_found_by_a_part_of_its_name_where_its_pool_is_seen() -> None:
    pool, _other = held(1, "Web-disk.qcow2"), held(2, "web-other")
    found = search.volumes(person("vera", "viewer"), "web-")
    assert [hit.name for hit in found] == ["Web-disk.qcow2", "web-other"]
    one = person("olga", "storage-admin", scope=str(pool))
    assert [hit.name for hit in search.volumes(one, "web-")] == ["Web-disk.qcow2"]
    assert search.volumes(person("nobody"), "web-") == []
