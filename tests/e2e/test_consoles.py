"""Screens and serial consoles in a browser before real guests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e.portal import PASSWORD, Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]

PAINTED = """() => {
  const canvas = document.querySelector('.console-screen canvas');
  if (!canvas || !canvas.width) return false;
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  for (let i = 0; i < data.length; i += 4) if (data[i] > 60) return true;
  return false;
}"""
TEXT = """() => [...document.querySelectorAll('.console-terminal:not([hidden]) .xterm-rows > div')]
  .map((row) => row.textContent).join('\\n')"""


def open_guest(page: Page, portal: Portal, uuid: str, port: str = "") -> Page:
    page.goto(f"{portal.url}/guests/lab/{uuid}/" + (f"?console={port}" if port else ""))
    return page


def terminal_says(page: Page, text: str, timeout: float = 15_000) -> None:
    says = f"(text) => ({TEXT})().includes(text)"
    try:
        page.wait_for_function(says, arg=text, timeout=timeout)
    except Error:
        raise AssertionError(f"not {text!r} but {page.evaluate(TEXT)!r}") from None


def test_type_into_a_serial_console_and_see_the_screen(
    portal: Portal,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("web01", booted=True)
    page = sign_in("ada")
    open_guest(page, portal, uuid, "screen:")
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    page.wait_for_function(PAINTED)
    page.screenshot(path=screenshots / "console-screen.png")
    page.get_by_role("button", name="Serial", exact=True).click()
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    page.locator(".console-terminal").click()
    page.keyboard.type("\nuname -a\n")
    terminal_says(page, "Linux")
    page.screenshot(path=screenshots / "console-serial.png")


def test_a_guest_that_stops_says_so_and_its_console_comes_back(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("web02")
    page = sign_in("ada")
    refused: list[str] = []
    page.context.on("response", lambda it: refused.append(it.url) if it.status >= 400 else None)
    open_guest(page, portal, uuid, "screen:")
    veil = page.locator("[data-role=veil]")
    expect(veil).to_contain_text("The guest is shut off.")
    expect(veil).to_contain_text("Start the virtual machine to use its console.")
    window = page.context.new_page()
    window.goto(f"{portal.url}/consoles/lab/{uuid}/screen/")
    expect(window.locator("[data-role=veil]")).to_contain_text("The guest is shut off.")
    window.close()
    assert refused == [], "no ticket is asked for while the guest is off"
    veil.get_by_role("button", name="Start").click()
    page.wait_for_function(PAINTED, timeout=40_000)
    expect(veil).to_be_hidden()
    lab.virsh("destroy", "web02")
    expect(veil).to_contain_text("The guest is shut off.")
    lab.virsh("start", "web02")
    expect(veil).to_be_hidden(timeout=30_000)
    page.wait_for_function(PAINTED, timeout=40_000)


def test_the_text_stays_when_libvirtd_restarts(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("web03", booted=True)
    page = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(page, "echo before-$((40+2))\n")
    terminal_says(page, "before-42")
    lab.kill_libvirtd()
    veil = page.locator("[data-role=veil]")
    expect(veil).to_contain_text("not reachable", timeout=10_000)
    lab.restart_libvirtd()
    expect(veil).to_be_hidden(timeout=20_000)
    terminal_says(page, "before-42")
    type_into(page, "echo after-$((40+3))\n")
    terminal_says(page, "after-43")


def test_no_key_reaches_the_page_while_a_console_has_the_focus(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("web04", booted=True)
    page = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(page, "cat -v\n")
    heard = (
        "() => { window.heard = 0; document.addEventListener('keydown', () => window.heard++); }"
    )
    page.evaluate(heard)
    page.keyboard.press("Escape")
    page.keyboard.type("gh?/\n")
    terminal_says(page, "^[gh?/")
    assert page.evaluate("window.heard") == 0
    assert page.url.endswith("serial0")
    page.keyboard.press("Control+Alt+Shift")
    expect(page.locator(".console-tools button:focus, .console-port:focus")).to_have_count(1)


def test_a_flood_of_escape_sequences_does_not_freeze_the_page(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("web05", booted=True)
    page = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(
        page, "printf 'x\\033[2147483647b\\033[2147483647S\\033[99999999L'; echo still-$((1+1))\n"
    )
    began = time.monotonic()
    terminal_says(page, "still-2")
    assert page.evaluate("1 + 1") == 2
    assert time.monotonic() - began < 3


def test_several_ports_a_window_of_its_own_and_a_small_screen(
    portal: Portal,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("web06", booted=True, serials=2)
    page = open_guest(sign_in("ada"), portal, uuid)
    expect(page.get_by_role("button", name="Serial (serial1)")).to_be_visible()
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open in a window of its own").click()
    window = opened.value
    window.wait_for_function(PAINTED)
    assert window.locator("nav").count() == 0
    small = sign_in("ada", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    open_guest(small, portal, uuid, "serial:serial0")
    expect(small.locator(".console-state")).to_contain_text("You have the keyboard")
    small.locator(".console-terminal").click()
    small.keyboard.type("echo asleep-$((1+1)); sleep 1000\n")
    terminal_says(small, "asleep-2")
    small.get_by_role("button", name="Ctrl", exact=True).click()
    small.locator("[data-touch]").click()
    small.keyboard.type("c")
    terminal_says(small, "^C\nroot@")
    small.keyboard.type("echo ended-$((3+4))\n")
    terminal_says(small, "ended-7")
    small.screenshot(path=screenshots / "console-small.png")
    assert small.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_people_share_a_console_by_turns(
    portal: Portal,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("web07", booted=True)
    add_person(portal, "wu", f"guest:lab:{uuid}", "console", "viewer")
    ada = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(ada, "echo first-$((1+0))\n")
    terminal_says(ada, "first-1")
    wu = open_guest(sign_in("wu"), portal, uuid, "serial:serial0")
    terminal_says(wu, "first-1")
    expect(wu.locator(".console-state")).to_contain_text("You are watching")
    wu.locator(".console-terminal").click()
    wu.keyboard.type("echo secret\n")
    wu.get_by_role("button", name="Ask for the keyboard").click()
    ada.get_by_role("button", name="Hand over to wu").click()
    expect(wu.locator(".console-state")).to_contain_text("You have the keyboard")
    expect(ada.locator(".console-state")).to_contain_text("You are watching")
    expect(ada.locator("[data-role=said]")).to_be_empty()
    type_into(wu, "echo mine-$((1+1))\n")
    terminal_says(ada, "mine-2")
    assert "secret" not in ada.evaluate(TEXT)
    ada.screenshot(path=screenshots / "console-two.png")
    ada.get_by_role("button", name="Take over").click()
    expect(wu.locator("[data-role=said]")).to_contain_text("ada took over")
    portal.manage("shell", "-c", REVOKE)
    began = time.monotonic()
    expect(wu.locator("[data-role=veil]")).to_contain_text(
        "Your right to this console was taken away", timeout=5_000
    )
    assert time.monotonic() - began < 2.5


REVOKE = """
from kvmweb.store.models import Grant, RightsEpoch
Grant.objects.filter(person__username="wu", role="console").delete(); RightsEpoch.advance()
"""


def add_person(portal: Portal, name: str, scope: str, *roles: str) -> None:
    portal.manage(
        "shell",
        "-c",
        "from kvmweb.store.models import Grant, Person, RightsEpoch\n"
        f"person = Person.objects.create_user({name!r}, {PASSWORD!r})\n"
        f"for role in {roles!r}:\n"
        f"    Grant.objects.create(person=person, role=role, scope={scope!r})\n"
        "RightsEpoch.advance()",
    )


def type_into(page: Page, text: str) -> None:
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard")
    expect(page.locator("[data-role=veil]")).to_be_hidden()
    page.locator(".console-terminal:not([hidden])").click()
    page.keyboard.type(text)
