"""Downloads over a real server: whole, in ranges, sparse, by cookie and by ticket."""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.live.downloads import disposition
from kvmweb.store.models import AuditEntry, Grant, Image, RightsEpoch, Session
from tests.hostworker.process import WorkerProcess
from tests.lab.host import LabHost
from tests.live import transfers
from tests.live.transfers import MIB, Sender, fresh, mirrored_pool, mirrored_volume, signed_in

lab_only = pytest.mark.lab
pytestmark = [pytest.mark.django_db(transaction=True)]

Enter = Callable[..., Sender]
DATA = os.urandom(MIB) + bytes(3 * MIB) + os.urandom(MIB + 7)


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture(scope="module")
def name(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A volume with DATA in it."""
    name, path = fresh(), tmp_path_factory.mktemp("data") / "data"
    path.write_bytes(DATA)
    lab.virsh("vol-create-as", "default", name, f"{len(DATA)}b", "--allocation", "0")
    lab.virsh("vol-upload", name, str(path), "default", "--sparse")
    return name


@pytest.fixture
def enter(lab: LabHost, worker: WorkerProcess, name: str, settings: Any) -> Iterator[Enter]:
    settings.KVMWEB_RUN_DIR = worker.directory
    settings.KVMWEB_EMBEDDED_HUB = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    uuid = lab.virsh("pool-uuid", "default").strip()
    pool = mirrored_pool(uuid, mirrored_volume(uuid, name, len(DATA)))
    with transfers.serving() as port:
        yield lambda person="li", role="storage-admin": signed_in(person, role, port, pool)


def address(sender: Sender, name: str) -> str:
    return f"{sender.place}volumes/{refs.volume_id(sender.pool.id, name)}/download/"


@lab_only
def test_a_volume_comes_whole_with_a_name_and_its_size(enter: Enter, name: str) -> None:
    sender = enter()
    status, headers, body = sender.get(address(sender, name))
    assert (status, hashlib.sha256(body).digest()) == (200, hashlib.sha256(DATA).digest())
    assert headers["content-length"] == str(len(DATA))
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-disposition"].startswith(f'attachment; filename="{name}"')
    assert headers["cache-control"] == "no-store"
    entry = AuditEntry.objects.get(verb="volume.download")
    assert (entry.detail["name"], entry.outcome) == (name, "ok")


@lab_only
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1048570-1048590", 1048570, 1048591),
        (f"bytes={2 * MIB}-", 2 * MIB, len(DATA)),
        ("bytes=-100", len(DATA) - 100, len(DATA)),
        (f"bytes={len(DATA) - 5}-{len(DATA) + 50}", len(DATA) - 5, len(DATA)),
    ],
)
def test_a_part_comes_as_a_part(enter: Enter, name: str, asked: str, start: int, end: int) -> None:
    sender = enter()
    status, headers, body = sender.get(address(sender, name), Range=asked)
    assert (status, body) == (206, DATA[start:end])
    assert headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"


@lab_only
@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", "bytes=9-3", "bytes=-0"])
def test_a_part_that_is_not_there_is_told(enter: Enter, name: str, asked: str) -> None:
    sender = enter()
    status, headers, body = sender.get(address(sender, name), Range=asked)
    assert (status, headers["content-range"], body) == (416, f"bytes */{len(DATA)}", b"")


@lab_only
@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-1", "bytes=-", "bytes=a-b"])
def test_a_range_that_is_none_brings_all(enter: Enter, name: str, asked: str) -> None:
    sender = enter()
    status, headers, _ = sender.get(address(sender, name), Range=asked, method="GET")
    assert (status, headers["content-length"]) == (200, str(len(DATA)))


@lab_only
def test_who_goes_on_gets_the_rest_of_the_same_volume_only(
    enter: Enter, name: str, lab: LabHost
) -> None:
    sender = enter()
    _, headers, _ = sender.get(address(sender, name), method="HEAD")
    asked = {"Range": "bytes=100-199", "If-Range": headers["etag"]}
    assert sender.get(address(sender, name), **asked)[0] == 206
    time.sleep(1.1)
    lab.inside("touch", f"/var/lib/libvirt/images/{name}")
    lab.virsh("pool-refresh", "default")
    status, newer, body = sender.get(address(sender, name), **asked)
    assert (status, len(body)) == (200, len(DATA))
    assert newer["etag"] != headers["etag"]


@lab_only
def test_curl_goes_on_by_itself(enter: Enter, name: str, tmp_path: Path) -> None:
    sender, target = enter(), tmp_path / "out"
    said = sender.client.post(f"{address(sender, name)}ticket/").json()
    assert said["ticket"] in said["command"]
    assert said["ticket"] not in said["command"].split()[-1]
    target.write_bytes(DATA[: MIB + 5])
    url = f"http://localhost:{sender.port}{address(sender, name)}"
    header = f"X-Transfer-Ticket: {said['ticket']}"
    subprocess.run(["curl", "-sf", "-C", "-", "-o", target, "-H", header, url], check=True)
    assert target.read_bytes() == DATA


@lab_only
def test_a_ticket_ends_with_its_session_and_is_for_one_volume(enter: Enter, name: str) -> None:
    sender = enter()
    secret = sender.client.post(f"{address(sender, name)}ticket/").json()["ticket"]
    ticket = {"X-Transfer-Ticket": secret}
    other = address(sender, "another")
    assert sender.get(other, **ticket)[0] == 403
    Session.objects.filter(person=sender.person).delete()
    assert sender.get(address(sender, name), **ticket)[0] == 403


@lab_only
@pytest.mark.parametrize(("role", "expected"), [("creator", 403), ("", 404)])
def test_who_may_not_download_gets_a_page_that_says_so(
    enter: Enter, name: str, role: str, expected: int
) -> None:
    sender = enter("vic", role)
    status, headers, _ = sender.get(address(sender, name))
    assert status == expected
    assert headers["content-type"].startswith("text/html")


@lab_only
def test_who_is_not_signed_in_is_sent_to_the_door(enter: Enter, name: str) -> None:
    sender = enter()
    sender.client.logout()
    status, headers, _ = sender.get(address(sender, name))
    assert (status, "/sign-in/" in headers["location"]) == (302, True)


@lab_only
def test_what_was_refused_is_not_handed_out(enter: Enter, name: str) -> None:
    sender = enter()
    Image.objects.create(pool=str(sender.pool), name=name, state="refused")
    assert sender.get(address(sender, name))[0] == 422


@lab_only
def test_a_download_stops_when_its_right_goes(enter: Enter, name: str, lab: LabHost) -> None:
    big = fresh()
    lab.virsh("vol-create-as", "default", big, "3G", "--allocation", "0")
    sender = enter()
    uuid = sender.pool.id
    mirrored_pool(uuid, mirrored_volume(uuid, big, 3 * 2**30))
    line = http.client.HTTPConnection("localhost", sender.port, timeout=30)
    cookies = "; ".join(f"{k}={v.value}" for k, v in sender.client.cookies.items())
    line.request("GET", address(sender, big), headers={"Cookie": cookies})
    answer = line.getresponse()
    assert answer.read(1000) == bytes(1000)
    Grant.objects.filter(person=sender.person).delete()
    RightsEpoch.advance()
    time.sleep(2.5)
    got = 1000
    while piece := answer.read(MIB):
        got += len(piece)
    assert got < 100 * MIB  # what stood in buffers between


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web01.qcow2", "attachment; filename=\"web01.qcow2\"; filename*=UTF-8''web01.qcow2"),
        ('a"b\r\nX: y', "attachment; filename=\"a_b__X__y\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y"),
        ("-rf", "attachment; filename=\"rf\"; filename*=UTF-8''-rf"),
        ("镜像", "attachment; filename=\"volume\"; filename*=UTF-8''%E9%95%9C%E5%83%8F"),
    ],
)
def test_a_name_cannot_break_out_of_its_header(name: str, expected: str) -> None:
    assert disposition(name) == expected
