"""A network from its form to its guests, in a browser, on a real host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.browser, pytest.mark.lab]
NAME = "<i>office</i> \u4e2d".replace("/", "\u2215")
"""Hostile as far as libvirt lets: it refuses slashes."""


@pytest.fixture
def cleared(lab: LabHost) -> Iterator[None]:
    """No network but the lab's own afterwards."""
    yield
    for name in lab.virsh("net-list", "--all", "--uuid").split():
        if lab.virsh("net-name", name) != "default":
            lab.virsh("net-destroy", name, check=False)
            lab.virsh("net-undefine", name, check=False)


def uuid_of(lab: LabHost, page: Page) -> str:
    return page.url.rstrip("/").rpartition("/")[2]


def test_a_network_is_made_and_its_lease_is_kept(
    portal: Portal,
    lab: LabHost,
    sign_in: Callable[..., Page],
    busybox_guest: Any,
    cleared: None,
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/networks/create/?mode=nat")
    page.get_by_label("Name", exact=True).fill(NAME)
    stem = f"10.200.{lab.number}"
    page.get_by_label("IPv4 address of the host").fill(f"{stem}.1/24")
    page.get_by_label("DHCP ranges", exact=True).fill("10.1.1.1 - 10.1.1.9")
    page.get_by_label("Bridge", exact=True).fill("a-bridge-of-16-c")
    page.get_by_label("Name", exact=True).focus()
    expect(page.locator("#fault-bridge")).to_contain_text("at most 15 characters")
    expect(page.locator("#fault-ranges4")).to_contain_text("outside the subnet")
    page.get_by_label("Bridge", exact=True).fill("kve2e")
    page.get_by_label("DHCP ranges", exact=True).fill(f"{stem}.100 - {stem}.150")
    boot = page.locator("details", has=page.get_by_label("Boot server"))
    boot.locator("summary").click()
    page.get_by_label("Boot server").fill("nonsense")
    page.get_by_role("button", name="Create the network").click()
    expect(page.get_by_label("Boot server")).to_be_focused()  # not folded away
    page.get_by_label("Boot server").fill("")
    page.get_by_role("button", name="Create the network").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator("main i")).to_have_count(0)
    expect(page.get_by_text("Guests reach the outside: yes")).to_be_visible()

    uuid = uuid_of(lab, page)
    lab.virsh("net-destroy", uuid)  # as another tool would
    expect(page.locator("header").get_by_text("Inactive")).to_be_visible()
    page.locator("header").get_by_role("button", name="Start").click()
    expect(page.locator("header").get_by_text("Active", exact=True)).to_be_visible()

    busybox_guest("on-e2e", booted=True, network=NAME)
    leases = page.locator("article", has=page.get_by_role("heading", name="Leases"))
    expect(leases.get_by_text("on-e2e").first).to_be_visible(timeout=60_000)
    leases.get_by_role("button", name="Reserve").click()
    expect(leases.get_by_text("reserved")).to_be_visible()
    kept = page.locator("article", has=page.get_by_role("heading", name="Reservations"))
    expect(kept.get_by_role("row")).to_have_count(2)
    assert "<host mac=" in lab.virsh("net-dumpxml", "--inactive", uuid)

    lab.virsh("net-destroy", uuid)
    lab.virsh("net-start", uuid)
    notice = page.get_by_text("1 guest has had no link since")
    expect(notice).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Re-attach guests").first.click()
    expect(notice).to_be_hidden(timeout=30_000)
    assert "master kve2e" in lab.inside("ip", "-o", "link", "show", "type", "tun")

    page.goto(f"{portal.url}/networks/topology/")
    page.locator("svg.wiring a", has_text="on-e2e").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("on-e2e")


def test_two_editors_one_of_whom_comes_too_late(
    portal: Portal, lab: LabHost, sign_in: Callable[..., Page], cleared: None
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/networks/create/?mode=isolated")
    page.get_by_role("button", name="Create the network").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("isolated")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Edit network")
    uuid = page.url.rstrip("/").split("/")[-2]
    lab.virsh("net-update", uuid, "add-last", "dns-txt", "<txt name='a' value='b'/>", "--config")
    page.locator("summary", has_text="DNS").click()
    page.get_by_label("DNS domain").fill("late.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It was changed by someone else")).to_be_visible()
    assert "late.example" not in lab.virsh("net-dumpxml", "--inactive", uuid)


def test_a_filter_is_chosen_and_its_rules_are_rewritten(
    portal: Portal, lab: LabHost, sign_in: Callable[..., Page], busybox_guest: Any
) -> None:
    guest = busybox_guest("filtered", start=True)
    (lab.folder / "own.xml").write_text(
        "<filter name='own'><rule action='accept' direction='inout'><all/></rule></filter>"
    )
    lab.virsh("nwfilter-define", str(lab.folder / "own.xml"))
    page = sign_in("ada")
    page.goto(f"{portal.url}/networks/")
    page.get_by_role("link", name="default", exact=True).click()
    row = page.get_by_role("row").filter(has_text="filtered")
    row.locator("a.chip").click()
    page.get_by_role("dialog").get_by_label("Network filter").select_option("clean-traffic")
    page.get_by_role("button", name="Apply").click()
    expect(row.get_by_text("clean-traffic")).to_be_visible()
    assert "clean-traffic" in lab.virsh("dumpxml", guest)

    page.goto(f"{portal.url}/networks/filters/?search=own")
    page.get_by_role("link", name="own", exact=True).click(timeout=40_000)  # no event tells of it
    page.get_by_role("link", name="Edit the XML").click()  # the sign-in was a moment ago
    text = page.locator("textarea[name=text]")
    text.fill(text.input_value().replace("accept", "drop"))
    page.get_by_role("button", name="Show what will change").click()
    expect(page.locator(".diff-added")).to_contain_text("drop")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("own")
    assert "drop" in lab.virsh("nwfilter-dumpxml", "own")
    expect(page.get_by_text("drop silently")).to_be_visible()
