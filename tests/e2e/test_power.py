"""Every way to power a guest on and off from its page, on real QEMU, also through its agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
SLOW = 60_000


@pytest.fixture
def page(sign_in: Callable[..., Page]) -> Page:
    return sign_in("ada")


def choose(page: Page, name: str) -> None:
    """From the menu of all actions; a question is answered by Enter."""
    page.locator(".guest-head").get_by_role("button", name="All actions").click()
    menu = page.locator(".menu:popover-open")
    menu.get_by_role("button", name=name, exact=True).click()


def head(page: Page) -> Locator:
    return page.locator(".guest-head")


def test_reboot_and_shutdown_through_the_agent(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], page: Page
) -> None:
    """Deaf to the power button, so that only the agent can have done it."""
    uuid = busybox_guest("agent01", agent=True, deaf=True, booted=True, memory_mib=112)
    the_guest(page, portal, uuid)
    expect(page.locator("article", has_text="Guest agent").first).to_contain_text(
        "connected", timeout=SLOW
    )
    choose(page, "Reboot by guest agent…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("reboot agent01 --mode agent")
    expect(dialog.get_by_role("button", name="Reboot by guest agent")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    lab.wait_ready("agent01", boots=2)
    expect(head(page)).to_contain_text("Running")
    expect(page.locator("article", has_text="Guest agent").first).to_contain_text(
        "connected", timeout=SLOW
    )
    choose(page, "Shut down by guest agent…")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    expect(head(page)).to_contain_text("Shut off", timeout=SLOW)
    assert lab.state("agent01") == "shut off"


def test_an_agent_that_is_not_there_is_said_before_it_is_asked(
    portal: Portal, busybox_guest: Callable[..., str], page: Page
) -> None:
    uuid = busybox_guest("noagent01", start=True)
    the_guest(page, portal, uuid)
    head(page).get_by_role("button", name="All actions").click()
    offered = page.locator(".menu:popover-open [data-verb='guest.shutdown_agent']")
    expect(offered).to_have_attribute("aria-disabled", "true")
    expect(offered).to_have_attribute("data-tip", "The guest agent is not connected.")


def test_start_paused_save_restore_and_discard(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    page: Page,
    screenshots: Path,
) -> None:
    uuid = busybox_guest("saved01")
    the_guest(page, portal, uuid)
    choose(page, "Start paused")
    expect(head(page)).to_contain_text("Paused", timeout=SLOW)
    assert lab.state("saved01") == "paused"
    head(page).get_by_role("button", name="Resume").click()
    expect(head(page)).to_contain_text("Running")
    lab.wait_ready("saved01")
    choose(page, "Save")
    expect(head(page)).to_contain_text("State saved", timeout=SLOW)
    assert "yes" in lab.virsh("dominfo", "saved01").partition("Managed save:")[2].split("\n")[0]
    page.screenshot(path=screenshots / "guest-saved.png")
    head(page).get_by_role("button", name="Restore").click()
    expect(head(page)).to_contain_text("Running", timeout=SLOW)
    assert lab.serial_log("saved01").count("GUEST READY") == 1, "it booted instead of going on"
    expect(head(page)).not_to_contain_text("State saved", timeout=SLOW)
    choose(page, "Save")
    expect(head(page)).to_contain_text("State saved", timeout=SLOW)
    choose(page, "Discard saved state…")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What was in memory is lost")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Discard saved state").click()
    expect(head(page)).not_to_contain_text("State saved", timeout=SLOW)
    head(page).get_by_role("button", name="Start", exact=True).click()
    lab.wait_ready("saved01", boots=2)
