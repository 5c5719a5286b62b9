"""Snapshots in a browser before a real guest: taken, gone back to, deleted; the page tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


@pytest.fixture
def disk(lab: LabHost) -> Iterator[str]:
    """An image that is gone again afterwards."""
    yield lab.make_disk("kept01", "8M")
    lab.empty_pool()


def test_a_guest_is_kept_brought_back_and_its_snapshots_deleted(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
    disk: str,
) -> None:
    uuid = busybox_guest("kept01", disk=disk)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    head, card = page.locator(".guest-head"), page.locator("article[id$='-snapshots']")
    expect(card).to_contain_text("No snapshots")
    dialog = take(page, "first")
    dialog.get_by_label("Description").fill("before all")
    dialog.get_by_role("button", name="Take the snapshot").click()
    row = card.locator("tr[data-snapshot='first']")
    expect(row).to_contain_text("before all", timeout=30_000)
    expect(row).to_contain_text("current")

    dialog = take(page, "first")
    dialog.get_by_role("button", name="Take the snapshot").click()
    expect(dialog.locator(".field-error")).to_contain_text("There is a snapshot of this name")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    head.get_by_role("button", name="Start", exact=True).click()
    expect(head).to_contain_text("Running", timeout=30_000)
    dialog = take(page, "live")
    expect(dialog.get_by_label("Disks and memory")).to_be_checked()
    page.screenshot(path=screenshots / "snapshot-take.png")
    dialog.get_by_role("button", name="Take the snapshot").click()
    expect(card.locator("tr[data-snapshot='live']")).to_contain_text(
        "disks and memory", timeout=30_000
    )

    row.get_by_role("button", name="Revert to first").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is forced off")
    expect(dialog.get_by_label("Save the present state first")).to_be_checked()
    page.screenshot(path=screenshots / "snapshot-revert.png")
    dialog.get_by_role("button", name="Revert").click()
    expect(head).to_contain_text("Shut off", timeout=30_000)
    expect(card.locator("tr[data-snapshot^='before-revert_']")).to_be_visible(timeout=30_000)
    assert lab.state("kept01") == "shut off"
    page.screenshot(path=screenshots / "snapshots.png", full_page=True)

    row.get_by_role("button", name="Delete first").click()
    page.get_by_role("dialog").get_by_label("taken after it as well").check()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card).to_contain_text("No snapshots", timeout=30_000)
    assert lab.virsh("snapshot-list", uuid, "--name") == ""


def take(page: Page, name: str) -> Locator:
    """The open question, with this name filled in."""
    card = page.locator("article[id$='-snapshots']")
    card.get_by_role("button", name="Take a snapshot…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    return dialog
