"""The frame of every page in a real browser: navigation, search, theme, language, live lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
PAGES = ("/", "/guests/", "/storage/", "/networks/", "/hosts/", "/hosts/lab/", "/hosts/add/")
NARROW = {"width": 390, "height": 844}


def test_the_host_is_connected_and_says_what_it_is(
    sign_in: Callable[..., Page], portal: Portal
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/")
    card = page.locator("#host-lab")
    expect(card).to_contain_text("Connected")
    expect(card).to_contain_text("libvirt")
    expect(card.locator(".acceleration .chip")).to_have_count(3)


def test_a_pool_made_outside_appears_changes_and_goes_by_itself(
    sign_in: Callable[..., Page], portal: Portal, lab: LabHost, tmp_path: Path
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/storage/")
    expect(page.locator("body")).to_have_attribute("data-live", "yes")
    lab.virsh("pool-define-as", "scratch", "dir", "--target", str(tmp_path))
    row = page.locator("#rows tr", has_text="scratch")
    expect(row).to_contain_text("Inactive")
    lab.virsh("pool-start", "scratch")
    expect(row).to_contain_text("Active")
    lab.virsh("pool-destroy", "scratch")
    lab.virsh("pool-undefine", "scratch")
    expect(row).to_have_count(0)


def test_a_network_made_outside_appears_and_is_counted(
    sign_in: Callable[..., Page], portal: Portal, lab: LabHost, tmp_path: Path
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/networks/")
    expect(page.locator("body")).to_have_attribute("data-live", "yes")
    before = int(page.inner_text("#count-networks"))
    definition = tmp_path / "net.xml"
    definition.write_text("<network><name>quiet</name><bridge name='virbrq'/></network>")
    lab.virsh("net-define", str(definition))
    expect(page.locator("#rows tr", has_text="quiet")).to_contain_text("Isolated")
    expect(page.locator("#count-networks")).to_have_text(str(before + 1))
    lab.virsh("net-undefine", "quiet")
    expect(page.locator("#count-networks")).to_have_text(str(before))


def test_a_search_keeps_its_words_in_the_address_and_stays_live(
    sign_in: Callable[..., Page], portal: Portal, lab: LabHost, tmp_path: Path
) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/storage/")
    page.fill("[data-page-search]", "nothing-like-it")
    expect(page.locator("#list-empty")).to_contain_text("No storage pool fits")
    assert "search=nothing-like-it" in page.url
    lab.virsh("pool-define-as", "unlike", "dir", "--target", str(tmp_path))
    page.wait_for_timeout(1500)
    expect(page.locator("#rows tr")).to_have_count(0)
    lab.virsh("pool-undefine", "unlike")


def test_the_finder_goes_where_the_keyboard_says(
    sign_in: Callable[..., Page], portal: Portal
) -> None:
    page = sign_in("ada")
    page.keyboard.press("Control+k")
    page.keyboard.type("netw")
    option = page.locator("#finder-results [role=option][aria-selected=true]")
    expect(option).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{portal.url}/networks/")


def test_enter_in_a_hurry_waits_for_the_answer_to_all_letters(
    sign_in: Callable[..., Page], portal: Portal
) -> None:
    page = sign_in("ada")
    page.keyboard.press("Control+k")
    page.keyboard.type("stora")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{portal.url}/storage/")


def test_escape_closes_the_finder(sign_in: Callable[..., Page]) -> None:
    page = sign_in("ada")
    page.keyboard.press("Control+k")
    page.keyboard.type("stor")
    expect(page.locator("#finder-results")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#finder-results")).to_be_hidden()


@pytest.mark.parametrize(
    ("keys", "path"), [("gs", "/storage/"), ("gn", "/networks/"), ("gh", "/hosts/")]
)
def test_two_letters_go_to_a_place(
    sign_in: Callable[..., Page], portal: Portal, keys: str, path: str
) -> None:
    page = sign_in("ada")
    page.keyboard.type(keys)
    page.wait_for_url(f"{portal.url}{path}")


def test_the_theme_changes_at_once_and_stays(sign_in: Callable[..., Page]) -> None:
    page = sign_in("ada")
    page.click(".theme-toggle")
    page.click("#theme-menu button[value=dark]")
    expect(page.locator("html")).to_have_class("pf-v6-theme-dark")
    page.reload()
    expect(page.locator("html")).to_have_class("pf-v6-theme-dark")


def test_the_system_theme_is_followed(sign_in: Callable[..., Page]) -> None:
    page = sign_in("ada", color_scheme="dark")
    expect(page.locator("html")).to_have_class("pf-v6-theme-dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("pf-v6-theme-dark")


def test_the_language_is_switched_in_place(sign_in: Callable[..., Page], portal: Portal) -> None:
    page = sign_in("ada")
    page.goto(f"{portal.url}/hosts/")
    page.click("[popovertarget=language-menu]")
    page.click("#language-menu button[value=zh-hans]")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    assert page.url == f"{portal.url}/hosts/"


@pytest.mark.parametrize(
    "viewport", [NARROW, {"width": 360, "height": 700}, {"width": 1440, "height": 900}]
)
def test_no_page_overflows_sideways(
    sign_in: Callable[..., Page], portal: Portal, viewport: dict[str, int]
) -> None:
    page = sign_in("ada", viewport=viewport)
    for path in PAGES:
        page.goto(f"{portal.url}{path}")
        excess = page.evaluate(
            "Math.max(...['html', '#scroller'].map((one) => document.querySelector(one))"
            ".map((one) => one.scrollWidth - one.clientWidth))"
        )
        assert excess <= 0, path


def test_the_navigation_is_a_drawer_on_a_small_screen(
    sign_in: Callable[..., Page], portal: Portal
) -> None:
    page = sign_in("ada", viewport=NARROW)
    link = page.locator("#sidebar a", has_text="Hosts")
    expect(link).not_to_be_in_viewport()
    page.click("#nav-toggle")
    expect(link).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(link).not_to_be_in_viewport()
    page.click("#nav-toggle")
    link.click()
    page.wait_for_url(f"{portal.url}/hosts/")


def test_the_page_says_when_it_is_not_live_and_recovers(sign_in: Callable[..., Page]) -> None:
    page = sign_in("ada")
    expect(page.locator("body")).to_have_attribute("data-live", "yes")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline-since")).to_have_text(re.compile(r"\d\d:\d\d"))
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden(timeout=15_000)


def test_a_page_that_missed_a_part_is_fetched_again_once(
    sign_in: Callable[..., Page], portal: Portal
) -> None:
    page = sign_in("ada")
    asked: list[str] = []

    def missing(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 2:
            route.continue_()
        else:
            route.abort("internetdisconnected")

    page.route("**/js/menus.js", missing)
    page.goto(f"{portal.url}/networks/")
    expect(page.locator("body")).to_have_attribute("data-live", "yes")
    assert len(asked) == 2
    with page.expect_event("requestfailed"):
        page.goto(f"{portal.url}/networks/")
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    assert len(asked) == 3, "a page that is never whole is not fetched over and over"
