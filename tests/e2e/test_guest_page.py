"""The guest page in a browser before real guests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


def the_guest(page: Page, portal: Portal, uuid: str) -> Page:
    """As soon as the portal knows it, with the console: leaving early cuts its modules off."""
    for _try in range(40):
        answer = page.goto(f"{portal.url}/guests/lab/{uuid}/", wait_until="networkidle")
        if answer and answer.ok:
            return page
        page.wait_for_timeout(250)
    raise AssertionError("the portal does not know the guest")


def test_power_from_the_page_live(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("power01")
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    head = page.locator(".guest-head")
    expect(head).to_contain_text("Shut off")
    head.get_by_role("button", name="Start", exact=True).click()
    expect(head).to_contain_text("Running", timeout=20_000)
    assert lab.state("power01") == "running"
    lab.virsh("suspend", "power01")
    expect(head).to_contain_text("Paused")
    head.get_by_role("button", name="Resume").click()
    expect(head).to_contain_text("Running")
    head.get_by_role("button", name="All actions").click()
    page.locator(".menu:popover-open").get_by_role("button", name="Force off…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Unsaved data may be lost")
    expect(dialog).to_contain_text("Uptime")
    dialog.get_by_role("button", name="Force off").click()
    expect(head).to_contain_text("Shut off", timeout=20_000)
    assert lab.state("power01") == "shut off"
    expect(page.locator(".chip", has_text="Pending changes")).to_have_count(0)


def test_a_guest_that_ignores_its_power_button_can_be_forced_off_after_a_minute(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("deaf01", deaf=True, booted=True)
    page = the_guest(sign_in("ada"), portal, uuid)
    head = page.locator(".guest-head")
    top = "document.querySelector('.guest-grid').getBoundingClientRect().top"
    before = page.evaluate(top)
    head.get_by_role("button", name="Shut down").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Uptime")
    page.keyboard.press("Enter")
    expect(head.get_by_role("status")).to_contain_text("Asked to shut down")
    assert page.evaluate(top) == before, "what goes by soon moved the page"
    expect(head).to_contain_text("Running")
    assert lab.state("deaf01") == "running"
    said = head.get_by_role("status")
    expect(said).to_contain_text("deaf01 did not shut down within 60 s.", timeout=90_000)
    page.screenshot(path=screenshots / "guest-escalate.png")
    said.get_by_role("button", name="Force off").click()
    page.get_by_role("dialog").get_by_role("button", name="Force off").click()
    expect(head).to_contain_text("Shut off", timeout=20_000)


def test_a_stopped_qemu_is_marked_and_can_be_forced_off(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("stuck01", booted=True)
    page = the_guest(sign_in("ada"), portal, uuid)
    head = page.locator(".guest-head")
    expect(head).to_contain_text("Running")
    os.kill(lab.qemu_pid("stuck01"), signal.SIGSTOP)
    expect(head.get_by_role("status")).to_contain_text("QEMU does not answer", timeout=20_000)
    head.get_by_role("status").get_by_role("button", name="Force off").click()
    page.get_by_role("dialog").get_by_role("button", name="Force off").click()
    expect(page.locator("#toasts")).to_contain_text("takes longer than usual", timeout=20_000)
    expect(head).to_contain_text("Shut off", timeout=30_000)
    assert lab.state("stuck01") == "shut off"


def test_a_guest_deleted_while_open_says_so_and_leads_back(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("gone01")
    page = the_guest(sign_in("ada"), portal, uuid)
    expect(page.locator(".guest-head")).to_contain_text("Shut off")
    lab.virsh("undefine", "gone01")
    expect(page.get_by_text("This guest is gone")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Back to the guests").click()
    page.wait_for_url("**/guests/")


def test_a_description_is_written_from_a_dialog(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("note01")
    page = the_guest(sign_in("ada"), portal, uuid)
    page.locator("article", has_text="Description").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("<b>Shop</b>")
    dialog.get_by_label("Tags").fill("b@d")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("cannot be a tag")
    expect(dialog.get_by_label("Title")).to_have_value("<b>Shop</b>")
    dialog.get_by_label("Tags").fill("web 网站")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".guest-head")).to_contain_text("<b>Shop</b>")
    expect(page.locator(".chip", has_text="网站")).to_be_visible()
    assert lab.virsh("desc", "note01", "--title") == "<b>Shop</b>"


def test_what_came_of_an_act_is_told_although_its_dialog_was_closed_meanwhile(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    page = the_guest(sign_in("ada"), portal, busybox_guest("note02"))
    page.locator("article", has_text="Description").get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    held: list[Route] = []
    page.route("**/describe/", lambda route: held.append(route))
    with page.expect_request("**/describe/"):
        dialog.get_by_role("button", name="Save").click()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#toasts")).to_contain_text("The description was saved.")


def test_a_host_away_greys_the_page_and_comes_back(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
) -> None:
    uuid = busybox_guest("away01")
    page = the_guest(sign_in("ada"), portal, uuid)
    head = page.locator(".guest-head")
    expect(head).to_contain_text("Shut off")
    lab.kill_libvirtd()
    try:
        expect(head.get_by_role("status")).to_contain_text("What you see is old", timeout=10_000)
        expect(head.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    finally:
        lab.restart_libvirtd()
    expect(head.get_by_role("status")).to_have_count(0, timeout=20_000)


def test_on_a_phone_all_are_chosen_from_the_first_one(
    portal: Portal, busybox_guest: Callable[..., str], sign_in: Callable[..., Page]
) -> None:
    for name in ("phone01", "phone02"):
        busybox_guest(name)
    page = sign_in("ada", viewport={"width": 390, "height": 844})
    page.goto(f"{portal.url}/guests/?q=phone")
    expect(page.locator("#guest-rows tr")).to_have_count(2)
    page.locator("#guest-rows input").first.check()
    expect(page.locator("#guest-selected")).to_have_text("1 selected")
    page.get_by_role("button", name="Select all on this page").click()
    expect(page.locator("#guest-selected")).to_have_text("2 selected")


def test_many_guests_are_forced_off_in_one_job(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    for name in ("bulk01", "bulk02", "bulk03"):
        busybox_guest(name, start=name != "bulk03", memory_mib=80)
    page = sign_in("ada")
    page.goto(f"{portal.url}/guests/?q=bulk")
    expect(page.locator("#guest-rows tr")).to_have_count(3)
    page.locator("#guest-all").check()
    page.locator("#bulk").get_by_role("button", name="Force off").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 guests")
    expect(dialog).to_contain_text("Already off.bulk03")
    page.screenshot(path=screenshots / "guest-bulk-confirm.png")
    dialog.get_by_role("button", name="Force off").click()
    expect(dialog).to_contain_text("2 of 2 finished", timeout=30_000)
    page.screenshot(path=screenshots / "guest-bulk-job.png")
    dialog.get_by_role("link", name="Open the job").click()
    expect(page.locator("main")).to_contain_text("bulk01")
    assert {lab.state(name) for name in ("bulk01", "bulk02", "bulk03")} == {"shut off"}


def test_the_definition_is_shown_and_the_questions_look_right(
    portal: Portal,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    uuid = busybox_guest("xml01", start=True, vnc_password="hunter22")
    for width in (1440, 390):
        page = sign_in("ada", viewport={"width": width, "height": 900})
        the_guest(page, portal, uuid)
        page.locator("article", has_text="Definition").get_by_role("button", name="Show").click()
        expect(page.locator("pre.xml")).to_contain_text("<name>xml01</name>")
        expect(page.locator("pre.xml")).not_to_contain_text("hunter22")
        page.locator("pre.xml").scroll_into_view_if_needed()
        page.screenshot(path=screenshots / f"guest-xml-{width}.png")
        page.locator("article", has_text="Description").get_by_role("button", name="Edit").click()
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=screenshots / f"guest-describe-{width}.png")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(f"{portal.url}/guests/lab/{uuid}/confirm/destroy/")
        page.screenshot(path=screenshots / f"guest-confirm-page-{width}.png")
        page.goto(f"{portal.url}/guests/lab/{uuid}/?dialog=guest.destroy")
        page.get_by_role("dialog").wait_for()
        page.screenshot(path=screenshots / f"guest-confirm-{width}.png")
        page.context.close()


def test_pictures(
    portal: Portal,
    lab: LabHost,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    disk = lab.make_disk("web01")
    uuid = busybox_guest(
        "web01", disk=disk, busy=True, booted=True, serials=2,
        title="Shop front", description="Serves the shop.\nAsk Li before a reboot.",
    )  # fmt: skip
    for locale, scheme, width in (
        ("en-GB", "light", 1440),
        ("zh-CN", "dark", 1440),
        ("en-GB", "dark", 390),
        ("zh-CN", "light", 390),
    ):
        look = {"locale": locale, "color_scheme": scheme}
        page = sign_in("ada", viewport={"width": width, "height": 1000}, **look)
        the_guest(page, portal, uuid)
        page.get_by_text("GUEST READY").or_(page.locator(".console canvas")).first.wait_for()
        page.wait_for_timeout(2500)
        name = f"guest-{locale[:2]}-{scheme}-{width}"
        page.screenshot(path=screenshots / f"{name}.png")
        page.locator(".guest-head [popovertarget]").click()
        page.wait_for_timeout(300)
        page.screenshot(path=screenshots / f"{name}-menu.png")
        page.context.close()
