"""Disks and interfaces changed from the guest page, in a browser, before real guests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
DRIVE = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"


@pytest.fixture
def disc(lab: LabHost) -> Iterator[Path]:
    """A medium in the lab's pool."""
    path = lab.folder / "lib/images/devices.iso"
    path.write_bytes(b"\0" * 0x8000 + b"\1CD001\1\0" + b"\0" * 0x8000)
    lab.virsh("pool-refresh", "default")
    yield path
    lab.empty_pool()


def test_a_medium_goes_in_and_a_link_goes_down_live(
    portal: Portal,
    lab: LabHost,
    disc: Path,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("devices01", kernel=False, start=True, extra=DRIVE)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    disks = page.locator("article", has=page.get_by_role("heading", name="Disks"))
    dialog = page.get_by_role("dialog")
    found = dialog.locator("option", has_text="devices.iso")
    for _look in range(20):  # the mirror hears of a file when the pool was read again
        disks.get_by_role("button", name="Insert a medium into sda").click()
        expect(dialog).to_be_visible()
        if found.count():
            break
        page.keyboard.press("Escape")
        page.wait_for_timeout(500)
    dialog.get_by_label("Medium").select_option(str(found.get_attribute("value")))
    page.screenshot(path=screenshots / "insert-medium.png")
    dialog.get_by_role("button", name="Insert").click()
    expect(disks).to_contain_text("devices.iso", timeout=20_000)
    assert "devices.iso" in lab.virsh("domblklist", uuid, "--inactive")
    cards = page.locator("article", has=page.get_by_role("heading", name="Network interfaces"))
    cards.get_by_role("button", name="down").click()
    expect(dialog).to_contain_text("domif-setlink")
    dialog.get_by_role("button", name="Set down").click()
    expect(cards.locator(".state", has_text="down")).to_be_visible(timeout=20_000)


def test_what_waits_stands_in_a_card_and_a_conflict_keeps_what_was_typed(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("devices02", kernel=False, start=True)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    page.get_by_role("button", name="Change 52:54").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model").select_option("e1000e")
    lab.virsh("desc", uuid, "--config", "--title", "--new-desc", "Changed meanwhile")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("changed by someone else", timeout=20_000)
    expect(dialog.get_by_label("Model")).to_have_value("e1000e")
    dialog.get_by_role("button", name="Save").click()
    waiting = page.locator("article", has=page.get_by_role("heading", name="Pending changes"))
    expect(waiting).to_contain_text("e1000e", timeout=20_000)
    expect(waiting.get_by_role("button", name="Shut down and start")).to_be_visible()
    cards = page.locator("article", has=page.get_by_role("heading", name="Network interfaces"))
    expect(cards.get_by_role("row").last).to_contain_text("changes at the next start")
