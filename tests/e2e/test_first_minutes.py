"""The first minutes with kvmweb, from the printed link to two people at one console.

One story told in order on one portal: each step stands on the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.portal import PASSWORD, Portal
from tests.e2e.test_consoles import PAINTED, TEXT, terminal_says
from tests.lab.host import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.browser]
BOOT_MS = 60_000
REVOKED_WITHIN_S = 2.0
POST = """async (url) => {
  const token = document.querySelector('[name=csrfmiddlewaretoken]').value;
  return (await fetch(url, {method: 'POST', headers: {'X-CSRFToken': token}})).status;
}"""


@pytest.fixture(scope="module")
def fresh(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Nobody has ever signed in here."""
    portal = Portal(tmp_path_factory.mktemp("fresh")).start()
    portal.manage("addhost", "lab", lab.uri)
    yield portal
    portal.stop()


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def administrator_by_link(portal: Portal, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(portal.setup_link())
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=again]", PASSWORD)
    press(page, "Make the administrator and sign in")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def console_user_by_clicks(page: Page, portal: Portal, name: str) -> None:
    """A person with the role Console on everything, made in the browser alone."""
    page.goto(f"{portal.url}/people/add/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    press(page, "Add")
    page.goto(f"{portal.url}/people/grants/give/")
    page.select_option("select[name=holder]", label=name)
    page.select_option("select[name=role]", value="console")
    page.check("input[name=reach][value=everything]")
    press(page, "Give")
    expect(page.get_by_role("button", name=f"Remove Console user of {name}")).to_be_visible()


def enter(portal: Portal, context: BrowserContext, name: str) -> Page:
    page = context.new_page()
    page.goto(f"{portal.url}/")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{portal.url}/")
    return page


def test_from_the_link_to_two_people_at_one_console(
    fresh: Portal,
    busybox_guest: Callable[..., str],
    open_context: Callable[..., BrowserContext],
    screenshots: Path,
) -> None:
    ada = administrator_by_link(fresh, open_context())
    uuid = busybox_guest("demo-web", title="Web server", start=True)
    guest = f"{fresh.url}/guests/lab/{uuid}/"
    ada.goto(f"{fresh.url}/guests/")
    expect(ada.get_by_role("link", name="demo-web", exact=True)).to_be_visible()
    ada.get_by_role("link", name="demo-web", exact=True).click()

    press(ada, "Screen")
    ada.wait_for_function(PAINTED, timeout=BOOT_MS)
    press(ada, "Serial")
    expect(ada.locator(".console-state")).to_contain_text("You have the keyboard")
    ada.locator(".console-terminal").click()
    terminal_says(ada, "root@", BOOT_MS)
    ada.keyboard.type("uname -a\n")
    terminal_says(ada, "GNU/Linux")
    ada.screenshot(path=screenshots / "first-serial.png")

    console_user_by_clicks(ada, fresh, "li")
    ada.goto(f"{guest}?console=serial:serial0")
    expect(ada.locator(".console-state")).to_contain_text("You have the keyboard")

    li = enter(fresh, open_context(), "li")
    li.goto(f"{guest}?console=serial:serial0")
    terminal_says(li, "GNU/Linux")
    expect(li.locator(".console-state")).not_to_contain_text("You have the keyboard")
    expect(li.locator(".console-seats")).to_contain_text("ada")
    li.locator(".console-terminal").click()
    li.keyboard.type("echo from-li\n")
    ada.locator(".console-terminal").click()
    ada.keyboard.type("echo from-ada\n")
    terminal_says(li, "from-ada")
    assert "from-li" not in li.evaluate(TEXT)

    offered = li.get_by_role("button", name="Shut down").first
    assert offered.get_attribute("aria-disabled") == "true"
    refused = li.evaluate(POST, f"{guest}destroy/")
    assert refused == 403

    ada.locator(".console-wheel").get_by_role("button", name="li").or_(
        ada.locator(".console-wheel").get_by_role("button")
    ).first.click()
    expect(li.locator(".console-state")).to_contain_text("You have the keyboard")
    li.locator(".console-terminal").click()
    li.keyboard.type("echo typed-by-$((1+1))-li\n")
    terminal_says(ada, "typed-by-2-li")
    li.screenshot(path=screenshots / "handed-over.png")

    fresh.manage("grant", "li", "console", "everything", "--revoke")
    revoked_at = time.monotonic()
    li.wait_for_function(
        "() => !document.querySelector('.console-state')?.textContent.includes('keyboard')",
        timeout=10_000,
    )
    assert time.monotonic() - revoked_at <= REVOKED_WITHIN_S
