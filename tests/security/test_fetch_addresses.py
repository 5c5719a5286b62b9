"""Servers of strangers, and addresses that lead elsewhere than they look."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from kvmweb.core import errors
from kvmweb.core.uploads import UploadState
from kvmweb.services import fetch_line, fetches, install_trees, job_worker
from kvmweb.services.fetches import FetchWish
from kvmweb.store.models import AuditEntry, Grant, Job, RightsEpoch, Upload
from tests.services.stage import held, person

INNER = [
    "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::", "::7f00:1", "::ffff:0:7f00:1",
    "::ffff:10.0.0.1", "fec0::1", "fe80::1%1", "168.63.129.16", "192.0.0.192", "192.88.99.1",
    "100.100.100.200", "fd00:ec2::254", "255.255.255.255",
]  # fmt: skip


def reach(url: str) -> None:
    with fetch_line.opened(url):
        pass


def resolves(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Every name leads to these addresses."""
    rows = [(socket.AF_INET6 if ":" in it else socket.AF_INET, 1, 6, "", (it, 80)) for it in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: rows)


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_in_another_dress_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolves(monkeypatch, address)
    with pytest.raises(errors.Denied):
        fetch_line.addresses("mirror.example", 80)


def test_one_inner_address_among_others_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(errors.Denied):
        fetch_line.addresses("mirror.example", 80)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
)
def test_addresses_of_the_world_are_not(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolves(monkeypatch, address)
    assert fetch_line.addresses("mirror.example", 80) == [address]


def test_what_is_allowed_may_be_reached_through_a_gateway(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.KVMWEB_FETCH_INNER = ["10.1.0.0/16"]
    resolves(monkeypatch, "64:ff9b::a01:1")
    assert fetch_line.addresses("mirror.example", 80)
    resolves(monkeypatch, "64:ff9b::a02:1")
    with pytest.raises(errors.Denied):
        fetch_line.addresses("mirror.example", 80)


def test_the_portals_own_machine_is_inner_by_whatever_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda line: None) as port:
        monkeypatch.setattr(fetch_line, "addresses", lambda *_: ["127.0.0.1"])  # as if global
        for scheme in ("http", "ftp"):
            with (
                pytest.raises(errors.Denied, match="this machine"),
                fetch_line.opened(f"{scheme}://me.example:{port}/x"),
            ):
                pass


@pytest.mark.parametrize(
    "url",
    ["http://[", "http://[::1", "http://a]/", "http://[zz]/", "https://a:port/", "http://a:-1/",
     "http://user@a/", "http://:secret@a/", "dict://a/", "jar:http://a!/", "//a/", "\\\\a\\b",
     "http:///x", "http://a\x00b/", "http://a\u2028b/"],
)  # fmt: skip
def test_what_is_no_address_is_no_fault(url: str) -> None:
    with pytest.raises(errors.Invalid):
        fetch_line.check(url)


def answers(text: bytes) -> Callable[[socket.socket], None]:
    def talk(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(text)

    return talk


@contextmanager
def serving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that says this to everybody; its port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(10)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = door.accept()
                    with line, suppress(OSError):
                        talk(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]


@pytest.fixture
def near(settings: Any) -> None:
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\nxx",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xe4\xe4\x80.example/\xe4\r\n\r\n",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"not HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_whatever_a_server_says_is_a_problem_with_a_name(text: bytes) -> None:
    with serving(answers(text)) as port, pytest.raises(errors.Problem) as caught:
        reach(f"http://127.0.0.1:{port}/x")
    assert not isinstance(caught.value, errors.Fault)


@pytest.mark.usefixtures("near")
def test_letters_of_other_scripts_in_a_path_are_a_problem_with_a_name() -> None:
    with (
        serving(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx")) as port,
        pytest.raises(errors.Invalid),
    ):
        reach(f"http://127.0.0.1:{port}/镜像")


def test_a_redirect_never_loses_encryption() -> None:
    for onward in ("http://a.example/x", "ftp://a.example/x", "HTTP://a.example/x"):
        with pytest.raises(errors.Denied):
            fetch_line._onward("https://a.example/x", onward)
    assert fetch_line._onward("http://a.example/x", "https://b.example/") == "https://b.example/"


@pytest.mark.usefixtures("near")
def test_headers_that_come_byte_by_byte_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_line, "_ANSWER_S", 0.5)

    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(80):
            line.sendall(b"X: y\r\n")
            time.sleep(0.1)

    began = time.monotonic()
    with serving(drip) as port, pytest.raises(errors.Busy):
        reach(f"http://127.0.0.1:{port}/x")
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("near")
def test_a_small_file_that_comes_byte_by_byte_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_trees, "WHOLE_S", 0.5)

    def drip(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(80):
            line.sendall(b"x")
            time.sleep(0.1)

    began = time.monotonic()
    with serving(drip) as port, pytest.raises(errors.Invalid):
        install_trees.look(f"http://127.0.0.1:{port}", "x86_64")
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("near")
def test_a_line_break_in_a_path_of_ftp_is_no_command() -> None:
    said: list[bytes] = []

    def talk(line: socket.socket) -> None:
        line.sendall(b"220 hello\r\n")
        while came := line.recv(4096):
            said.append(came)
            line.sendall(b"230 fine\r\n")

    with serving(talk) as port, pytest.raises(errors.Invalid):
        reach(f"ftp://127.0.0.1:{port}/a%0d%0aDELE%20x")
    assert b"DELE" not in b"".join(said)


class TestSecrets:
    URL = "https://203.0.113.7/disk.img?X-Signature=canary-of-a-key"

    @pytest.mark.django_db
    def test_a_signature_in_an_address_is_in_no_audit_and_on_no_page(self) -> None:
        pool, who = held(1), person("li", "creator")
        fetches.begin(who, pool, FetchWish(url=self.URL, name="disk.img"))
        written = str(list(AuditEntry.objects.values())) + str(list(Upload.objects.values()))
        written += str(list(Job.objects.values_list("steps", flat=True)))
        assert "203.0.113.7" in written
        assert "canary" not in written

    @pytest.mark.django_db(transaction=True)
    def test_the_right_is_asked_for_again_before_anything_is_reached(self) -> None:
        pool, who = held(1), person("li", "creator")
        job = fetches.begin(who, pool, FetchWish(url=self.URL, name="disk.img"))
        Grant.objects.all().delete()
        RightsEpoch.advance()
        job_worker.run.call(str(job))
        assert Job.objects.get(pk=job).state == "failed"
        upload = Upload.objects.get()
        assert (upload.state, upload.problem) == (UploadState.REFUSED, "denied")
