"""Other devices changed from the guest page, in a browser, before real guests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
SPICE = (
    "<graphics type='spice' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>"
)


def test_a_device_is_added_changed_and_removed_live_and_what_waits_is_said(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("hardware01", kernel=False, start=True)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    card = page.locator("article", has=page.get_by_role("heading", name="Hardware"))
    dialog = page.get_by_role("dialog")
    card.get_by_role("button", name="Add").click()
    page.screenshot(path=screenshots / "hardware-kinds.png")
    dialog.get_by_role("button", name="Random numbers").click()
    expect(dialog.get_by_label("Source")).to_have_value("/dev/urandom")
    dialog.get_by_role("button", name="Add").click()
    rng = card.locator("tr", has_text="Random numbers")
    expect(rng).to_contain_text("now", timeout=20_000)
    assert "<rng" in lab.virsh("dumpxml", uuid)
    card.get_by_role("button", name="Change Video card").click()
    dialog.get_by_label("Model").select_option("virtio")
    dialog.get_by_role("button", name="Save").click()
    video = card.locator("tr", has_text="Video card")
    expect(video).to_contain_text("changes at the next start", timeout=20_000)
    waiting = page.locator("article", has=page.get_by_role("heading", name="Pending changes"))
    expect(waiting).to_contain_text("Video card")
    card.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "hardware.png")
    card.get_by_role("button", name="Remove Random numbers").click()
    expect(dialog).to_contain_text("asked to let go of it now")
    dialog.get_by_role("button", name="Remove").click()
    expect(rng).to_contain_text("gone at the next start", timeout=30_000)
    assert "<rng" not in lab.virsh("dumpxml", uuid, "--inactive")


def test_a_spice_guest_is_converted_with_one_press(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("hardware02", kernel=False, vnc=False, extra=SPICE)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    card = page.locator("article", has=page.get_by_role("heading", name="Hardware"))
    card.get_by_role("button", name="Convert to VNC").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("--convert-to-vnc")
    dialog.get_by_role("button", name="Convert").click()
    expect(card).to_contain_text("Screen (VNC)", timeout=20_000)
    expect(card).not_to_contain_text("SPICE")
    assert "spice" not in lab.virsh("dumpxml", uuid)


def test_the_first_console_of_a_guest_is_there_without_a_reload(
    portal: Portal, lab: LabHost, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("blind01", kernel=False, serials=0, vnc=False)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    card = page.locator(".console-place")
    expect(card).to_contain_text("No console is defined")
    lab.define_guest("blind01", uuid=uuid, kernel=False, serials=1, vnc=False)
    expect(card.locator(".console-port")).to_have_count(1, timeout=20_000)
