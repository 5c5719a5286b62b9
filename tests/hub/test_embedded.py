"""The portal with its hub inside, killed with -9 and started again."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.portal import Portal
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab


@pytest.fixture
def portal(lab: LabHost, furnished: Path, tmp_path: Path) -> Iterator[Portal]:
    lab.clear()
    portal = Portal(tmp_path)
    portal.furnish(furnished)
    portal.start()
    yield portal
    portal.stop()
    lab.clear()


def hosts(portal: Portal) -> Any:
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f"{portal.url}/readyz", context=context, timeout=5) as answer:
            return json.loads(answer.read())["hosts"]
    except urllib.error.HTTPError as not_ready:
        return json.loads(not_ready.read())["hosts"]


def wait_up(portal: Portal) -> None:
    deadline = time.monotonic() + 20
    while hosts(portal) != {"lab": "up"}:
        assert time.monotonic() < deadline, portal.log()[-3000:]
        time.sleep(0.1)


def states(portal: Portal) -> dict[str, str]:
    words = "from kvmweb.inventory.models import Guest as G; print(dict(G.objects.filter(is_gone=False).values_list('name', 'state')))"  # noqa: E501
    found = portal.manage("shell", "-v0", "-c", words).strip().splitlines()[-1]
    return dict(eval(found))


def workers(portal: Portal) -> list[int]:
    """Processes that serve a socket below this portal's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"kvmweb.hostworker" in line and str(portal.folder).encode() in line:
            found.append(int(entry.name))
    return found


def test_killed_with_9_and_started_nothing_is_lost_or_doubled(portal: Portal, lab: LabHost) -> None:
    lab.define_guest("stays", start=True, kernel=False, memory_mib=32, network="")
    lab.define_guest("goes", kernel=False, memory_mib=32, network="")
    wait_up(portal)
    assert len(workers(portal)) == 1
    portal.kill()
    deadline = time.monotonic() + 5
    while workers(portal):
        assert time.monotonic() < deadline, "a worker outlived its portal"
        time.sleep(0.05)
    lab.virsh("undefine", "goes")
    lab.virsh("suspend", "stays")
    lab.define_guest("comes", kernel=False, memory_mib=32, network="")
    began = time.monotonic()
    portal.start()
    wait_up(portal)
    deadline = time.monotonic() + 10
    while states(portal) != {"stays": "paused", "comes": "shut-off"}:
        assert time.monotonic() < deadline, states(portal)
    print(f"killed with -9: right again {time.monotonic() - began:.1f} s after its start")
    assert len(workers(portal)) == 1
    assert lab.state("stays") == "paused"


def test_ctrl_c_ends_the_worker_too(portal: Portal) -> None:
    wait_up(portal)
    portal.stop()
    deadline = time.monotonic() + 5
    while workers(portal):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not os.path.exists(portal.folder / "run" / "lab.sock")
