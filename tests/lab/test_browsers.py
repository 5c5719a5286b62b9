"""A browser and asyncio tests take turns in one process."""

from __future__ import annotations

import asyncio

import pytest


@pytest.mark.browser
def test_the_browser_opens_a_page(browser):
    page = browser.new_page()
    page.set_content("<h1>one</h1>")
    assert page.inner_text("h1") == "one"
    page.close()


async def test_asyncio_works_after_it():
    await asyncio.sleep(0)
    assert asyncio.get_running_loop().is_running()


def test_so_does_a_loop_of_its_own():
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


@pytest.mark.browser
def test_the_browser_opens_another_page(browser):
    page = browser.new_page()
    page.set_content("<h1>two</h1>")
    assert page.inner_text("h1") == "two"
    page.close()
