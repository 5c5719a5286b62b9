"""Deleting into the recycle bin, bringing back, and templates: in the browser, over a real host."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
SOON_MS = 30_000


def ready(page: Page, portal: Portal, uuid: str) -> None:
    """Until the portal knows the guest and what its disk is."""
    for _try in range(40):
        page.goto(f"{portal.url}/guests/lab/{uuid}/delete/")
        disk = page.locator("input[name=volumes]")
        if disk.count() and disk.is_enabled():
            return
        page.wait_for_timeout(500)
    raise AssertionError("the portal does not know the disk")


def test_a_deleted_guest_is_in_the_bin_and_comes_back(
    portal: Portal, sign_in: Callable[..., Page], lab: LabHost, screenshots: Path
) -> None:
    uuid = lab.define_guest("web01", disk=lab.make_disk("web01"))
    lab.virsh("pool-refresh", "default")
    page = sign_in("ada")
    watching = page.context.new_page()
    watching.goto(f"{portal.url}/bin/")
    expect(watching.locator("#list-empty")).to_contain_text("stay here for 7 days")
    ready(page, portal, uuid)
    expect(page.locator("[name=where][value=bin]")).to_be_checked()
    expect(page.get_by_label("Type web01")).to_be_hidden()
    page.screenshot(path=screenshots / "delete.png")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(re.compile("/activity/jobs/"))
    expect(page.locator(".job")).to_contain_text("1 of 1 finished", timeout=SOON_MS)
    row = watching.locator("#rows tr")
    expect(row).to_contain_text("web01", timeout=SOON_MS)
    watching.screenshot(path=screenshots / "bin.png")
    page.goto(f"{portal.url}/guests/lab/{uuid}/")
    expect(page.locator("main")).to_contain_text("There is nothing here")
    row.get_by_role("button", name="Bring back").click()
    watching.get_by_role("dialog").get_by_label("Name").fill("web02")
    watching.get_by_role("dialog").get_by_role("button", name="Bring back").click()
    watching.wait_for_url(re.compile(f"/guests/lab/{uuid}/"))
    for _try in range(40):
        if watching.locator(".guest-head h1", has_text="web02").count():
            break
        watching.wait_for_timeout(500)
        watching.reload()
    expect(watching.locator(".guest-head h1")).to_have_text("web02")
    assert lab.virsh("list", "--all", "--name") == "web02"


def test_a_guest_is_linked_to_a_template_from_the_create_page(
    portal: Portal, sign_in: Callable[..., Page], lab: LabHost, screenshots: Path
) -> None:
    uuid = lab.define_guest("golden", disk=lab.make_disk("golden"))
    lab.virsh("pool-refresh", "default")
    page = sign_in("ada")
    ready(page, portal, uuid)
    page.goto(f"{portal.url}/guests/lab/{uuid}/template/")
    page.get_by_role("button", name="Make a template").click()
    page.wait_for_url(re.compile(f"/guests/lab/{uuid}/$"))
    start = page.get_by_role("link", name="New guest from it")
    expect(start).to_be_visible(timeout=SOON_MS)
    page.screenshot(path=screenshots / "template.png")
    start.click()
    expect(page.locator("[name=source][value=template]")).to_be_checked()
    expect(page.locator("[name=original]")).to_have_value(uuid)
    expect(page.locator("[name=way][value=link]")).to_be_checked()
    page.locator("input[name=name]").fill("fresh")
    expect(page.locator("#create-facts")).to_contain_text("golden.qcow2")
    page.screenshot(path=screenshots / "from_template.png")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(re.compile("/activity/jobs/"))
    expect(page.locator(".job")).to_contain_text("4 of 4 finished", timeout=SOON_MS)
    assert lab.state("fresh") == "running"
    assert "golden.qcow2" in lab.virsh("vol-dumpxml", "fresh.qcow2", "default")
