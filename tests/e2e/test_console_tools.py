"""What a console's buttons and menus do, in a browser before real guests."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_consoles import (
    PAINTED,
    add_person,
    open_guest,
    terminal_says,
    type_into,
)

pytestmark = [pytest.mark.lab, pytest.mark.browser]

LISTEN = """() => {
  window.said = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (typeof data !== 'string') window.said.push([...new Uint8Array(data.buffer ?? data)]);
    return send.call(this, data);
  };
}"""
KINDS = "() => window.said.map((message) => message[0])"
DRIVES = "You have the keyboard"


def listen(page: Page) -> None:
    """From now on what the page sends to the guest is kept."""
    page.evaluate(LISTEN)


def said(page: Page, kind: int) -> list[bytes]:
    """Messages of this kind, as RFC 6143 numbers them."""
    page.wait_for_function(f"(kind) => ({KINDS})().includes(kind)", arg=kind, timeout=5_000)
    found: list[list[int]] = page.evaluate("window.said")
    return [bytes(message) for message in found if message[0] == kind]


def on_screen(page: Page, portal: Portal, uuid: str) -> Page:
    open_guest(page, portal, uuid, "screen:")
    expect(page.locator(".console-state")).to_contain_text(DRIVES)
    page.wait_for_function(PAINTED, timeout=30_000)
    return page


def menu(page: Page, opener: str, item: str) -> None:
    page.get_by_role("button", name=opener, exact=True).click()
    page.get_by_role("button", name=item).click()


def test_a_text_is_typed_as_keys_into_the_screen(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool01", booted=True)
    # The screen's shell writes to the serial port, which QEMU reads only while somebody listens.
    serial = open_guest(sign_in("ada"), portal, uuid, "serial:serial0")
    type_into(serial, "echo heard-$((1+1))\n")
    terminal_says(serial, "heard-2")
    page = on_screen(sign_in("ada"), portal, uuid)
    menu(page, "View and clipboard", "Type text")
    page.locator("[data-role=text]").fill('\necho "Typed: $((6*7)) {|~}" > /dev/ttyS0\n')
    expect(page.get_by_text("lines?")).to_be_visible()
    page.get_by_role("button", name="Type", exact=True).click()
    expect(page.locator("[data-role=said]")).to_contain_text("Typed.", timeout=15_000)
    terminal_says(serial, "Typed: 42 {|~}")


def test_every_entry_of_the_send_key_menu_is_taken_by_the_guest(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool02", booted=True)
    page = on_screen(sign_in("ada"), portal, uuid)
    names = page.locator("[data-chord]").evaluate_all(
        "(all) => all.map((one) => one.dataset.chord)"
    )
    assert [f"ctrl-alt-f{n}" for n in range(1, 13)] == names[2:14]
    assert "print" in names
    for name in [*names[1:], "ctrl-alt-f1"]:
        page.get_by_role("button", name="Send keys", exact=True).click()
        with page.expect_response("**/keys/") as answer:
            page.locator(f"[data-chord={name}]").click()
        assert answer.value.status == 204, name
    expect(page.locator("#console-keys")).to_contain_text("Send NMI")


def test_ctrl_alt_del_restarts_the_guest_and_both_consoles_come_back(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool03", booted=True)
    page = on_screen(sign_in("ada"), portal, uuid)
    serial = open_guest(page.context.new_page(), portal, uuid, "serial:serial0")
    type_into(serial, "echo before-$((1+1))\n")
    terminal_says(serial, "before-2")
    menu(page, "Send keys", "Ctrl+Alt+Del")
    terminal_says(serial, "GUEST READY", timeout=60_000)
    page.wait_for_function(PAINTED, timeout=40_000)
    expect(page.locator(".console-state")).to_contain_text("keyboard")


def test_a_screenshot_is_a_picture_of_the_guests_size(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page], tmp_path: Path
) -> None:
    uuid = busybox_guest("tool04", booted=True)
    page = on_screen(sign_in("ada"), portal, uuid)
    with page.expect_download() as download:
        page.get_by_role("button", name="Screenshot").click()
    assert download.value.suggested_filename.startswith("tool04-")
    picture = Path(download.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    size = page.evaluate(
        "[...document.querySelectorAll('canvas')].map((c) => [c.width, c.height])[0]"
    )
    assert list(struct.unpack(">II", picture[16:24])) == size


def test_only_the_driver_asks_the_guest_for_another_size(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool05", booted=True)
    add_person(portal, "mei", f"guest:lab:{uuid}", "console", "viewer")
    ada = on_screen(sign_in("ada"), portal, uuid)
    mei = open_guest(sign_in("mei"), portal, uuid, "screen:")
    expect(mei.locator(".console-state")).to_contain_text("You are watching")
    for page in (ada, mei):
        listen(page)
    mei.get_by_role("button", name="View and clipboard").click()
    for item in ("Change the guest’s resolution", "Give my clipboard", "Type text"):
        choice = mei.locator("#console-more").get_by_role("button", name=item)
        expect(choice).to_have_attribute("aria-disabled", "true")
        expect(choice).to_have_attribute("data-tip", "Possible for whoever has the keyboard.")
    menu(ada, "View and clipboard", "Change the guest’s resolution")
    (message, *_) = said(ada, 251)
    stage = ada.locator("[data-role=screen]").bounding_box()
    assert stage is not None
    width, height = struct.unpack_from(">HH", message, 2)
    assert abs(width - stage["width"]) <= 1
    assert abs(height - stage["height"]) <= 1
    assert 251 not in mei.evaluate(KINDS)


def test_scaling_full_screen_and_a_window_of_its_own(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool06", booted=True)
    page = on_screen(sign_in("ada"), portal, uuid)
    canvas = page.locator(".console-screen canvas")
    menu(page, "View and clipboard", "Real size")
    shown = "(c) => [c.width, Math.round(c.getBoundingClientRect().width)]"
    real, width = canvas.evaluate(shown)
    assert real == width
    page.keyboard.press("Escape")
    menu(page, "View and clipboard", "Fit to the page")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("document.fullscreenElement?.id === 'console'")
    page.get_by_role("button", name="Full screen").click()
    page.wait_for_function("!document.fullscreenElement")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open in a window of its own").click()
    window = opened.value
    expect(window.locator(".console-state")).to_contain_text(DRIVES)
    expect(page.locator(".console-state")).to_have_text("In your other window")
    expect(page.locator("[data-role=said]")).to_contain_text("You went on in another window.")
    page.get_by_role("button", name="Use the keyboard here").click()
    expect(page.locator(".console-state")).to_have_text(DRIVES)
    expect(window.locator(".console-state")).to_have_text("In your other window")
    expect(window.locator(".console-seats")).to_contain_text("ada (your other window)")
    expect(page.get_by_role("button", name="Hand over")).to_have_count(0)


def test_the_screenshot_waits_until_there_is_a_screen(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("tool07")
    page = open_guest(sign_in("ada"), portal, uuid, "screen:")
    expect(page.locator("[data-role=veil]")).to_contain_text("The guest is shut off.")
    for name in ("Screenshot", "Send keys"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_attribute("data-tip", "Possible once the console is connected.")
    page.locator("[data-role=veil]").get_by_role("button", name="Start").click()
    page.wait_for_function(PAINTED, timeout=40_000)
    expect(page.get_by_role("button", name="Screenshot")).to_have_attribute(
        "aria-disabled", "false"
    )
    expect(page.get_by_role("button", name="Screenshot")).to_have_attribute(
        "data-tip", "Screenshot"
    )
