"""Cloning a guest, editing its definition and bringing an old one back, in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


@pytest.fixture
def guest(lab: LabHost) -> Iterator[str]:
    """`origin`, shut off, with a disk in the pool `default`; its UUID."""
    path = lab.make_disk("origin", "8M")
    lab.virsh("pool-refresh", "default")
    yield lab.define_guest("origin", disk=path, vnc_password="sesame12")
    lab.clear()


def test_a_guest_is_cloned_from_its_page(
    portal: Portal, sign_in: Callable[..., Page], guest: str, lab: LabHost, screenshots: Path
) -> None:
    page = sign_in("ada")
    the_guest(page, portal, guest)
    page.goto(f"{portal.url}/guests/lab/{guest}/clone/")
    for _try in range(40):
        if page.locator("#id_way-vda option[value=copy]").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    page.goto(f"{portal.url}/guests/lab/{guest}/")
    page.locator("[data-verb='guest.clone']").first.evaluate("it => it.click()")
    dialog = page.get_by_role("dialog", name="Clone origin")
    expect(dialog.locator("[name=name]")).to_have_value("origin-clone")
    expect(dialog).to_contain_text("must never run or change again")
    page.screenshot(path=screenshots / "clone.png")
    dialog.locator("[name=name]").fill("origin")
    dialog.get_by_role("button", name="Clone", exact=True).click()
    expect(dialog.locator(".field-error")).to_contain_text("already on this host")
    dialog.locator("[name=name]").fill("second")
    dialog.get_by_label("origin.qcow2").select_option("link")
    dialog.get_by_role("button", name="Clone", exact=True).click()
    page.wait_for_url(re.compile("/activity/jobs/"))
    page.get_by_role("link", name="Open what was made").click(timeout=60_000)
    page.wait_for_url(re.compile("/guests/lab/"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("second")
    assert set(lab.virsh("list", "--all", "--name").split()) == {"origin", "second"}


def test_a_definition_is_edited_and_brought_back(
    portal: Portal, sign_in: Callable[..., Page], guest: str, lab: LabHost, screenshots: Path
) -> None:
    page = sign_in("ada")
    the_guest(page, portal, guest)
    page.get_by_role("link", name="Edit", exact=True).last.click()
    field = page.get_by_label("XML")
    expect(field).to_contain_text("(kept)")
    text = field.input_value()
    assert "sesame12" not in page.content()

    field.fill(text.replace("</vcpu>", ""))
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator(".field-error")).to_contain_text("line ")
    assert "</vcpu>" not in page.get_by_label("XML").input_value()

    field = page.get_by_label("XML")
    field.fill(text.replace("<vcpu ", "<bogus/><vcpu ", 1))
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator(".diff-added")).to_contain_text("bogus")
    page.get_by_role("button", name="Store it").click()
    expect(page.locator(".field-error")).to_contain_text("bogus")

    page.get_by_label("XML").fill(text.replace(">1</vcpu>", ">2</vcpu>"))
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator(".diff-removed")).to_contain_text(">1</vcpu>")
    page.screenshot(path=screenshots / "definition-diff.png")
    page.get_by_role("button", name="Store it").click()
    page.wait_for_url(re.compile(f"/guests/lab/{guest}/$"))
    assert lab.virsh("vcpucount", guest, "--config", "--maximum") == "2"
    assert "sesame12" in lab.virsh("dumpxml", "--security-info", guest)

    for _try in range(20):
        page.goto(f"{portal.url}/guests/lab/{guest}/definition/history/")
        if page.locator("tbody tr").count() > 1:
            break
        page.wait_for_timeout(500)
    expect(page.locator("tbody tr").first).to_contain_text("ada")
    expect(page.locator(".diff-added")).to_contain_text(">2</vcpu>")
    page.screenshot(path=screenshots / "definition-history.png")
    page.get_by_role("link", name="Bring back").click()
    expect(page.locator(".diff-added")).to_contain_text(">1</vcpu>")
    page.get_by_role("button", name="Store it").click()
    page.wait_for_url(re.compile(f"/guests/lab/{guest}/$"))
    assert lab.virsh("vcpucount", guest, "--config", "--maximum") == "1"
