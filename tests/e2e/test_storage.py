"""Storage in the browser, against a real libvirtd: made, seen live, refused, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]


@pytest.fixture
def pool(lab: LabHost, portal: Portal) -> Iterator[str]:
    """The address of the lab's pool, empty before and after."""
    yield f"{portal.url}/storage/lab/{lab.virsh('pool-uuid', 'default')}/"
    if "inactive" in lab.virsh("pool-info", "default"):
        lab.virsh("pool-start", "default")
    lab.empty_pool()


def row(page: Page, name: str) -> object:
    return page.locator("#rows > tr", has_text=name)


def test_a_volume_is_made_resized_and_deleted_in_dialogs_and_the_list_follows(
    sign_in: Callable[..., Page], portal: Portal, pool: str, lab: LabHost
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/storage/")
    page.click("#rows >> text=default")
    page.click("text=Create a volume…")
    page.fill("#dialogs [name=name]", "bad/name")
    page.fill("#dialogs [name=capacity]", "64 MiB")
    page.click("#dialogs button[type=submit]")
    expect(page.locator("#dialogs")).to_contain_text("no slash")
    page.fill("#dialogs [name=name]", "fresh.qcow2")
    page.click("#dialogs button[type=submit]")
    expect(row(page, "fresh.qcow2")).to_contain_text("64 MiB")
    row(page, "fresh.qcow2").locator("button[data-menu-url]").click()
    page.click("#row-menu >> text=Resize…")
    page.fill("#dialogs [name=capacity]", "96M")
    page.click("#dialogs button[type=submit]")
    expect(row(page, "fresh.qcow2")).to_contain_text("96 MiB")
    assert "96.00 MiB" in lab.virsh("vol-info", "fresh.qcow2", "default")
    page.click("text=fresh.qcow2")
    page.click("text=Delete the volume…")
    page.fill("#dialogs [name=typed]", "fresh.qcow2")
    page.click("#dialogs button[type=submit]")
    page.wait_for_url(pool)
    expect(page.locator("#list-empty")).to_contain_text("No volume yet")


def test_many_volumes_are_deleted_at_once_and_what_is_in_use_stays(
    sign_in: Callable[..., Page], pool: str, lab: LabHost
) -> None:
    for name in ("base.qcow2", "one", "two"):
        lab.virsh("vol-create-as", "default", name, "1M", "--format", "qcow2")
    on_it = ("--format", "qcow2", "--backing-vol", "base.qcow2", "--backing-vol-format", "qcow2")
    lab.virsh("vol-create-as", "default", "top.qcow2", "1M", *on_it)
    lab.virsh("pool-refresh", "default")
    page = sign_in("ada")
    page.goto(pool)
    for name in ("base.qcow2", "one", "two"):
        page.get_by_role("checkbox", name=name).check()
    expect(page.locator("#volume-picks")).to_contain_text("3 selected")
    page.click("#volume-picks [data-delete]")
    expect(page.get_by_role("dialog")).to_contain_text("Delete 2 volumes?")
    expect(page.get_by_role("dialog").locator(".skipped")).to_contain_text("top.qcow2")
    page.click("#dialogs button[type=submit]")
    expect(page.locator("#dialogs [name=typed]")).to_be_focused()
    page.fill("#dialogs [name=typed]", "default")
    page.click("#dialogs button[type=submit]")
    expect(page.get_by_role("dialog")).to_contain_text("Done")
    expect(page.locator("#rows > tr")).to_have_count(2)
    assert "one" not in lab.virsh("vol-list", "default").split()


def test_what_virsh_does_is_seen_without_a_reload(
    sign_in: Callable[..., Page], pool: str, lab: LabHost
) -> None:
    page = sign_in("ada")
    page.goto(pool)
    lab.virsh("vol-create-as", "default", "by-virsh", "1M")
    lab.virsh("pool-refresh", "default")
    expect(row(page, "by-virsh")).to_be_visible()
    lab.virsh("vol-delete", "by-virsh", "default")
    expect(row(page, "by-virsh")).to_have_count(0, timeout=40_000)
    lab.virsh("pool-destroy", "default")
    expect(page.locator("#list-empty")).to_contain_text("The pool is stopped")
    page.click("button:has-text('Start')")
    expect(page.locator(".pool-head")).to_contain_text("Active")


def test_a_copy_reports_how_far_it_is_and_leads_to_what_was_made(
    sign_in: Callable[..., Page], pool: str, lab: LabHost
) -> None:
    lab.virsh("vol-create-as", "default", "source.raw", "8M", "--format", "raw")
    lab.virsh("pool-refresh", "default")
    page = sign_in("ada")
    page.goto(pool)
    page.click("text=source.raw")
    page.click("text=Clone or convert…")
    page.fill("#dialogs [name=name]", "copy.qcow2")
    page.select_option("#dialogs [name=format]", "qcow2")
    page.click("#dialogs button[type=submit]")
    page.click("#dialogs >> text=Open what was made")
    expect(page.locator("main h1")).to_have_text("copy.qcow2")


def test_a_pool_is_made_on_one_page_and_deleted_with_what_it_holds(
    sign_in: Callable[..., Page], pool: str, portal: Portal, lab: LabHost
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/storage/")
    page.click("text=Create a storage pool")
    page.fill("#pool-form [name=name]", "second")
    page.locator(".type-choice label", has_text="Network file system").click()
    page.fill("#pool-form [name=hosts]", "127.0.0.1")
    page.click("text=Look for sources")
    expect(page.locator("#found")).to_contain_text("could not look for sources there")
    page.locator(".type-choice label", has_text="Directory").click()
    expect(page.locator("#pool-form [name=hosts]")).to_have_count(0)
    expect(page.locator("#pool-form [name=name]")).to_have_value("second")
    page.fill("#pool-form [name=target]", "/etc/second")
    page.click("#pool-form button[type=submit]")
    expect(page.locator("#pool-form")).to_contain_text("Only below")
    expect(page.locator("#pool-form [name=target]")).to_be_focused()
    page.fill("#pool-form [name=target]", "/var/lib/libvirt/images/second")
    page.click("#pool-form button[type=submit]")
    page.click("text=Open what was made")
    expect(page.locator("main h1")).to_have_text("second")
    page.click("[aria-label='All actions']")
    page.click("text=Delete the pool…")
    page.check("#dialogs [name=with_content]")
    page.fill("#dialogs [name=typed]", "second")
    page.click("#dialogs button[type=submit]")
    expect(page.locator("main")).to_contain_text("This pool is gone")
    assert "second" not in lab.virsh("pool-list", "--all", "--name")
    assert not (lab.folder / "lib/images/second").exists()
