"""What people do, on two web processes and two hubs: neither they nor a page see a difference."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.lab.host import LabHost
from tests.scaled.conftest import PASSWORD, Database, Machine, until

pytestmark = [pytest.mark.scaled, pytest.mark.lab]

CONSOLE = "kvmweb.console.v1"


class Person:
    """Somebody with a browser, who meets now one and now the other web process."""

    def __init__(self, name: str, web: Machine) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        page = self.session.get(f"{web.url}/", timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token, page.text[:500]
        answer = self.session.post(
            page.url,
            {"csrfmiddlewaretoken": token[1], "login": name, "password": PASSWORD},
            timeout=10,
        )
        assert answer.status_code == 200, answer.status_code
        assert 'name="password"' not in answer.text, "not signed in"

    def get(self, web: Machine, path: str) -> str:
        answer = self.session.get(f"{web.url}{path}", timeout=10)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def post(self, web: Machine, path: str, **fields: str) -> requests.Response:
        token = {"X-CSRFToken": self.session.cookies["kvmweb_csrf"], "HX-Request": "true"}
        return self.session.post(f"{web.url}{path}", fields, headers=token, timeout=30)

    def socket(self, web: Machine, path: str, **options: Any) -> ClientConnection:
        cookies = "; ".join(f"{jar.name}={jar.value}" for jar in self.session.cookies)
        return connect(
            f"ws://127.0.0.1:{web.port}{path}",
            origin=web.url,  # type: ignore[arg-type]
            additional_headers={"Cookie": cookies},
            max_size=None,
            proxy=None,
            **options,
        )

    def live(self, web: Machine, path: str) -> ClientConnection:
        """The socket of a page that was rendered just now."""
        page = self.get(web, path)
        rev = re.search(r"[?&]rev=(\d+)", page.replace("&amp;", "&"))
        assert rev, "the page carries no revision"
        return self.socket(web, f"/live/?page={quote(path, safe='')}&rev={rev[1]}")

    def console(self, web: Machine, uuid: str, kind: str, mode: str = "drive") -> ClientConnection:
        answer = self.post(web, f"/consoles/lab/{uuid}/{kind}/ticket/", mode=mode)
        assert answer.status_code == 200, answer.text
        ticket = f"kvmweb.ticket.{answer.json()['ticket']}"
        path = f"/consoles/lab/{uuid}/{kind}/socket/"
        return self.socket(web, path, subprotocols=[CONSOLE, ticket], compression=None)


@dataclass
class Portal:
    a: Machine
    b: Machine
    hubs: dict[int, subprocess.Popen[bytes]]


@pytest.fixture
def host(lab: LabHost) -> Iterator[LabHost]:
    lab.clear()
    yield lab
    lab.clear()


@pytest.fixture
def portal(neighbours: tuple[Machine, Machine], database: Database, host: LabHost) -> Portal:
    """Two webs, two hubs, the lab host, and the administrator ada."""
    a, b = neighbours
    database.add_host("lab", host.uri)
    hubs = [a.start_hub(), b.start_hub()]
    a.start_jobs()
    for web in (a, b):
        web.start_web()
    until(lambda: database.is_up("lab"), 30)
    for web in (a, b):
        until(lambda web=web: is_ready(web), 30)
    return Portal(a, b, {hub.pid: hub for hub in hubs})


def is_ready(web: Machine) -> bool:
    try:
        session = requests.Session()
        session.trust_env = False
        answer = session.get(f"{web.url}/readyz", timeout=5)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and answer.json()["hosts"] == {"lab": "up"}


def is_shown_running(page: str, uuid: str) -> bool:
    row = page.partition(f"guest-lab-{uuid}")[2].partition("</tr>")[0]
    return ">Running" in row


def pushed(socket: ClientConnection, *words: str, timeout_s: float = 10) -> str:
    """The first frame that has all these words."""
    deadline = time.monotonic() + timeout_s
    while True:
        frame = socket.recv(timeout=max(0.01, deadline - time.monotonic()))
        if isinstance(frame, str) and all(word in frame for word in words):
            return frame


def shown(socket: ClientConnection, wanted: bytes, timeout_s: float = 15) -> bytes:
    """Console output until this has been seen."""
    found, deadline = b"", time.monotonic() + timeout_s
    while wanted not in found:
        frame = socket.recv(timeout=max(0.01, deadline - time.monotonic()))
        found += frame if isinstance(frame, bytes) else b""
    return found


def test_what_one_web_does_is_seen_on_the_other_at_once(portal: Portal, host: LabHost) -> None:
    uuid = host.define_guest("web01", kernel=False, memory_mib=32, network="")
    ada = Person("ada", portal.a)
    until(lambda: uuid in ada.get(portal.a, "/guests/"))
    assert uuid in ada.get(portal.b, "/guests/"), "one session is good on both"
    with ada.live(portal.b, "/guests/") as socket:
        answer = ada.post(portal.a, f"/guests/lab/{uuid}/start/")
        assert answer.status_code in (200, 204), answer.text
        pushed(socket, uuid, ">Running")
    assert host.state("web01") == "running"


def test_a_killed_hub_costs_no_viewer_a_change(
    portal: Portal, host: LabHost, database: Database
) -> None:
    uuid = host.define_guest("web01", kernel=False, memory_mib=32, network="")
    ada = Person("ada", portal.a)
    until(lambda: uuid in ada.get(portal.a, "/guests/"))
    with ada.live(portal.a, "/guests/") as one, ada.live(portal.b, "/guests/") as two:
        os.kill(database.leaseholder(), signal.SIGKILL)
        began = time.monotonic()
        host.virsh("start", "web01")
        for socket in (one, two):
            pushed(socket, uuid, ">Running")
        took = time.monotonic() - began
    print(f"hub killed -9: viewers on both webs saw the change after {took:.1f} s")
    assert took < 10


def test_viewers_of_both_webs_share_one_serial_console(portal: Portal, host: LabHost) -> None:
    uuid = host.define_guest("web01", start=True)
    host.wait_ready("web01")
    ada = Person("ada", portal.a)
    until(lambda: is_shown_running(ada.get(portal.a, "/guests/"), uuid))
    with (
        ada.console(portal.a, uuid, "serial") as drives,
        ada.console(portal.b, uuid, "serial", "watch") as watches,
    ):
        drives.send(b"\recho $((6*7))-shared\r")
        shown(drives, b"42-shared")
        shown(watches, b"42-shared")
        watches.send(b"echo $((6*7))-forbidden\r")
        drives.send(b"echo $((6*7))-again\r")
        assert b"42-forbidden" not in shown(watches, b"42-again")


def test_the_screen_opens_on_either_web(portal: Portal, host: LabHost) -> None:
    uuid = host.define_guest("web01", start=True)
    ada = Person("ada", portal.a)
    until(lambda: is_shown_running(ada.get(portal.b, "/guests/"), uuid))
    for web in (portal.a, portal.b):
        with ada.console(web, uuid, "screen") as screen:
            assert shown(screen, b"RFB 003.008\n")
