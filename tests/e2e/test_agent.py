"""The card of the guest agent in a browser, before a guest with a real one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHRoaXJ0eS10d28gYnl0ZXMgb2YgYSBwdWJsaWMga2V5 li@desk"


def test_the_agent_tells_is_asked_and_thaws(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    image = lab.folder / "lib/images/told.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
    uuid = busybox_guest(
        "told", agent=True, memory_mib=112, start=True, disk=f"/var/lib/libvirt/images/{image.name}"
    )
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    card = page.locator(".agent")
    # No page is loaded again from here on: what comes is pushed.
    expect(card).to_contain_text("Answering", timeout=120_000)
    expect(card).to_contain_text("Tiny Linux 1 (lab)")
    expect(card).to_contain_text("/data", timeout=60_000)
    a_password_is_set(page)
    a_key_is_added_and_removed(page)
    card.get_by_role("button", name="Freeze").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("after 60 seconds")
    dialog.get_by_role("button", name="Freeze").click()
    expect(card.get_by_role("status")).to_contain_text("ada froze the file systems")
    expect(card.get_by_role("button", name="Trim")).to_have_attribute("aria-disabled", "true")
    card.scroll_into_view_if_needed()
    page.screenshot(path=screenshots / "agent-frozen.png")
    card.get_by_role("button", name="Thaw").click()
    expect(card).to_contain_text("Answering", timeout=30_000)
    page.screenshot(path=screenshots / "agent.png")


def a_password_is_set(page: Page) -> None:
    page.locator(".agent").get_by_role("button", name="Set a password").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("New password")
    field.press_sequentially("abc")
    expect(dialog.locator("#agent-strength")).to_contain_text("Weak")
    field.fill("")
    field.press_sequentially("kT9-vorhang-auf!7")
    expect(dialog.locator("#agent-strength")).to_contain_text("Strong")
    dialog.get_by_label("User of the guest").fill("nobody-here")
    dialog.get_by_role("button", name="Set the password").click()
    expect(dialog).to_contain_text("The guest did not take it.")
    expect(field).to_have_value("")
    dialog.get_by_label("User of the guest").fill("root")
    field.fill("kT9-vorhang-auf!7")
    dialog.get_by_role("button", name="Set the password").click()
    expect(page.locator("#toasts")).to_contain_text("The password of root was set.")
    expect(dialog).to_have_count(0)


def a_key_is_added_and_removed(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    page.locator(".agent").get_by_role("button", name="SSH keys").click()
    dialog.get_by_label("Public key to add").fill(SSH_KEY)
    dialog.get_by_role("button", name="Add the key").click()
    expect(page.locator("#toasts")).to_contain_text("The key was added.")
    page.locator(".agent").get_by_role("button", name="SSH keys").click()
    dialog.get_by_role("button", name="Show this user's keys").click()
    expect(dialog.locator(".agent-keys")).to_contain_text("li@desk")
    dialog.get_by_role("button", name="Remove ssh-ed25519").click()
    expect(page.locator("#toasts")).to_contain_text("The key was removed.")
