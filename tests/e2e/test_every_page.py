"""Every page that can be reached by links, in both languages: whole, without complaint."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Response

from tests.e2e.portal import PASSWORD, Portal

pytestmark = [pytest.mark.lab, pytest.mark.browser]
CHINESE = {"Accept-Language": "zh-CN"}
LEAST = 15
LEAVES = ("/sign-out/", "/export/", "/definition/", "/download/")
HOSTILE = '"><img src=x onerror=alert(1)>'


def links(page: Page, portal: Portal) -> set[str]:
    """Addresses of this portal on the page, without what only filters a list."""
    found = set()
    whole = "(all) => all.map((it) => new URL(it.getAttribute('href'), document.baseURI).href)"
    for href in page.eval_on_selector_all("a[href]", whole):  # a link in a picture has no text
        parts = urlsplit(href)
        if href.startswith(f"{portal.url}/") and not parts.path.endswith(LEAVES):
            found.add(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")))
    return found


def is_page(address: str) -> bool:
    return not address.endswith((".png", ".xml", ".csv"))


def note(answer: Response, broken: list[str]) -> None:
    if answer.status >= 400:
        broken.append(f"{answer.status} {answer.url}")


def signed_in(portal: Portal, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{portal.url}/")
    page.fill("input[name=login]", "ada")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{portal.url}/")
    return page


def test_every_page_is_whole_and_breaks_no_policy(
    portal: Portal,
    busybox_guest: Callable[..., str],
    open_context: Callable[..., BrowserContext],
) -> None:
    """And each is there in Chinese as well."""
    busybox_guest(f"crawled {HOSTILE}".replace("/", ""), kernel=False, title=HOSTILE)
    page = signed_in(portal, open_context())
    chinese = signed_in(portal, open_context(extra_http_headers=CHINESE)).context.request
    broken: list[str] = []
    page.on("response", lambda answer: note(answer, broken))
    todo, seen = {f"{portal.url}/"}, set()
    while todo:
        address = todo.pop()
        seen.add(address)
        page.goto(address)
        assert page.locator("h1").count() >= 1, address
        assert page.get_attribute("html", "lang") == "en", address
        text = chinese.get(address).text()
        assert '<html lang="zh-hans"' in text, address
        assert "<h1" in text, address
        todo |= {link for link in links(page, portal) if is_page(link)} - seen
    assert broken == []
    assert len(seen) >= LEAST
