"""Guests in the browser: seen live, started and stopped, harmless whatever their name is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
HOSTILE = "<img src=x onerror=alert(1)>\"'$(id)\u202egnp"


def row(page: Page, name: str):
    return page.locator("tr", has=page.get_by_role("link", name=name, exact=True))


def test_a_guest_defined_by_virsh_appears_changes_and_goes(
    lab: LabHost, portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/")
    uuid = busybox_guest("outsider", kernel=False)
    expect(row(page, "outsider")).to_contain_text("Shut off")
    lab.virsh("start", "outsider")
    expect(row(page, "outsider")).to_contain_text("Running")
    lab.virsh("suspend", "outsider")
    expect(row(page, "outsider")).to_contain_text("Paused")
    lab.forget(uuid)
    expect(row(page, "outsider")).to_have_count(0)


def test_start_and_force_off_by_clicks_alone(
    lab: LabHost, portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest("clicked", kernel=False)
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/")
    row(page, "clicked").get_by_role("button", name="Start", exact=True).click()
    expect(row(page, "clicked")).to_contain_text("Running")
    assert lab.virsh("domstate", uuid).strip() == "running"
    page.get_by_role("link", name="clicked", exact=True).click()
    page.get_by_role("button", name="All actions").click()
    page.locator(".guest-head [popover]").get_by_text("Force off").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Unsaved data may be lost")
    dialog.get_by_role("button", name="Force off").click()
    expect(page.locator("main")).to_contain_text("Shut off")
    assert lab.virsh("domstate", uuid).strip() == "shut off"


def test_hostile_names_are_shown_and_do_nothing(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    uuid = busybox_guest(HOSTILE, kernel=False, title="<b>bold</b>", description="</script><i>")
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/")
    expect(page.locator("main")).to_contain_text("<img src=x onerror=alert(1)>")
    page.goto(f"{portal.url}/guests/lab/{uuid}/")
    expect(page.locator(".guest-head h1")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main img[src=x], main b:has-text('bold'), main i").count() == 0
