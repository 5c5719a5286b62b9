"""The clipboard between a browser and a real QEMU, within its limits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_console_tools import menu, on_screen
from tests.e2e.test_consoles import add_person, open_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
PEER = Path(__file__).with_name("clipboard_peer.py").read_text()
MAY_PASTE = {"permissions": ["clipboard-read", "clipboard-write"]}


class Peer:
    """What an agent in the guest would do: `clipboard_peer.py`, on the host of the guest."""

    def __init__(self, lab: LabHost, name: str, *what: str) -> None:
        port = str(5900 + int(lab.virsh("vncdisplay", name).rpartition(":")[2]))
        self.printed = ""

        def run() -> None:
            self.printed = lab.inside("python3", "-c", PEER, port, *what, check=False)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def said(self) -> str:
        self._thread.join(30)
        return self.printed


def test_what_the_guest_copies_comes_to_the_driver_alone(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("clip01", booted=True)
    add_person(portal, "noa", f"guest:lab:{uuid}", "console", "viewer")
    ada = on_screen(sign_in("ada", **MAY_PASTE), portal, uuid)
    noa = open_guest(sign_in("noa"), portal, uuid, "screen:")
    expect(noa.locator(".console-state")).to_contain_text("You are watching")
    take = ada.locator("#console-more").get_by_role("button", name="Copy what the guest copied")
    ada.get_by_role("button", name="View and clipboard").click()
    expect(take).to_have_attribute("data-tip", "The guest has copied nothing yet.")
    ada.keyboard.press("Escape")
    Peer(lab, "clip01", "copy", "from the guest")
    expect(ada.locator("[data-role=said]")).to_contain_text("The guest copied a text.")
    menu(ada, "View and clipboard", "Copy what the guest copied")
    expect(ada.locator("[data-role=said]")).to_contain_text("Copied.")
    assert ada.evaluate("navigator.clipboard.readText()") == "from the guest"
    expect(noa.locator("[data-role=said]")).to_be_empty()


def test_what_the_driver_gives_arrives_whole_or_not_at_all(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("clip02", booted=True)
    page = on_screen(sign_in("ada", **MAY_PASTE), portal, uuid)
    page.evaluate("navigator.clipboard.writeText('x'.repeat(70000))")
    menu(page, "View and clipboard", "Give my clipboard to the guest")
    expect(page.locator("[data-role=said]")).to_contain_text("At most 64 KiB")
    peer = Peer(lab, "clip02", "paste")
    page.wait_for_timeout(1500)
    page.evaluate("navigator.clipboard.writeText('für den Gast — 你好')")
    menu(page, "View and clipboard", "Give my clipboard to the guest")
    expect(page.locator("[data-role=said]")).to_contain_text("The guest has it on its clipboard")
    assert peer.said().splitlines()[-1] == "für den Gast — 你好"
