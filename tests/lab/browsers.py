"""One Chromium per test process, and asyncio tests beside it in the same process.

Playwright's synchronous interface leaves an event loop marked as running in its thread, which
makes every asyncio test after it fail.  The mark is taken away while other tests run.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def installed() -> str | None:
    """Path of the distribution's browser; None where only playwright's own can be used."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        # Ubuntu's chromium-browser is a snap starter, which no container can run.
        if found and not Path(found).resolve().is_relative_to("/usr/bin/snap"):
            return found
    return None


@contextmanager
def running() -> Iterator[Browser]:
    """A browser for as long as the tests of this process last."""
    manager = sync_playwright()
    playwright = manager.__enter__()
    loop = asyncio._get_running_loop()
    try:
        chrome = playwright.chromium.launch(executable_path=installed(), args=FLAGS)
        try:
            yield chrome
        finally:
            asyncio._set_running_loop(loop)
            chrome.close()
    finally:
        asyncio._set_running_loop(loop)
        manager.__exit__(None, None, None)


@contextmanager
def out_of_the_way() -> Iterator[None]:
    """While this lasts the thread looks as if no event loop ran in it."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        if loop is not None and loop.is_running():
            asyncio._set_running_loop(loop)
