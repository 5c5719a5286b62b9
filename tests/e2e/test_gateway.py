"""Consoles in a browser through the stand-alone gateway: the pages send them there by a setting."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import REPOSITORY, Portal, free_port
from tests.e2e.test_consoles import (
    PAINTED,
    REVOKE,
    TEXT,
    add_person,
    open_guest,
    terminal_says,
    type_into,
)
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


@pytest.fixture(scope="module")
def portal(
    lab: LabHost, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """A portal whose consoles are elsewhere, and `manage.py consolegateway` there."""
    port = free_port()
    portal = Portal(
        tmp_path_factory.mktemp("portal"), KVMWEB_CONSOLE_GATEWAY=f"wss://localhost:{port}"
    )
    portal.furnish(furnished)
    portal.start()
    tls = portal.folder / "tls"
    gateway = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "consolegateway", "--listen", f"127.0.0.1:{port}"),
            *("--cert", str(tls / "certificate.pem"), "--key", str(tls / "key.pem")),
        ],
        cwd=REPOSITORY,
        env=portal.environment,
    )
    wait_listening(gateway, port)
    yield portal
    gateway.terminate()
    gateway.wait(10)
    portal.stop()


def wait_listening(gateway: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 30
    while True:
        assert gateway.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until
        time.sleep(0.1)


def sockets_of(page: Page) -> list[str]:
    """Addresses of the console sockets that this page opens from now on."""
    found: list[str] = []
    page.on("websocket", lambda one: found.append(one.url) if "/consoles/" in one.url else None)
    return found


def test_screen_and_serial_are_used_through_the_gateway(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("gate01", booted=True)
    page = sign_in("ada")
    opened = sockets_of(page)
    open_guest(page, portal, uuid, "screen:")
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    page.wait_for_function(PAINTED, timeout=30_000)
    page.get_by_role("button", name="Serial", exact=True).click()
    type_into(page, "echo through-$((40+2))\n")
    terminal_says(page, "through-42")
    gateway = portal.environment["KVMWEB_CONSOLE_GATEWAY"]
    assert len(opened) == 2
    assert all(url.startswith(f"{gateway}/consoles/lab/") for url in opened)


def test_turns_are_taken_and_a_right_ends_there_as_in_the_portal(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("gate02", booted=True)
    add_person(portal, "wu", f"guest:lab:{uuid}", "console", "viewer")
    ada = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(ada, "echo first-$((1+0))\n")
    terminal_says(ada, "first-1")
    wu = open_guest(sign_in("wu"), portal, uuid, "serial:serial0")
    terminal_says(wu, "first-1")
    expect(wu.locator(".console-state")).to_contain_text("You are watching")
    wu.get_by_role("button", name="Ask for the keyboard").click()
    ada.get_by_role("button", name="Hand over to wu").click()
    type_into(wu, "echo mine-$((1+1))\n")
    terminal_says(ada, "mine-2")
    ada.get_by_role("button", name="Take over").click()
    expect(wu.locator(".console-state")).to_contain_text("You are watching")
    portal.manage("shell", "-c", REVOKE)
    expect(wu.locator("[data-role=veil]")).to_contain_text(
        "Your right to this console was taken away", timeout=5_000
    )
    assert "{" not in ada.evaluate(TEXT)  # what the pages say never reaches the guest
