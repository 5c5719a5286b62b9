"""A whole portal over libvirt's test driver, and a person who uses it without a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from tests.e2e.portal import PASSWORD, Portal

RUNNING = "6695eb01-f6a4-8304-79aa-97f2502e193f"
"""The one guest of `test:///default`."""
urllib3.disable_warnings()


class Visitor:
    """Signed in at this portal."""

    def __init__(self, portal: Portal, name: str = "ada", password: str = PASSWORD) -> None:
        self.url = portal.url
        self.session = requests.Session()
        self.session.trust_env = self.session.verify = False
        page = self.session.get(f"{self.url}/sign-in/", timeout=20)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token, page.text[:500]
        form = {"csrfmiddlewaretoken": token[1], "login": name, "password": password}
        headers = {"Referer": page.url}
        self.answer = self.session.post(page.url, form, headers=headers, timeout=20)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(f"{self.url}{path}", headers=headers, timeout=30)

    def post(self, path: str, **fields: str) -> requests.Response:
        token = self.session.cookies["kvmweb_csrf"]
        headers = {"X-CSRFToken": token, "HX-Request": "true", "Referer": self.url}
        return self.session.post(f"{self.url}{path}", fields, headers=headers, timeout=30)


@pytest.fixture
def new_portal(tmp_path: Path, installed: Path) -> Iterator[Callable[..., Portal]]:
    """Start one: `new_portal(folder, SETTING="…")`; its guest is mirrored when it is answered."""
    started: list[Portal] = []

    def start(folder: Path | None = None, **settings: str) -> Portal:
        portal = Portal(folder or tmp_path, **settings)
        portal.furnish(installed)
        portal.manage("addhost", "demo", "test:///default")
        started.append(portal)
        portal.start()
        ada = Visitor(portal)
        until(lambda: RUNNING in ada.get("/guests/").text)
        return portal

    yield start
    for portal in started:
        portal.stop()


def until(is_so: Callable[[], Any], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
