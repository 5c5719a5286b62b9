"""Pools stay where they were allowed, whichever way they are made."""

from __future__ import annotations

from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.creation import Ground
from kvmweb.core.errors import Denied, Invalid
from kvmweb.core.pools import PoolSpec
from kvmweb.core.wishes import GuestWish
from kvmweb.hostlink import client
from kvmweb.services import (
    creation,
    creation_plan,
    job_worker,
    jobs,
    pool_making,
    pool_roots,
    works,
)
from kvmweb.store.models import Grant, Job, RightsEpoch, StorageRoot
from tests.services.stage import TestHost, mirrored, person, test_host

__all__ = ["test_host"]
EAST = refs.host("east")


@pytest.mark.django_db
def test_the_default_pool_keeps_to_what_is_allowed(test_host: TestHost) -> None:
    test_host.sync()
    StorageRoot.objects.create(host="", path="/srv/pools")
    with pytest.raises(Invalid, match="/srv/pools"):
        pool_making.create_default(person("sam", "storage-admin"), EAST)
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_an_allowed_link_into_the_system_is_still_the_system(
    test_host: TestHost, tmp_path: Any
) -> None:
    test_host.sync()
    link = tmp_path / "innocent"
    link.symlink_to("/usr")
    StorageRoot.objects.create(host="", path=str(link))
    assert "system itself" in pool_roots.fault("east", f"{link}/share")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spec",
    [
        PoolSpec("p", "dir", target="/etc"),
        PoolSpec("p", "dir", target="/var/lib/libvirt/images/../../../../etc"),
        PoolSpec("p", "dir", target="//etc"),
        PoolSpec("p", "dir", target="/var/lib/libvirt/images2"),
        PoolSpec("p", "fs", target="/var/lib/libvirt/images/a", devices=("/dev/sda",)),
        PoolSpec("p", "disk", devices=("/dev/../etc/shadow",)),
        PoolSpec("p", "disk", devices=("/dev/sda",)),
        PoolSpec("p", "logical", source="mapper/../sda"),
        PoolSpec("p", "logical", source="-rf"),
        PoolSpec("p", "netfs", target="/mnt", hosts=("nas",), source="/x"),
        PoolSpec("p", "netfs", target="/var/lib/libvirt/images/a", hosts=("-oProxy",), source="/x"),
        PoolSpec("p", "netfs", target="/var/lib/libvirt/images/a", hosts=("a b",), source="/x"),
        PoolSpec("p", "netfs", target="/var/lib/libvirt/images/a", hosts=("a",), source="/x/../y"),
        PoolSpec("p", "netfs", target="/var/lib/libvirt/images/a", hosts=("a",), source="-o,x"),
        PoolSpec("p", "iscsi", hosts=("a",), devices=("-x",)),
        PoolSpec("p", "scsi", adapter="scsi_host1/../x"),
        PoolSpec("../p", "dir", target="/var/lib/libvirt/images/a"),
        PoolSpec("p", "exec", target="/var/lib/libvirt/images/a"),
    ],
)
def test_no_pool_of_a_non_administrator_leaves_its_place(
    test_host: TestHost, spec: PoolSpec
) -> None:
    test_host.sync()
    with pytest.raises(Invalid):
        pool_making.create(person("sam", "storage-admin"), EAST, spec)
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_pool_is_not_made_for_who_may_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    mirrored(1)
    who = person("sam", "storage-admin")
    spec = {"name": "p", "type": "dir", "has_autostart": True}
    asked: list[str] = []
    monkeypatch.setattr(client, "call", lambda _host, verb, **_k: asked.append(verb))
    steps = [works.waiting("define-pool", "p")]
    job = jobs.ask(
        who, "pool.create", steps, host="east", spec=spec, builds=False, overwrite=False
    )  # fmt: skip
    Grant.objects.all().delete()
    RightsEpoch.advance()
    job_worker.run.call(str(job))
    assert (Job.objects.get(pk=job).state, asked) == ("failed", [])


@pytest.mark.django_db
def test_a_storage_admin_allows_no_places(test_host: TestHost) -> None:
    test_host.sync()
    spec = PoolSpec("p", "dir", target="/srv/x")
    with pytest.raises(Denied):
        pool_making.allow(person("sam", "storage-admin"), EAST, spec)
    assert not StorageRoot.objects.exists()


@pytest.mark.django_db
def test_a_guest_asks_for_no_more_memory_at_most_than_the_host_has(test_host: TestHost) -> None:
    test_host.sync()
    ground: Ground = creation.ground(person("ada", "administrator"), EAST)
    assert ground.record.memory
    wish = GuestWish(host="east", name="big", vcpus=1, memory=2**26, memory_max=2**60)
    assert "memory_max" in creation_plan.plan(wish, ground, None).faults
