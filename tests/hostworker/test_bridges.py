"""Bridges of a real host by its real ifupdown: made, kept, and gone again when nobody answers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core.errors import Busy, Conflict, Exists, Invalid, NotFound, WrongState
from tests.hostworker.process import Listener, WorkerProcess, wait_for
from tests.lab import ifupdown
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab


class Site:
    """A lab whose eth0 is set up by ifupdown, and a worker that may change it."""

    def __init__(self, lab: LabHost, etc: Path, worker: WorkerProcess, heard: Listener) -> None:
        self.lab, self.etc, self.worker, self.heard = lab, etc, worker, heard
        self.before = self.file

    @property
    def file(self) -> str:
        return (self.etc / "interfaces").read_text()

    def links(self) -> dict[str, str]:
        """Interface to its addresses."""
        lines = self.lab.inside("ip", "-o", "-4", "addr").splitlines()
        return {it.split()[1]: it.split()[3] for it in lines}

    def exists(self, name: str) -> bool:
        return name in self.lab.inside("ls", "/sys/class/net").split()

    def is_reached(self) -> bool:
        """From outside, over the wire: its libvirt answers there."""
        with socket.socket() as line:
            line.settimeout(1)
            return line.connect_ex((self.lab.address, 16509)) == 0

    def begin(self, act: str, bridge: str, device: str = "", back_s: int = 40) -> str:
        """The change, as soon as it is asked for; its id."""
        args = {"act": act, "bridge": bridge, "device": device}
        plan = self.worker.call("host.network_plan", **args)
        trial = self.worker.call("host.network", **args, digest=plan["digest"], back_s=back_s)
        return str(trial["id"])

    def wait(self, state: str, timeout_s: float = 30) -> dict[str, Any]:
        wait_for(lambda: self.trial()["state"] == state, timeout_s, lambda: str(self.trial()))
        return self.trial()

    def trial(self) -> dict[str, Any]:
        """What the worker said of it last."""
        frames = [it for _, it in self.heard.frames if it.get("part") == "bridges"]
        return (frames[-1]["record"]["trial"] if frames else None) or {"state": ""}

    def keep(self, trial: str, is_kept: bool = True) -> None:
        self.worker.call("host.network_settle", trial=trial, is_kept=is_kept)

    def change(self, act: str, bridge: str, device: str = "") -> None:
        """Done and kept."""
        trial = self.begin(act, bridge, device)
        self.wait("trial")
        self.keep(trial)
        self.wait("kept")


@pytest.fixture(scope="module")
def wired(new_lab: Callable[..., LabHost]) -> Iterator[LabHost]:
    """A host with a network card more, all of it by ifupdown."""
    lab = new_lab()
    ifupdown.furnish(lab)
    lab.inside("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1")
    yield lab
    lab.stop()


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
