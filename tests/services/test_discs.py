"""Discs: made here, put into a real pool, read by a real worker through libvirt."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core.errors import Denied, NotFound
from kvmweb.core.image_lists import Holding
from kvmweb.core.refs import Ref
from kvmweb.core.systems import System
from kvmweb.hub.mirror import Writer
from kvmweb.services import discs, image_locks, images
from kvmweb.store.models import Image
from tests.hostworker.process import WorkerProcess
from tests.lab import bootsector
from tests.lab.host import LabHost
from tests.live.transfers import HOST, mirrored_pool, mirrored_volume
from tests.services.stage import person

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pool(lab: LabHost, worker: WorkerProcess, settings: Any) -> Iterator[Ref]:
    """The lab's, which the mirror knows as empty."""
    settings.KVMWEB_RUN_DIR = worker.directory
    discs._failed.clear()
    yield mirrored_pool(lab.virsh("pool-uuid", "default").strip())
    lab.empty_pool()


Put = Callable[[str, bytes], None]


@pytest.fixture
def put(lab: LabHost, pool: Ref, tmp_path: Path) -> Put:
    """Into the pool, and into the mirror as the hub would."""

    def one(name: str, data: bytes, modified_at: str = "") -> None:
        (tmp_path / "data").write_bytes(data)
        lab.virsh("vol-delete", name, "default", check=False)
        lab.virsh("vol-create-as", "default", name, f"{len(data)}b")
        lab.virsh("vol-upload", name, str(tmp_path / "data"), "default")
        told(pool, name, len(data), modified_at)

    return one


def told(pool: Ref, name: str, size: int, modified_at: str = "") -> None:
    record = mirrored_volume(pool.id, name, size)
    record["record"]["modified_at"] = modified_at
    writer = Writer(HOST, "stage")
    writer.open()
    writer.apply([record])


def made(folder: Path, volume: str, **rest: Any) -> bytes:
    return bootsector.disc(folder / "made", volume, **rest).read_bytes()


Known = Callable[[str], Holding]


@pytest.fixture
def known(pool: Ref) -> Known:
    """What somebody who creates guests is told of this volume."""
    actor = person("cr", "administrator")
    return lambda name: discs.show(actor, pool, name)


def ids(*found: System | None) -> list[str]:
    return [system.id for system in found if system]


def test_what_lies_in_a_pool_is_known_by_what_is_on_it(
    put: Put, known: Known, tmp_path: Path
) -> None:
    debian = made(tmp_path, "Debian 12.5.0 amd64 n")
    put("ubuntu-22.04.iso", debian)
    put("plain.iso", made(tmp_path, "HOLIDAY", is_bootable=False))
    put("windows.iso", made(tmp_path, "CCCOMA_X64FRE_EN-US_DV9", publisher="MICROSOFT CORPORATION"))
    cut = bytearray(debian)
    struct.pack_into("<I", cut, 0x8050, 50_000)  # its volume says to have 100 MB
    put("cut.iso", bytes(cut))
    put("debian-13.iso", bytes(2**20))
    put("tiny.iso", b"CD001")
    before = known("ubuntu-22.04.iso")
    assert ids(before.system) == ["ubuntu22.04"]
    assert not before.is_read
    discs.read_new()

    found = known("ubuntu-22.04.iso")
    assert ids(found.system, found.named) == ["debian12", "ubuntu22.04"]
    assert (found.is_sure, found.is_read, found.is_cut) == (True, True, False)
    assert found.disc is not None
    assert found.disc.is_bootable
    plain = known("plain.iso")
    assert plain.disc is not None
    assert (plain.disc.volume_id, plain.disc.is_bootable, plain.system) == ("HOLIDAY", False, None)
    windows = known("windows.iso")
    assert {"win10", "win11"} <= {*ids(windows.system, *windows.others)}
    assert known("cut.iso").is_cut
    for name, named in (("debian-13.iso", ["debian13"]), ("tiny.iso", [])):
        other = known(name)
        assert (other.is_read, other.is_sure, other.disc) == (True, False, None)
        assert ids(other.system) == named


def test_a_disc_is_read_once_until_another_one_lies_there(
    put: Put, known: Known, tmp_path: Path
) -> None:
    put("one.iso", made(tmp_path, "Debian 12.5.0 amd64 n"))
    discs.read_new()
    image = Image.objects.get()
    assert (image.system, image.state, image.format) == ("debian12", "seen", "iso")
    looked_at = image.looked_at
    discs.read_new()
    image.refresh_from_db()
    assert image.looked_at == looked_at

    put("one.iso", made(tmp_path, "Debian 13.1.0 amd64 n"), "1700000000.000000001")
    assert not known("one.iso").is_read
    discs.read_new()
    assert ids(known("one.iso").system) == ["debian13"]


def test_a_disc_that_cannot_be_read_delays_no_other_and_is_tried_again_later(
    pool: Ref, put: Put, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    debian = made(tmp_path, "Debian 13.1.0 amd64 n")
    told(pool, "gone.iso", len(debian))
    put("there.iso", made(tmp_path, "Debian 12.5.0 amd64 n"))
    discs.read_new()
    assert ids(known("there.iso").system) == ["debian12"]
    gone = known("gone.iso")
    assert (gone.is_read, gone.is_readable) == (True, False)
    put("gone.iso", debian)
    discs.read_new()
    assert not known("gone.iso").is_readable
    monkeypatch.setattr(discs, "AGAIN_S", 0.0)
    discs.read_new()
    assert ids(known("gone.iso").system) == ["debian13"]


def test_a_host_that_does_not_answer_is_asked_again_later(
    pool: Ref, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(pool, "a.iso", 4096)
    told(pool, "b.iso", 4096)
    settings.KVMWEB_RUN_DIR = tmp_path
    discs.read_new()
    assert not Image.objects.exists()
    assert len(discs._failed) == 1
    monkeypatch.setattr(discs, "AGAIN_S", 0.0)
    discs.read_new()
    assert len(discs._failed) == 1


def test_only_who_may_use_a_pool_is_told_what_its_discs_hold(pool: Ref) -> None:
    told(pool, "a.iso", 4096)
    with pytest.raises(Denied):
        discs.show(person("vi", "viewer"), pool, "a.iso")
    with pytest.raises(NotFound):
        discs.show(person("no", "creator", "host:west"), pool, "a.iso")
    with pytest.raises(NotFound):
        discs.show(person("ad", "administrator"), pool, "b.iso")


def test_what_is_refused_while_it_is_read_stays_refused(
    pool: Ref, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("raced.iso", made(tmp_path, "RACED"))
    glance = images.glance

    def refused_meanwhile(ref: Ref, name: str) -> images.Finding:
        found = glance(ref, name)
        images.lock(ref, name, 1)
        return found

    monkeypatch.setattr(images, "glance", refused_meanwhile)
    discs.read_new()
    assert image_locks.unfit(pool) == {"raced.iso": image_locks.REFUSED}
