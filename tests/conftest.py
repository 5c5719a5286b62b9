"""What every suite may ask for: a lab host, guests, database and cache servers, a browser.

Marks: `lab` needs root and starts a private libvirtd with real guests; `browser` drives Chromium;
`scaled` starts PostgreSQL and Redis.  A test without a mark needs none of them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profiles
from playwright.sync_api import Browser, expect

from tests.e2e.portal import PASSWORD, Portal
from tests.lab import browsers, ifupdown, servers
from tests.lab.host import LabHost

MARKS = {
    "lab": "starts a private libvirtd with real QEMU guests (root)",
    "browser": "drives a real Chromium",
    "scaled": "starts PostgreSQL and Redis",
}


# Beside booting guests, being slow says nothing about the code.
profiles.register_profile(
    "kvmweb", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
profiles.load_profile("kvmweb")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks; `--strict-markers` refuses all others."""
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without root there is no lab: its tests are left out, loudly."""
    for item in items:
        if item.get_closest_marker("lab") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: run `make test` as root"))


def claim_number() -> tuple[int, socket.socket]:
    """A lab number that nobody on this machine uses; it is ours while the socket is open."""
    for number in range(1, 200):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0kvmweb-lab-{number}")
        except OSError:
            claim.close()
            continue
        return number, claim
    raise RuntimeError("200 labs run already")


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Rights and counted sign-in attempts of another test are none of this one's."""
    from django.core.cache import caches

    from kvmweb.access import judge
    from kvmweb.services import guests, pool_figures

    judge.forget()
    guests.forget()
    pool_figures.forget()
    for name in ("default", "door"):
        caches[name].clear()


@pytest.fixture
def run_folder(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the host workers of this test listen."""
    folder = tmp_path_factory.mktemp("run")
    settings.KVMWEB_RUN_DIR = folder
    return folder


@pytest.fixture(scope="session")
def new_lab() -> Iterator[Callable[..., LabHost]]:
    """Start further hosts: `new_lab()`; all are stopped at the end of the session."""
    started: list[tuple[LabHost, socket.socket]] = []

    def start(**options: int) -> LabHost:
        number, claim = claim_number()
        host = LabHost(f"lab{number}", number, **options)
        started.append((host, claim))
        return host.start()

    yield start
    for host, claim in started:
        host.stop()
        claim.close()


@pytest.fixture(scope="session")
def kept_lab(new_lab: Callable[..., LabHost]) -> LabHost:
    """This worker's libvirt host, with network and pool `default`, kept for the whole session."""
    return new_lab()


@pytest.fixture(scope="module")
def lab(kept_lab: LabHost) -> LabHost:
    """The kept host, without guests and volumes of the files that came before."""
    kept_lab.revive()
    kept_lab.clear()
    return kept_lab


@pytest.fixture(autouse=True)
def living_lab(request: pytest.FixtureRequest) -> None:
    """libvirtd 9.0 crashes now and then under such faults: that may cost one test, not the rest."""
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").revive()


@pytest.fixture
def busybox_guest(lab: LabHost) -> Iterator[Callable[..., str]]:
    """Define a guest on `lab`: `busybox_guest("web01", start=True, deaf=True)` answers its UUID.

    Options: `tests.lab.guests.GuestOptions`.  `booted=True` also waits until it has a shell.
    All guests made with it are gone after the test.
    """
    made: list[str] = []

    def make(name: str, *, booted: bool = False, **options: object) -> str:
        uuid = lab.define_guest(name, start=booted or bool(options.pop("start", False)), **options)
        made.append(uuid)
        if booted:
            lab.wait_ready(name)
        return uuid

    yield make
    lab.forget(*made)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal's data folder with the administrator `ada`, for `Portal.furnish`."""
    portal = Portal(tmp_path_factory.mktemp("installed"))
    portal.manage("migrate", "-v0")
    portal.manage("createadmin", "--username", "ada", "--password-stdin", stdin=PASSWORD)
    return portal.folder


@pytest.fixture(scope="session")
def furnished(installed: Path, kept_lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `installed`, and it knows the kept host as `lab`."""
    portal = Portal(tmp_path_factory.mktemp("furnished"))
    portal.furnish(installed)
    portal.manage("addhost", "lab", kept_lab.uri)
    return portal.folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL's empty database."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis."""
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """This worker's Chromium: one for all its tests, each opens contexts of its own.

    Emulated guests and four portals share two processors here: what is asked to happen "soon"
    gets a quarter of a minute; what is asked to happen within seconds says so in its test.
    """
    expect.set_options(timeout=15_000)
    with browsers.running() as chrome:
        yield chrome


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep the browser's event loop out of the way of tests that use none."""
    if "browser" in getattr(item, "fixturenames", ()):
        return (yield)
    with browsers.out_of_the_way():
        return (yield)


@pytest.fixture(scope="module")
def wired(new_lab: Callable[..., LabHost]) -> Iterator[LabHost]:
    """A host with a network card more, all of it set up by ifupdown."""
    lab = new_lab()
    ifupdown.furnish(lab)
    lab.inside("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1")
    yield lab
    lab.stop()
