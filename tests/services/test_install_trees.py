"""Install trees from a web server that behaves in all the ways web servers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.services import fetch_line, install_trees

INFO = """[general]
family = Tiny Linux
version = 1
[images-x86_64]
kernel = images/pxeboot/vmlinuz
initrd = images/pxeboot/initrd.img
"""


class Server:
    """path to what is answered: bytes, a status, a redirect, a length that is a lie, silence."""

    def __init__(self, address: str) -> None:
        self.answers: dict[str, Any] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def do_HEAD(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, it: BaseHTTPRequestHandler) -> None:
        found = self.answers.get(it.path, 404)
        if found == "silence":
            time.sleep(5)
            return
        if isinstance(found, int) and found < 1000:
            it.send_response(found)
            it.send_header("Content-Length", "0")
            it.end_headers()
        elif isinstance(found, int):
            it.send_response(200)
            it.send_header("Content-Length", str(found))
            it.end_headers()
        elif isinstance(found, str):
            it.send_response(302)
            it.send_header("Location", found)
            it.end_headers()
        else:
            it.send_response(200)
            it.send_header("Content-Length", str(len(found)))
            it.end_headers()
            if it.command == "GET":
                it.wfile.write(found)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(settings: Any) -> Iterator[Server]:
    """On loopback, which the operator of these tests allows."""
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]
    server = Server("127.0.0.1")
    server.answers = {
        "/.treeinfo": INFO.encode(),
        "/images/pxeboot/vmlinuz": b"kernel",
        "/images/pxeboot/initrd.img": b"initrd",
    }
    yield server
    server.stop()


def said(url: str) -> str:
    with pytest.raises(Invalid) as caught:
        install_trees.look(url, "x86_64")
    return caught.value.fields["url"]


def test_a_tree_says_where_its_installer_is(server: Server) -> None:
    tree = install_trees.look(server.url, "x86_64")
    assert tree.kernel == f"{server.url}/images/pxeboot/vmlinuz"
    assert tree.initrd == f"{server.url}/images/pxeboot/initrd.img"
    assert (tree.family, tree.version) == ("Tiny Linux", "1")
    assert tree.arguments == f"inst.repo={server.url}/"


def test_a_tree_of_debian_has_no_treeinfo(server: Server) -> None:
    place = "/current/images/netboot/debian-installer/amd64/"
    server.answers = {f"{place}linux": b"kernel", f"{place}initrd.gz": b"initrd"}
    tree = install_trees.look(f"{server.url}/", "x86_64")
    assert tree.kernel.endswith("debian-installer/amd64/linux")
    assert tree.arguments == ""


def test_an_address_without_a_tree_says_so(server: Server) -> None:
    server.answers = {}
    assert "no install tree" in said(server.url)


def test_a_tree_of_another_machine_says_so(server: Server) -> None:
    server.answers["/.treeinfo"] = INFO.replace("x86_64", "s390x").encode()
    assert "x86_64" in said(server.url)


def test_a_status_that_is_no_success_is_named(server: Server) -> None:
    server.answers["/.treeinfo"] = 503
    assert "503" in said(server.url)


def test_fifty_gigabytes_are_refused_before_they_are_read(server: Server) -> None:
    server.answers["/images/pxeboot/initrd.img"] = 50 * 1024**3
    assert "larger" in said(server.url)


def test_a_server_that_never_answers_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_line, "SILENT_S", 0.3)
    server.answers["/.treeinfo"] = "silence"
    began = time.monotonic()
    assert "does not answer" in said(server.url)
    assert time.monotonic() - began < 4


def test_a_treeinfo_names_nothing_outside_its_tree(server: Server) -> None:
    for path in ("../../etc/passwd", "/etc/passwd", "http://inner/x"):
        server.answers["/.treeinfo"] = INFO.replace("images/pxeboot/vmlinuz", path).encode()
        assert "outside" in said(server.url)


def test_a_redirect_is_followed_but_not_round_in_circles(server: Server) -> None:
    for path in list(server.answers):
        server.answers[f"/old{path}"] = path
    assert install_trees.look(f"{server.url}/old", "x86_64").family == "Tiny Linux"
    server.answers["/loop/.treeinfo"] = "/loop/.treeinfo"
    assert "redirects" in said(f"{server.url}/loop")


def test_an_inner_address_is_refused_unless_the_operator_allows_it(
    server: Server, settings: Any
) -> None:
    settings.KVMWEB_FETCH_INNER = []
    assert "does not read from" in said(server.url)


def test_a_kernel_that_is_not_there_is_named(server: Server) -> None:
    del server.answers["/images/pxeboot/vmlinuz"]
    assert "vmlinuz" in said(server.url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "http://", "http://a@b/", "http://x:99999/", "http://x/\r\nHost: y"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert said(url)


def test_a_name_that_nobody_has_says_so() -> None:
    assert "no such name" in said("http://nowhere.invalid/")
