"""Fetching and install trees over FTP: servers that are honest, empty, silent, or claim much."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kvmweb.core import errors
from kvmweb.core.refs import Ref
from kvmweb.services import fetch_line, image_locks, images, install_trees
from kvmweb.store.models import AuditEntry, Upload
from tests.lab.host import LabHost
from tests.live.transfers import MIB, fresh
from tests.services.ftp import SILENCE, Ftp
from tests.services.stage import person
from tests.services.test_fetches import DATA, fetched
from tests.services.test_install_trees import INFO

TREE = {
    "/os/.treeinfo": INFO.encode(),
    "/os/images/pxeboot/vmlinuz": b"kernel",
    "/os/images/pxeboot/initrd.img": b"initrd",
}
HUGE = 50 * 2**40


@pytest.fixture
def site(settings: Any) -> Iterator[Ftp]:
    """On loopback, which the operator of these tests allows."""
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]
    with Ftp({"/pub/good image.img": DATA, "/huge.img": HUGE, "/still.img": SILENCE}) as site:
        yield site


def read(url: str) -> bytes:
    found = b""
    with fetch_line.opened(url) as source:
        while piece := source.some(65536):
            found += piece
    return found


def said(url: str) -> str:
    with pytest.raises(errors.Invalid) as caught:
        install_trees.look(url, "x86_64")
    return caught.value.fields["url"]


def test_a_file_comes_whole_over_ftp_whatever_its_name(site: Ftp) -> None:
    assert read(f"{site.url}/pub/good%20image.img") == DATA
    assert site.heard.index("TYPE") < site.heard.index("SIZE") < site.heard.index("RETR")


def test_what_is_not_there_is_not_found(site: Ftp) -> None:
    with pytest.raises(errors.NotFound) as caught:
        read(f"{site.url}/none.img")
    assert "550" in caught.value.detail


@pytest.mark.parametrize("is_mute", [True, False])
def test_a_server_that_never_answers_is_given_up(
    site: Ftp, monkeypatch: pytest.MonkeyPatch, is_mute: bool
) -> None:
    """Neither at the greeting nor later."""
    monkeypatch.setattr(fetch_line, "SILENT_S", 0.5)
    site.is_mute = is_mute
    began = time.monotonic()
    with pytest.raises(errors.Busy):
        read(f"{site.url}/still.img")
    assert time.monotonic() - began < 10


def test_a_line_break_in_a_path_is_no_second_command(site: Ftp) -> None:
    with pytest.raises(errors.Invalid):
        read(f"{site.url}/a%0d%0aDELE%20b")
    assert "DELE" not in site.heard


def test_an_inner_server_is_refused_before_it_is_spoken_to(site: Ftp, settings: Any) -> None:
    settings.KVMWEB_FETCH_INNER = []
    with pytest.raises(errors.Denied):
        read(f"{site.url}/pub/good%20image.img")
    assert site.heard == []


def test_a_server_cannot_send_us_to_another_address(site: Ftp) -> None:
    """What it says of its own address for the data is not believed."""
    site.passive = "192,0,2,1"
    assert read(f"{site.url}/pub/good%20image.img") == DATA


def test_a_tree_over_ftp_says_where_its_installer_is(site: Ftp) -> None:
    site.files.update(TREE)
    tree = install_trees.look(f"{site.url}/os/", "x86_64")
    assert tree.kernel == f"{site.url}/os/images/pxeboot/vmlinuz"
    assert (tree.family, tree.arguments) == ("Tiny Linux", f"inst.repo={site.url}/os/")


def test_a_tree_of_debian_over_ftp_has_no_treeinfo(site: Ftp) -> None:
    place = "/debian/current/images/netboot/debian-installer/amd64/"
    site.files.update({f"{place}linux": b"kernel", f"{place}initrd.gz": b"initrd"})
    tree = install_trees.look(f"{site.url}/debian", "x86_64")
    assert tree.initrd == f"{site.url}{place}initrd.gz"


def test_ftp_without_a_tree_says_so(site: Ftp) -> None:
    assert "no install tree" in said(f"{site.url}/pub")


def test_a_tree_over_ftp_that_is_too_large_is_refused_unread(site: Ftp) -> None:
    site.files.update({**TREE, "/os/images/pxeboot/initrd.img": HUGE})
    assert "larger" in said(f"{site.url}/os")


def test_a_tree_over_ftp_that_never_answers_is_given_up(
    site: Ftp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "SILENT_S", 0.5)
    site.files["/os/.treeinfo"] = SILENCE
    assert "does not answer" in said(f"{site.url}/os")


@pytest.mark.lab
def test_a_file_is_fetched_over_ftp_into_the_pool(pool: Ref, site: Ftp) -> None:
    name, digest = fresh(), hashlib.sha256(DATA).hexdigest()
    url = f"{site.url}/pub/good%20image.img"
    job = fetched(person("li", "creator"), pool, url, name=name, sha256=digest)
    assert job.state == "done", job.steps
    stored = b"".join(bytes(piece) for piece in images.pieces(pool, name, length=len(DATA)))
    assert stored == DATA
    assert image_locks.unfit(pool) == {}
    assert AuditEntry.objects.get(verb="volume.upload").outcome == "ok"


@pytest.mark.lab
@pytest.mark.parametrize(
    ("path", "problem"), [("/none.img", "not-found"), ("/huge.img", "full"), ("/lie.img", "busy")]
)
def test_what_goes_wrong_over_ftp_leaves_nothing(
    pool: Ref, site: Ftp, lab: LabHost, path: str, problem: str
) -> None:
    site.files["/lie.img"] = 4 * MIB
    name = fresh()
    job = fetched(person("li", "creator"), pool, f"{site.url}{path}", name=name)
    assert job.state == "failed"
    upload = Upload.objects.get()
    assert (upload.state, upload.problem) == ("refused", problem)
    assert name not in lab.virsh("vol-list", "default")
    assert image_locks.unfit(pool) == {}


@pytest.mark.lab
def test_an_ftp_server_that_falls_silent_ends_the_fetch(
    pool: Ref, site: Ftp, lab: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "SILENT_S", 1.0)
    name = fresh()
    job = fetched(person("li", "creator"), pool, f"{site.url}/still.img", name=name)
    assert (job.state, Upload.objects.get().problem) == ("failed", "busy")
    assert name not in lab.virsh("vol-list", "default")
