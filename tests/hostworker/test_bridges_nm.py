"""Bridges of a real host by its real NetworkManager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hostworker.process import Listener, WorkerProcess
from tests.hostworker.sites import Site
from tests.lab import network_manager
from tests.lab.host import LabError, LabHost

pytestmark = pytest.mark.lab


@pytest.fixture
def site(
    new_lab: Callable[..., LabHost], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    lab = new_lab()
    with ExitStack() as stack:
        stack.callback(lab.stop)
        try:
            means = stack.enter_context(network_manager.running(lab))
        except LabError as error:
            pytest.skip(f"NetworkManager does not run here: {error}")
        lab.inside("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far1")
        lab.inside("ip", "link", "set", "eth1", "up")
        for name, value in means.items():
            monkeypatch.setenv(name, value)
        worker = stack.enter_context(WorkerProcess(lab.uri, tmp_path))
        heard = stack.enter_context(Listener(worker))
        heard.wait_listed()
        yield Site(lab, lab.folder / "nm", worker, heard)


def test_a_bridge_is_made_kept_joined_left_and_deleted(site: Site) -> None:
    address = f"{site.lab.address}/24"
    site.change("create", "br0", "eth0")
    assert site.members("br0") == ["eth0"]
    assert site.links()["br0"] == address
    assert "eth0" not in site.links()
    assert site.is_reached()
    site.change("attach", "br0", "eth1")
    assert sorted(site.members("br0")) == ["eth0", "eth1"]
    site.change("detach", "br0", "eth1")
    assert site.members("br0") == ["eth0"]
    site.change("delete", "br0")
    assert not site.exists("br0")
    assert site.links()["eth0"] == address
    assert site.is_reached()

    site.begin("create", "br0", "eth0", back_s=6)
    site.wait("trial")
    assert site.members("br0") == ["eth0"]
    site.wait("returned")
    assert not site.exists("br0")
    assert site.links()["eth0"] == address
    assert site.is_reached()
