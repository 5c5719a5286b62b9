"""A guest is set up beside its devices, and its disk moved, in a browser before a real guest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.e2e.test_guest_page import the_guest
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
FOLDER = "/var/lib/libvirt/images/quick"


@pytest.fixture
def quick(lab: LabHost) -> Iterator[str]:
    """Another pool."""
    lab.inside("mkdir", FOLDER)
    lab.virsh("pool-define-as", "quick", "dir", "--target", FOLDER)
    lab.virsh("pool-start", "quick")
    yield "quick"
    lab.virsh("pool-destroy", "quick")
    lab.virsh("pool-undefine", "quick")
    lab.inside("rm", "-r", FOLDER)
    lab.empty_pool()


def test_a_running_guest_is_pinned_waits_for_a_clock_and_its_disk_moves(
    portal: Portal,
    lab: LabHost,
    quick: str,
    busybox_guest: Callable[..., str],
    sign_in: Callable[..., Page],
    screenshots: Path,
) -> None:
    disk = lab.make_disk("tuned")
    lab.virsh("pool-refresh", "default")
    uuid = busybox_guest("tuned01", disk=disk, start=True)
    page = sign_in("ada")
    the_guest(page, portal, uuid)
    card = page.locator("article", has=page.get_by_role("heading", name="Set-up"))
    dialog = page.get_by_role("dialog")

    card.get_by_role("button", name="Change: Placement on the host").click()
    expect(dialog).to_contain_text("vcpupin")
    dialog.get_by_label("Virtual CPU 0").fill("99999")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Virtual CPU 0").fill("0")
    page.screenshot(path=screenshots / "placement.png")
    dialog.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("1 virtual CPU pinned", timeout=20_000)
    assert "cpuset='0'" in lab.virsh("dumpxml", uuid)

    card.get_by_role("button", name="Change: Clock").click()
    dialog.get_by_label("The clock starts at").select_option("localtime")
    dialog.get_by_role("button", name="Save").click()
    waiting = page.locator("article", has=page.get_by_role("heading", name="Pending changes"))
    expect(waiting).to_contain_text("The clock starts at", timeout=20_000)

    disks = page.locator("article", has=page.get_by_role("heading", name="Disks"))
    move = disks.get_by_role("button", name="Move vda to another pool")
    place = dialog.locator("option", has_text=quick)
    for _look in range(20):  # the mirror hears of a pool a moment later
        move.click()
        expect(dialog).to_be_visible()
        if place.count():
            break
        page.keyboard.press("Escape")
        page.wait_for_timeout(500)
    dialog.get_by_label("Move to").select_option(str(place.get_attribute("value")))
    dialog.get_by_label("Delete the old volume afterwards").check()
    page.screenshot(path=screenshots / "move-disk.png")
    dialog.get_by_role("button", name="Move").click()
    expect(disks).to_contain_text(f"{FOLDER}/tuned.qcow2", timeout=60_000)
    page.screenshot(path=screenshots / "moved-disk.png")
    assert f"{FOLDER}/tuned.qcow2" in lab.virsh("domblklist", uuid, "--inactive")


def test_a_running_guest_grows_and_says_what_waits(
    portal: Portal,
    sign_in: Callable[..., Page],
    lab: LabHost,
    screenshots: Path,
    busybox_guest: Callable[..., str],
) -> None:
    uuid = busybox_guest("growing", start=True)
    page = the_guest(sign_in("ada"), portal, uuid)
    page.locator("[data-verb='guest.resize']").first.evaluate("it => it.click()")
    dialog = page.get_by_role("dialog", name="Processor and memory of growing")
    expect(dialog).to_be_visible()
    page.screenshot(path=screenshots / "resize.png")
    dialog.get_by_label("Virtual CPUs, at most").fill("4")
    dialog.get_by_label("Memory, at most").fill("96")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".field-error")).to_contain_text("such as 8 GiB")
    dialog.get_by_label("Memory, at most").fill("256M")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("after the next shut-down and start")
    expect(page.get_by_role("heading", name="Pending changes")).to_be_visible()
    page.locator("[data-verb='guest.resize']").first.evaluate("it => it.click()")
    expect(dialog.get_by_label("Memory, at most")).to_have_value("256 MiB")
    expect(dialog.locator("#field-memory_max")).to_contain_text("The running guest has 96 MiB.")
    assert lab.virsh("vcpucount", uuid, "--config", "--maximum") == "4"
