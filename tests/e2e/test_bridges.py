"""The portal on the very host whose network it changes, and a browser that reaches it over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from tests.e2e.portal import Portal
from tests.lab import ifupdown
from tests.lab.host import LabHost

pytestmark = [pytest.mark.browser, pytest.mark.lab]
BACK_S = 12


@pytest.fixture(scope="module")
def portal(
    wired: LabHost, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """Reached over the network of the host that it looks after."""
    portal = Portal(
        tmp_path_factory.mktemp("portal"),
        KVMWEB_BIND="0.0.0.0",
        KVMWEB_NETWORK_BACK_S=str(BACK_S),
        PATH=f"{ifupdown.program()}:{os.environ['PATH']}",
    )
    portal.machine = wired.address
    portal.enter = ("nsenter", f"--net=/proc/{wired.pid1}/ns/net")
    portal.furnish(installed)
    portal.manage("addhost", "lab", wired.uri)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def page(portal: Portal, sign_in: Callable[..., Page]) -> Page:
    page = sign_in("ada")
    page.goto(f"{portal.url}/networks/bridges/?host=lab")
    expect(page.get_by_text("Set up by ifupdown")).to_be_visible()
    return page


def test_a_bridge_is_made_under_the_browsers_own_connection_and_kept(
    page: Page, wired: LabHost
) -> None:
    page.get_by_role("link", name="Create a bridge").click()
    page.get_by_label("Bridge").fill("b" * 15)
    page.get_by_label("Interface").select_option("eth0")
    page.get_by_role("button", name="Show what will be done").click()
    expect(page.get_by_text("bbbbbbbbbbbbbbb gets the addresses of eth0")).to_be_visible()
    page.go_back()
    page.get_by_label("Bridge").fill("br0")
    page.get_by_label("Interface").select_option("eth0")
    page.get_by_role("button", name="Show what will be done").click()
    expect(page.get_by_text("ifup br0")).to_be_visible()
    page.get_by_role("button", name="Do it, on trial").click()
    expect(page.get_by_role("timer")).to_contain_text("The former state returns in")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#bridge-trial")).to_contain_text("The change was kept.")
    expect(page.locator("#bridge-br0")).to_contain_text(f"{wired.address}/24")
    assert "br0" in wired.inside("cat", "/etc/network/interfaces")
    page.locator("#bridge-br0").get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Show what will be done").click()
    page.get_by_role("button", name="Do it, on trial").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#bridge-br0")).to_have_count(0)
    assert wired.address in wired.inside("ip", "addr", "show", "eth0")


def test_a_browser_that_was_cut_off_finds_the_former_network_again(
    page: Page, wired: LabHost, portal: Portal
) -> None:
    """eth0 goes into a bridge that has no address: nobody reaches the portal any more."""
    page.get_by_role("link", name="Create a bridge").click()
    page.get_by_label("Bridge").fill("br1")
    page.get_by_label("Interface").select_option("eth1")
    page.get_by_role("button", name="Show what will be done").click()
    page.get_by_role("button", name="Do it, on trial").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#bridge-trial")).to_contain_text("The change was kept.")

    page.locator("#bridge-br1").get_by_role("link", name="Attach").click()
    page.get_by_label("Interface").select_option("eth0")
    page.get_by_role("button", name="Show what will be done").click()
    expect(page.get_by_text(f"eth0 loses its addresses {wired.address}/24")).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Do it, on trial").click(no_wait_after=True)
    address = f"{portal.url}/networks/bridges/?host=lab"
    _until_nobody_answers(page, address)
    expect(_again(page, address)).to_contain_text("Nobody kept the change", timeout=40_000)
    assert f"{wired.address}/24" in wired.inside("ip", "addr", "show", "eth0")


def _until_nobody_answers(page: Page, address: str) -> None:
    """The switch comes some seconds after the change was asked for."""
    for _ in range(20):
        try:
            page.goto(address, timeout=2000)
        except Error:
            return
        page.wait_for_timeout(300)
    raise AssertionError("the portal was reached all the time")


def _again(page: Page, address: str) -> Locator:
    """The page, once it answers."""
    for _ in range(20):
        try:
            page.goto(address, timeout=3000)
            break
        except Error:
            page.wait_for_timeout(500)
    return page.locator("#bridge-trial")
