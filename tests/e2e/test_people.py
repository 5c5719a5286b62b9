"""From the set-up link to people who come, may, and go: in a real browser, without any host."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.portal import PASSWORD, Portal

pytestmark = pytest.mark.browser
IDLE_S = 15


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that was just installed."""
    portal = Portal(tmp_path_factory.mktemp("fresh"))
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def hasty(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that signs out after a few seconds of nothing."""
    portal = Portal(tmp_path_factory.mktemp("hasty"), KVMWEB_IDLE_S=str(IDLE_S))
    portal.furnish(installed)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def ada(fresh: Portal, open_context: Callable[..., BrowserContext]) -> Page:
    """The administrator, made by the set-up link if that is still there."""
    page = open_context().new_page()
    if "/setup/" in fresh.log() and not (fresh.folder / "is-set-up").exists():
        page.goto(fresh.setup_link())
        page.fill("input[name=username]", "ada")
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=again]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(f"{fresh.url}/")
        (fresh.folder / "is-set-up").touch()
        return page
    enter(page, fresh, "ada")
    page.wait_for_url(f"{fresh.url}/")
    return page


def enter(page: Page, portal: Portal, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{portal.url}/sign-in/")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")


def add(page: Page, portal: Portal, name: str) -> None:
    page.goto(f"{portal.url}/people/add/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("main h1")).to_have_text(name)


def code_now(secret: str) -> str:
    second = time.time() % 30
    time.sleep(30 - second if second > 24 else 0)  # not in the last seconds of a code
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def test_the_setup_link_makes_the_administrator_once(
    ada: Page, fresh: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    expect(ada.locator("#masthead")).to_contain_text("ada")
    late = open_context().new_page()
    late.goto(fresh.setup_link())
    expect(late.locator("main h1")).to_have_text("This link does not work any more")


def test_somebody_new_gets_in_by_a_link_and_is_told_how_to_ask(
    ada: Page, fresh: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    ada.goto(f"{fresh.url}/people/add/")
    ada.fill("input[name=username]", "kim")
    ada.click("main button[type=submit]")
    link = ada.locator(".command code").inner_text()
    page = open_context().new_page()
    page.goto(link)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=again]", PASSWORD)
    page.click("main button[type=submit]")
    enter(page, fresh, "kim")
    expect(page.locator("main h1")).to_have_text("No rights yet")
    page.click("text=My account")
    expect(page.locator("main h1")).to_have_text("kim")


def test_a_role_is_given_and_taken_back_without_javascript(
    ada: Page, fresh: Portal, browser: Browser, open_context: Callable[..., BrowserContext]
) -> None:
    add(ada, fresh, "noor")
    plain = open_context(java_script_enabled=False).new_page()
    enter(plain, fresh, "ada")
    plain.goto(f"{fresh.url}/people/grants/give/")
    plain.select_option("select[name=holder]", label="noor")
    plain.select_option("select[name=role]", "viewer")
    plain.click("main button[type=submit]")
    expect(plain.locator("main h1")).to_have_text("noor")
    expect(plain.locator("table")).to_contain_text("In force")
    other = open_context().new_page()
    enter(other, fresh, "noor")
    other.wait_for_url(f"{fresh.url}/")
    plain.click("table a[role=button]")
    expect(plain.locator("main")).to_contain_text("noor can no longer")
    plain.click("main button[type=submit]")
    expect(plain.locator("table")).to_contain_text("Nothing is granted")
    other.reload()
    expect(other.locator("main h1")).to_have_text("No rights yet")


def test_a_disabled_person_is_gone_from_open_pages_within_two_seconds(
    ada: Page, fresh: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    add(ada, fresh, "mallory")
    fresh.manage("grant", "mallory", "viewer", "everything")
    page = open_context().new_page()
    enter(page, fresh, "mallory")
    page.wait_for_url(f"{fresh.url}/")
    page.wait_for_function("() => document.body.dataset.live === 'yes'")
    ada.click("text=Disable >> nth=-1")
    begun = time.monotonic()
    page.wait_for_url(re.compile("/sign-in/"), timeout=4000)
    assert time.monotonic() - begun < 3.0  # two seconds, and the browser's way to the door


def test_the_second_factor_is_asked_for_once_it_is_on(
    ada: Page, fresh: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    add(ada, fresh, "tan")
    page = open_context().new_page()
    enter(page, fresh, "tan")
    page.goto(f"{fresh.url}/me/second-factor/")
    secret = page.inner_text("#factor-secret")
    page.fill("input[name=code]", code_now(secret))
    page.click("main form button[type=submit]")
    expect(page.locator("#recovery-codes code")).to_have_count(10)
    codes = page.locator("#recovery-codes code").all_inner_texts()
    again = open_context().new_page()
    enter(again, fresh, "tan")
    expect(again.locator("main h1")).to_have_text("Second factor")
    again.fill("input[name=code]", codes[0])
    again.click("main button[type=submit]")
    expect(again.locator("main h1")).to_have_text("No rights yet")


def test_the_audit_grows_while_it_is_looked_at(
    ada: Page, fresh: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    ada.goto(f"{fresh.url}/activity/audit/")
    ada.wait_for_function("() => document.body.dataset.live === 'yes'")
    before = ada.locator("#rows tr").count()
    enter(open_context().new_page(), fresh, "ada", "wrong")
    expect(ada.locator("#rows tr")).to_have_count(before + 1, timeout=5000)
    expect(ada.locator("#rows")).to_contain_text("Refused")
    ada.select_option("select[name=outcome]", "denied")
    expect(ada).to_have_url(re.compile("outcome=denied"))
    expect(ada.locator("#rows")).not_to_contain_text("Done")
    refused = ada.locator("#rows tr").count()
    enter(open_context().new_page(), fresh, "ada")
    enter(open_context().new_page(), fresh, "ada", "wrong")
    expect(ada.locator("#rows tr")).to_have_count(refused + 1, timeout=5000)
    expect(ada.locator("#rows")).not_to_contain_text("Done")


def test_an_idle_page_warns_counts_down_and_leaves(
    hasty: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    page = open_context().new_page()
    enter(page, hasty, "ada")
    page.wait_for_url(f"{hasty.url}/")
    dialog = page.locator("dialog#idle")
    expect(dialog).to_be_visible(timeout=IDLE_S * 1000)
    page.click("#idle-stay")
    expect(dialog).to_be_hidden()
    expect(dialog).to_be_visible(timeout=IDLE_S * 1000)
    page.wait_for_url(re.compile("/sign-in/"), timeout=IDLE_S * 1000)
    expect(page.locator("main h1")).to_have_text("Sign in")


def test_moving_the_pointer_counts_as_being_there(
    hasty: Portal, open_context: Callable[..., BrowserContext]
) -> None:
    page = open_context().new_page()
    enter(page, hasty, "ada")
    page.wait_for_url(f"{hasty.url}/")
    for step in range(IDLE_S + 4):
        page.mouse.move(100 + step, 100)
        page.wait_for_timeout(1000)
        expect(page.locator("dialog#idle")).to_be_hidden()
    assert page.url == f"{hasty.url}/"
