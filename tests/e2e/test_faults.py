"""What somebody sees while hosts break, and that nothing has to be reloaded afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_consoles import terminal_says
from tests.e2e.test_first_minutes import POST
from tests.e2e.test_guests import row
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
SAID_WITHIN_MS = 3_000
RIGHT_AGAIN_WITHIN_MS = 5_000
NO_REQUEST_LONGER_S = 5.0


@pytest.fixture
def host(portal: Portal, new_lab: Callable[..., LabHost]) -> LabHost:
    """A second host, for the test that harms it."""
    lab = new_lab()
    portal.manage("addhost", lab.name, lab.uri)
    return lab


def mark_page(page: Page) -> None:
    """So that a reload would be noticed."""
    page.evaluate("() => { window.isFirstLoad = true; }")


def test_a_killed_libvirtd_greys_its_rows_and_all_is_right_again(
    portal: Portal, host: LabHost, sign_in: Callable[..., Page]
) -> None:
    host.define_guest("survivor", start=True)
    host.wait_ready("survivor")
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/?host={host.name}")
    expect(row(page, "survivor")).to_contain_text("Running")
    mark_page(page)
    host.kill_libvirtd()
    expect(page.locator("#guest-away .notice")).to_be_visible(timeout=SAID_WITHIN_MS)
    expect(row(page, "survivor").and_(page.locator(".is-away"))).to_be_visible(
        timeout=SAID_WITHIN_MS
    )
    host.restart_libvirtd()
    expect(page.locator("tr.is-away")).to_have_count(0, timeout=RIGHT_AGAIN_WITHIN_MS)
    host.virsh("suspend", "survivor")
    expect(row(page, "survivor")).to_contain_text("Paused")
    assert page.evaluate("() => window.isFirstLoad") is True


def test_a_console_says_why_and_comes_back_with_libvirtd(
    portal: Portal, host: LabHost, sign_in: Callable[..., Page]
) -> None:
    uuid = host.define_guest("talker", start=True)
    host.wait_ready("talker")
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/{host.name}/{uuid}/?console=serial:serial0")
    page.locator(".console-terminal").click()
    page.keyboard.type("\necho before\n")
    terminal_says(page, "before")
    mark_page(page)
    host.kill_libvirtd()
    expect(page.locator(".console-veil")).to_contain_text("host", timeout=10_000)
    host.restart_libvirtd()
    expect(page.locator(".console-state")).to_contain_text("You have the keyboard", timeout=20_000)
    page.locator(".console-terminal").click()
    page.keyboard.type("echo after-$((1+1))\n")
    terminal_says(page, "after-2")
    assert page.evaluate("() => window.isFirstLoad") is True


def test_a_frozen_host_harms_no_other_and_no_request_waits_for_it(
    lab: LabHost,
    portal: Portal,
    host: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    frozen = host.define_guest("frozen", kernel=False)
    well = busybox_guest("well", kernel=False)
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/")
    expect(row(page, "frozen")).to_be_visible()
    host.freeze()
    try:
        for address in ("/guests/", f"/guests/{host.name}/{frozen}/", "/hosts/", "/"):
            began = time.monotonic()
            page.goto(f"{portal.url}{address}", wait_until="commit")
            assert time.monotonic() - began < NO_REQUEST_LONGER_S
        began = time.monotonic()
        assert page.evaluate(POST, f"{portal.url}/guests/{host.name}/{frozen}/start/") in {409, 503}
        assert time.monotonic() - began < NO_REQUEST_LONGER_S
        page.goto(f"{portal.url}/guests/")
        lab.virsh("start", well)
        expect(row(page, "well")).to_contain_text("Running")
    finally:
        host.thaw()
    expect(page.locator("tr.is-away")).to_have_count(0, timeout=30_000)
