"""Fetching images from servers that are slow, gone, endless, inner or honest."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kvmweb.core import errors
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.services import fetch_line, fetches, image_locks, images, job_worker, works
from kvmweb.services.fetches import FetchWish
from kvmweb.store.models import AuditEntry, Grant, Job, RightsEpoch, Upload
from tests.lab.host import LabHost
from tests.live.transfers import MIB, fresh
from tests.services.stage import person

DATA = os.urandom(MIB) + bytes(2 * MIB) + os.urandom(99)


class Site(http.server.BaseHTTPRequestHandler):
    """What its paths promise."""

    def do_GET(self) -> None:
        word = self.path.rpartition("/")[2].partition(".")[0]
        if word == "gone":
            self.send_error(404)
        elif word == "loop":
            self._redirect("/loop.img")
        elif word == "turn":
            self._redirect("/good.img")
        elif word == "inside":
            self._redirect("http://169.254.169.254/latest")
        elif word == "file":
            self._redirect("file:///etc/shadow")
        elif word == "silent":
            threading.Event().wait(3)
        elif word == "nameless":
            self._head()
        else:
            self._file(word)

    def _file(self, word: str) -> None:
        self._head(50 * 2**40 if word == "huge" else len(DATA))
        with contextlib.suppress(OSError):
            self.wfile.write(DATA[: MIB // 2] if word == "half" else DATA)

    def _head(self, length: int | None = None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]


def reached(url: str) -> int:
    with fetch_line.opened(url) as source:
        return source.size


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x", "http://localhost/x", "http://[::1]/x", "http://10.0.0.1/x",
        "http://192.168.1.1/x", "http://169.254.169.254/latest/", "http://0.0.0.0/x",
        "http://[::ffff:127.0.0.1]/x", "http://[fe80::1]/x", "http://[fd00::1]/x",
        "http://2130706433/x", "http://0x7f.1/x", "ftp://127.0.0.1/x", "http://224.0.0.1/x",
        "http://100.64.0.1/x",
    ],
)  # fmt: skip
def test_inner_addresses_are_refused_however_they_are_written(url: str) -> None:
    with pytest.raises((errors.Denied, errors.NotFound)):
        reached(url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/shadow", "gopher://x/", "http://", "http://a:b@c/", "http://a b/", "x",
     "http://a:99999/", "http://a\r\nX: y/", "http://" + "a" * 3000],
)  # fmt: skip
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(errors.Invalid):
        fetch_line.check(url)


def test_a_name_is_resolved_once_and_pinned(
    monkeypatch: pytest.MonkeyPatch, allowed: None, site: str
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        if host == "mirror.example":
            asked.append(host)
            assert len(asked) == 1, "asked again"
            return real("127.0.0.1", *rest, **more)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert reached(site.replace("127.0.0.1", "mirror.example") + "good.img") == len(DATA)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("gone", errors.NotFound),
        ("loop", errors.Invalid),
        ("inside", errors.OutOfBounds),
        ("file", errors.Invalid),
        ("nameless", errors.Invalid),
        ("silent", errors.Busy),
    ],
)
def test_what_a_server_does_wrong_is_named(
    site: str,
    allowed: None,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    problem: type[errors.Problem],
) -> None:
    monkeypatch.setattr(fetch_line, "SILENT_S", 0.5)
    with pytest.raises(problem):
        reached(f"{site}{word}.img")


def test_a_redirect_is_followed(site: str, allowed: None) -> None:
    assert reached(f"{site}turn.img") == len(DATA)


def fetched(actor: Actor, pool: Ref, url: str, **wish: Any) -> Job:
    job = fetches.begin(actor, pool, FetchWish(url=url, **wish))
    job_worker.run.call(str(job))
    return Job.objects.get(pk=job)


@pytest.mark.lab
def test_a_file_is_fetched_inspected_and_noted(
    pool: Ref, site: str, allowed: None, lab: LabHost
) -> None:
    actor, name = person("li", "creator"), fresh()
    digest = hashlib.sha256(DATA).hexdigest()
    job = fetched(actor, pool, f"{site}good.img", name=name, sha256=digest)
    assert job.state == "done", job.steps
    assert [(s["word"], s["state"]) for s in job.steps] == [
        ("reach", "done"), ("fetch", "done"), ("inspect", "done"),
    ]  # fmt: skip
    stored = b"".join(bytes(p) for p in images.pieces(pool, name, length=len(DATA)))
    assert stored == DATA
    assert image_locks.unfit(pool) == {}
    assert AuditEntry.objects.get(verb="volume.upload").outcome == "ok"


@pytest.mark.lab
@pytest.mark.parametrize(
    ("word", "wish", "problem"),
    [
        ("gone", {}, "not-found"),
        ("huge", {}, "full"),
        ("half", {}, "busy"),
        ("inside", {}, "out-of-bounds"),
        ("good", {"sha256": "0" * 64}, "checksum"),
        ("good", {"format": "qcow2"}, "other-format"),
    ],
)
def test_what_goes_wrong_leaves_nothing(
    pool: Ref, site: str, allowed: None, lab: LabHost, word: str, wish: Any, problem: str
) -> None:
    actor, name = person("li", "creator"), fresh()
    job = fetched(actor, pool, f"{site}{word}.img", name=name, **wish)
    assert job.state == "failed"
    upload = Upload.objects.get()
    assert (upload.state, upload.problem) == ("refused", problem)
    assert name not in lab.virsh("vol-list", "default")
    assert image_locks.unfit(pool) == {}


@pytest.mark.lab
def test_cancelling_leaves_nothing(
    pool: Ref, site: str, allowed: None, lab: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor, name = person("li", "creator"), fresh()
    report = works.Work.report

    def cancelled(work: works.Work, done: int, total: int = 0) -> None:
        work.is_cancelled = True
        report(work, done, total)

    monkeypatch.setattr(works.Work, "report", cancelled)
    job = fetched(actor, pool, f"{site}good.img", name=name)
    assert job.state == "cancelled"
    assert name not in lab.virsh("vol-list", "default")
    assert Upload.objects.get().problem == "cancelled"


@pytest.mark.lab
def test_an_address_is_asked_about_before_there_is_a_job(pool: Ref) -> None:
    actor = person("li", "creator")
    for url, field in (("gopher://x/y", "url"), ("https://x.example/-y", "name")):
        with pytest.raises(errors.Invalid) as caught:
            fetches.begin(actor, pool, FetchWish(url=url))
        assert set(caught.value.fields) == {field}
    with pytest.raises(errors.Denied):
        fetches.begin(person("vi", "viewer"), pool, FetchWish(url="https://x.example/y"))
    assert not Job.objects.exists()


@pytest.mark.lab
def test_one_sees_ones_own_fetches_where_one_may_still_fetch(
    pool: Ref, site: str, allowed: None
) -> None:
    li, name = person("li", "creator"), fresh()
    job = fetches.begin(li, pool, FetchWish(url=f"{site}good.img?key=secret", name=name))
    assert [(it.upload.name, it.upload.job, it.step) for it in fetches.mine(li)] == [
        (name, job, None)
    ]
    assert fetches.mine(person("ada", "administrator")) == []
    Grant.objects.filter(person_id=li.person_id).delete()
    RightsEpoch.advance()
    assert fetches.mine(li) == []
