"""Bridges of a real host by its real ifupdown: made, kept, and gone again when nobody answers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmweb.core.errors import Busy, Conflict, Exists, Invalid, NotFound, WrongState
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.hostworker.sites import Site
from tests.lab import ifupdown
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab


@pytest.fixture
def site(wired: LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PATH", f"{ifupdown.program()}:{os.environ['PATH']}")
    etc = ifupdown.reset(wired)
    with WorkerProcess(wired.uri, tmp_path) as worker, Listener(worker) as heard:
        heard.wait_listed()
        yield Site(wired, etc, worker, heard)


def test_a_bridge_is_made_with_the_address_of_its_interface_and_kept(site: Site) -> None:
    trial = site.begin("create", "br0", "eth0")
    site.wait("trial")
    assert site.links()["br0"] == f"{site.lab.address}/24"
    assert "eth0" not in site.links()
    assert site.is_reached()
    site.keep(trial)
    site.wait("kept")
    assert "auto br0" in site.file
    assert "iface eth0 inet manual" in site.file
    assert "# The loopback interface" in site.file

    site.change("attach", "br0", "eth1")
    assert "eth1" in site.lab.inside("ls", "/sys/class/net/br0/brif")
    site.change("detach", "br0", "eth1")
    assert "eth1" not in site.lab.inside("ls", "/sys/class/net/br0/brif")

    site.change("delete", "br0")
    assert not site.exists("br0")
    assert site.links()["eth0"] == f"{site.lab.address}/24"
    assert site.is_reached()


def test_a_host_that_is_not_reached_again_has_its_former_network_back(site: Site) -> None:
    """The bridge has no address: whoever comes from outside is cut off."""
    site.change("create", "br1", "eth1")
    before = site.file
    site.begin("attach", "br1", "eth0", back_s=4)
    began = time.monotonic()
    site.wait("trial")
    assert not site.is_reached()
    site.wait("returned")
    assert time.monotonic() - began < 30
    assert site.is_reached()
    assert site.file == before
    assert site.links()["eth0"] == f"{site.lab.address}/24"


def test_the_former_state_returns_also_when_the_worker_was_killed(site: Site) -> None:
    site.begin("create", "br0", "eth0", back_s=4)
    site.wait("trial")
    assert site.worker.process is not None
    site.worker.process.kill()
    wait_for(lambda: not site.exists("br0"), 30, "the bridge is still there")
    wait_for(lambda: site.file == site.before, 10, "the file is not what it was")
    wait_for(site.is_reached, 20, "the host is not reached")


def test_what_a_host_that_went_down_left_open_returns_when_it_is_looked_at_again(
    site: Site, start_worker: Callable[[str], WorkerProcess]
) -> None:
    trial = site.begin("create", "br0", "eth0", back_s=60)
    site.wait("trial")
    site.worker.stop()
    folder = site.lab.folder / ifupdown.PLACES[ifupdown.STATE] / trial
    site.lab.inside("kill", "-9", site.watcher(trial))  # as if the power failed
    told = json.loads((folder / "trial").read_text())
    (folder / "trial").write_text(json.dumps({**told, "boot": "another"}))
    assert site.exists("br0")
    start_worker(site.lab.uri)
    wait_for(lambda: (folder / "ended").exists(), 30, "nothing was taken back")
    assert not site.exists("br0")
    assert site.file == site.before
    assert site.is_reached()


def test_a_change_that_fails_is_taken_back_at_once(site: Site) -> None:
    site.etc.joinpath("if-pre-up.d").mkdir(exist_ok=True)
    hook = site.etc / "if-pre-up.d/refuse"
    hook.write_text('#!/bin/sh\nif [ "$IFACE" = br0 ]; then echo not today >&2; exit 1; fi\n')
    hook.chmod(0o755)
    site.begin("create", "br0", "eth0")
    trial = site.wait("failed")
    assert "not today" in trial["log"]
    assert not site.exists("br0")
    assert site.file == site.before
    assert site.links()["eth0"] == f"{site.lab.address}/24"


def test_it_returns_at_once_when_asked_and_is_not_settled_twice(site: Site) -> None:
    trial = site.begin("create", "br0", "eth0")
    with pytest.raises((WrongState, Busy)):
        site.keep(trial)
    with pytest.raises(Busy):
        site.begin("create", "br1", "eth1")
    site.wait("trial")
    site.keep(trial, is_kept=False)
    site.wait("returned")
    assert site.is_reached()
    with pytest.raises(WrongState):
        site.keep(trial)
    with pytest.raises(NotFound):
        site.keep("00")


def test_what_cannot_be_is_refused_before_anything_is_touched(site: Site) -> None:
    with pytest.raises(Invalid):
        site.begin("create", "br0;reboot", "eth0")
    with pytest.raises(Invalid):
        site.begin("create", "b" * 16, "eth0")
    with pytest.raises(Exists):
        site.begin("create", "virbr0", "eth0")
    with pytest.raises(WrongState):
        site.begin("create", "br0", "nothere")
    with pytest.raises(NotFound):
        site.begin("delete", "virbr0")
    with pytest.raises(Conflict):
        site.worker.call(
            "host.network", act="create", bridge="br0", device="eth0", digest="old", back_s=30
        )
    assert site.file == site.before
