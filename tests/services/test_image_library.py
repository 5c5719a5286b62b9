"""The library: which images there are for whom, and which system each one holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from kvmweb.core.image_lists import ImageRow
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.core.systems import Support
from kvmweb.hub.mirror import Writer
from kvmweb.services import image_library
from kvmweb.store.models import Image, Upload
from kvmweb.ui import images
from tests.hub import plain
from tests.services.stage import held, mirrored, person

TODAY = date(2026, 11, 1)


def told(number: int, name: str, **facts: Any) -> None:
    writer = Writer("east", "stage")
    writer.open()
    writer.apply([plain.volume(number, name, **facts)])


@pytest.fixture
def pool(db: None) -> Ref:
    pool = held(1, "web01.qcow2", "debian-12-genericcloud-amd64.qcow2")
    told(1, "tools.iso", format="iso")
    told(1, "UBUNTU-24.04-live.ISO", format="raw")
    return pool


def system_of(row: ImageRow) -> str:
    return row.holding.system.id if row.holding.system else ""


def listed(actor: Any, **query: str) -> dict[str, tuple[str, bool, bool]]:
    rows = image_library.list_(actor, today=TODAY, **query)
    return {r.name: (system_of(r), r.is_disc, r.holding.is_sure) for r in rows}


def test_discs_and_known_disks_are_listed_and_others_not(pool: Ref) -> None:
    assert listed(person("vi", "viewer")) == {
        "debian-12-genericcloud-amd64.qcow2": ("debian12", False, False),
        "tools.iso": ("", True, False),
        "UBUNTU-24.04-live.ISO": ("ubuntu24.04", True, False),
    }


def test_an_uploaded_disk_is_listed_until_a_guest_has_it(pool: Ref) -> None:
    told(1, "cloud.qcow2")
    actor = person("ed", "creator")
    assert "cloud.qcow2" not in listed(actor), "any disk"
    Image.objects.create(pool=str(pool), name="cloud.qcow2", state="fit", format="qcow2")
    Image.objects.create(pool=str(pool), name="web01.qcow2", state="fit", format="qcow2")
    names = {"cloud.qcow2", "web01.qcow2", "debian-12-genericcloud-amd64.qcow2"}
    assert names < set(listed(actor))
    disks = [
        DiskRecord("vda", "virtio", "disk", "/images/web01.qcow2", "qcow2"),
        DiskRecord("vdb", "virtio", "disk", "default/debian-12-genericcloud-amd64.qcow2", "raw"),
    ]
    mirrored(7, disks=tuple(disks))
    assert names & set(listed(actor)) == {"cloud.qcow2"}
    row = next(it for it in image_library.list_(actor) if it.name == "cloud.qcow2")
    assert "source=cloud" in images.line(row).create_url
    assert "source=import" in images.line(replace(row, name="disk.raw")).create_url


def test_answers_for_cloud_init_are_nothing_to_install_from(pool: Ref) -> None:
    for name in ("web01-seed.iso", "answers.iso", "live-seed.iso"):
        told(1, name, format="iso")
    for name, ids in {
        "answers.iso": {"volume_id": "CIDATA"},
        "live-seed.iso": {"volume_id": "LIVE", "is_bootable": True},
    }.items():
        Image.objects.create(
            pool=str(pool), name=name, state="seen", seen=f"{2**30}:", facts={"disc": ids}
        )
    found = set(listed(person("vi", "viewer")))
    assert found & {"web01-seed.iso", "answers.iso", "live-seed.iso"} == {"live-seed.iso"}


def test_search_looks_at_the_system_too(pool: Ref) -> None:
    actor = person("vi", "viewer")
    assert list(listed(actor, search="noble")) == []
    assert list(listed(actor, search="LTS ubuntu")) == ["UBUNTU-24.04-live.ISO"]
    assert listed(actor, host="west") == {}


def test_who_sees_no_pool_sees_no_image(pool: Ref) -> None:
    actor = person("co", "console")
    assert listed(actor) == {}
    assert image_library.is_blind(actor)
    assert listed(person("we", "viewer", "host:west")) == {}


def test_what_is_coming_in_or_was_refused_is_left_out(pool: Ref) -> None:
    actor = person("vi", "viewer")
    Upload.objects.create(
        person_id=actor.person_id, pool=str(pool), name="tools.iso", size=1, format="auto"
    )
    Image.objects.create(pool=str(pool), name="UBUNTU-24.04-live.ISO", state="refused")
    assert list(listed(actor)) == ["debian-12-genericcloud-amd64.qcow2"]


def test_what_the_header_told_counts_more_than_the_name(pool: Ref) -> None:
    facts = {"disc": {"volume_id": "Debian 13.1.0 amd64 n"}}
    Image.objects.create(
        pool=str(pool), name="tools.iso", state="seen", seen=f"{2**30}:", facts=facts
    )
    actor = person("vi", "viewer")
    assert listed(actor)["tools.iso"] == ("debian13", True, True)
    row = next(r for r in image_library.list_(actor, today=TODAY) if r.name == "tools.iso")
    assert row.support is Support.SUPPORTED


def test_a_long_list_costs_no_more_queries_than_a_short_one(
    pool: Ref, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        told(1, f"disc{number}.iso", format="iso")
    actor = person("vi", "viewer")
    with django_assert_max_num_queries(12):
        assert len(listed(actor)) == 63
