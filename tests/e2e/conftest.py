"""A real browser before the real portal. What the page complains about fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.portal import PASSWORD, Portal
from tests.lab.host import LabHost

REFUSED_BY_POLICY = "Content Security Policy"


@pytest.fixture(scope="module")
def portal(
    lab: LabHost, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """A portal with the lab host and the administrator `ada`."""
    portal = Portal(tmp_path_factory.mktemp("portal"))
    portal.furnish(furnished)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """A browser profile: `open_context(locale="zh-CN", color_scheme="dark", viewport=…)`."""
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def make(**options: object) -> BrowserContext:
        defaults: dict[str, object] = {
            "ignore_https_errors": True,
            "locale": "en-GB",
            "viewport": {"width": 1440, "height": 900},
        }
        context = browser.new_context(**{**defaults, **options})  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        context.on("console", lambda message: _collect(message.text, complaints))
        context.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        context.on("weberror", lambda error: complaints.append(f"error: {error.error}"))
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
    assert complaints == []


def _collect(text: str, complaints: list[str]) -> None:
    if REFUSED_BY_POLICY in text:
        complaints.append(text)


@pytest.fixture
def sign_in(portal: Portal, open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """A page of the portal, signed in: `sign_in("ada")`; further options go to the profile."""

    def enter(name: str, password: str = PASSWORD, **options: object) -> Page:
        page = open_context(**options).new_page()
        page.goto(f"{portal.url}/")
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", password)
        page.click("main button[type=submit]")
        page.wait_for_url(f"{portal.url}/")
        return page

    return enter


@pytest.fixture
def screenshots() -> Path:
    """Where pictures for the README and for looking at go."""
    folder = Path(__file__).resolve().parents[1] / "output"
    folder.mkdir(exist_ok=True)
    return folder
