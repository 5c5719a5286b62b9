"""The serial console's own tools, and what it survives, in a browser before real guests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_consoles import PAINTED, TEXT, open_guest, terminal_says, type_into
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]

KEEP = """window.opened = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) { super(...given); window.opened.push(this); }
};"""
DROP = "window.opened.forEach((socket) => socket.close())"


def test_search_copy_download_font_and_theme(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("ser01", booted=True)
    page = sign_in("ada", permissions=["clipboard-read", "clipboard-write"])
    open_guest(page, portal, uuid, "serial:serial0")
    type_into(page, "for n in 1 2 3; do echo needle-$n; done\n")
    terminal_says(page, "needle-3")
    page.get_by_role("button", name="Search", exact=True).last.click()
    page.locator("[data-role=find-text]").fill("needle-2")
    page.keyboard.press("Enter")
    expect(page.locator("[data-role=find-said]")).to_contain_text("/ 1")
    page.locator("[data-role=find-text]").fill("no such words")
    page.keyboard.press("Enter")
    expect(page.locator("[data-role=find-said]")).to_contain_text("Not found")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Copy the selection, or everything").click()
    expect(page.locator("[data-role=said]")).to_contain_text("Copied.")
    assert "needle-1\nneedle-2\nneedle-3" in page.evaluate("navigator.clipboard.readText()")
    more = page.locator("#console-more")
    open_more = page.get_by_role("button", name="View and clipboard")
    open_more.click()
    with page.expect_download() as download:
        more.get_by_role("button", name="Download as text").click()
    assert download.value.suggested_filename.endswith(".txt")
    assert "needle-1\nneedle-2" in Path(download.value.path()).read_text()
    size = "getComputedStyle(document.querySelector('.xterm-rows')).fontSize"
    before = page.evaluate(size)
    open_more.click()
    more.get_by_role("button", name="Larger").click()
    page.wait_for_function(f"(before) => {size} !== before", arg=before)
    open_more.click()
    more.get_by_role("button", name="Light").click()
    expect(page.locator(".console-terminal")).to_have_attribute("data-look", "light")
    page.reload()
    expect(page.locator(".console-terminal")).to_have_attribute("data-look", "light")
    terminal_says(page, "needle-3")


def test_each_of_several_ports_is_a_terminal_of_its_own(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("ser02", booted=True, serials=2)
    page = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    for number in (1, 0, 1):
        page.get_by_role("button", name=f"Serial (serial{number})").click()
        expect(page.get_by_role("button", name=f"Serial (serial{number})")).to_have_attribute(
            "aria-pressed", "true"
        )
        type_into(page, "readlink /proc/self/fd/0\n")
        terminal_says(page, f"/dev/ttyS{number}")
        shown = page.evaluate(TEXT)
        assert f"/dev/ttyS{1 - number}" not in shown


def test_a_serial_console_goes_on_over_pause_reset_restart_and_a_lost_network(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("ser03", booted=True)
    page = sign_in("ada")
    page.add_init_script(KEEP)
    open_guest(page, portal, uuid, "serial:serial0")
    type_into(page, "echo one-$((0+1))\n")
    terminal_says(page, "one-1")
    lab.virsh("suspend", "ser03")
    lab.virsh("resume", "ser03")
    type_into(page, "echo two-$((1+1))\n")
    terminal_says(page, "two-2")
    lab.virsh("reset", "ser03")
    lab.wait_ready("ser03", boots=2)
    type_into(page, "\necho three-$((1+2))\n")
    terminal_says(page, "three-3")
    lab.virsh("destroy", "ser03")
    expect(page.locator("[data-role=veil]")).to_contain_text("The guest is shut off.")
    lab.virsh("start", "ser03")
    lab.wait_ready("ser03", boots=3)
    expect(page.locator("[data-role=veil]")).to_be_hidden(timeout=20_000)
    terminal_says(page, "one-1")
    cut_off_and_back(page)
    type_into(page, "\necho four-$((2+2))\n")
    terminal_says(page, "four-4")


def test_a_screen_goes_on_over_pause_reset_and_a_lost_network(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("ser04", booted=True)
    page = sign_in("ada")
    page.add_init_script(KEEP)
    open_guest(page, portal, uuid, "screen:")
    page.wait_for_function(PAINTED, timeout=30_000)
    for act in ("suspend", "resume", "reset"):
        lab.virsh(act, "ser04")
        expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
        expect(page.locator("[data-role=veil]")).to_be_hidden()
    lab.wait_ready("ser04", boots=2)
    page.wait_for_function(PAINTED, timeout=30_000)
    cut_off_and_back(page)
    page.wait_for_function(PAINTED, timeout=30_000)


def cut_off_and_back(page: Page) -> None:
    """The browser's network goes, with what is open over it, and comes back."""
    page.context.set_offline(True)
    page.evaluate(DROP)
    veil = page.locator("[data-role=veil]")
    expect(veil).to_contain_text("The portal is not reachable.", timeout=10_000)
    page.context.set_offline(False)
    expect(veil).to_be_hidden(timeout=15_000)
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")


def test_the_screen_is_seen_at_a_glance_beside_the_serial_console(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("ser05", booted=True)
    page = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    peek = page.locator(".console-peek")
    expect(peek).to_be_visible(timeout=15_000)
    assert peek.evaluate("(image) => image.naturalWidth") > 300
    page.get_by_role("button", name="Screen", exact=True).click()
    expect(peek).to_have_count(0, timeout=15_000)
