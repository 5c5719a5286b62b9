"""The log: no secret ever, and one line stays one line."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.sync.client import connect

from kvmweb.core.log_lines import Lines
from tests.e2e.portal import PASSWORD, Portal
from tests.faults.conftest import RUNNING, Visitor

GUEST = f"/guests/demo/{RUNNING}/"
CONSOLE = f"/consoles/demo/{RUNNING}/"


def test_whatever_somebody_writes_stays_in_its_line() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Lines("%(levelname)s %(message)s"))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.warning("signed in: %s", "eve\nERROR root: forged\r\x1b[2J\u202e\u2028\x85")
    try:
        raise ValueError("its trace")
    except ValueError:
        log.exception("broke\n")
    first, second, *trace = out.getvalue().splitlines()
    assert first == (
        r"WARNING signed in: eve\u000aERROR root: forged\u000d\u001b[2J\u202e\u2028\u0085"
    )
    assert second == r"ERROR broke\u000a"
    assert trace[-1] == "ValueError: its trace"


def test_the_log_of_a_whole_run_holds_no_secret(
    new_portal: Callable[..., Portal], tmp_path: Path
) -> None:
    portal = new_portal(KVMWEB_LOG_LEVEL="DEBUG")
    typed = "a wrong password typed by eve"
    assert Visitor(portal, password=typed).answer.status_code in (200, 422)
    ada = Visitor(portal)
    made = ada.session.post(
        f"{portal.url}/people/add/",
        {
            "csrfmiddlewaretoken": ada.session.cookies["kvmweb_csrf"],
            "username": "bob", "display_name": "", "email": "", "password": "",
        },
        headers={"Referer": portal.url}, timeout=20,
    )  # fmt: skip
    link = re.search(r"/reset/([\w-]{20,})/", made.text)
    assert link, made.text[:300]
    assert ada.get(f"/reset/{link[1]}/").status_code == 200
    secrets = {typed, PASSWORD, link[1], *(jar.value or "" for jar in ada.session.cookies)}
    for kind in ("serial", "screen"):
        answer = ada.post(f"{CONSOLE}{kind}/ticket/", mode="drive")
        found = re.findall(r"[\w-]{40,}", answer.text)
        secrets.update(found)
    _knock(portal, ada, "a-ticket-that-nobody-ever-issued-to-anybody")
    secrets.add("a-ticket-that-nobody-ever-issued-to-anybody")
    ada.get("/nowhere/%0aERROR%20root:%20forged")
    ada.get("/guests/?q=%00%0aforged")
    ada.post(f"{GUEST}suspend/", key="x" * 200)
    ada.post(f"{GUEST}suspend/")
    ada.get(f"{GUEST}definition/")
    portal.stop()
    log = portal.log()
    secrets.add((tmp_path / "secret-key").read_text().strip())
    assert "DEBUG" in log, "nothing was looked at"
    assert [secret for secret in secrets if len(secret) > 7 and secret in log] == []
    assert "<domain" not in log
    assert "-----BEGIN" not in log
    assert not [line for line in log.splitlines() if line.startswith("ERROR root: forged")]


def _knock(portal: Portal, ada: Visitor, ticket: str) -> None:
    """At a console, with a ticket that is none."""
    import ssl

    cookies = "; ".join(f"{jar.name}={jar.value}" for jar in ada.session.cookies)
    with (
        pytest.raises(Exception, match=r".*"),
        connect(
            f"wss://localhost:{portal.port}{CONSOLE}serial/socket/",
            origin=portal.url,  # type: ignore[arg-type]
            subprotocols=["kvmweb.console.v1", f"kvmweb.ticket.{ticket}"],  # type: ignore[list-item]
            additional_headers={"Cookie": cookies},
            ssl=ssl._create_unverified_context(),
            proxy=None,
        ) as socket,
    ):
        socket.recv(timeout=10)
