"""Two hubs, one host: exactly one writes, and another takes over whatever becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from tests.lab.host import LabHost
from tests.scaled.conftest import Database, Machine, until

pytestmark = [pytest.mark.scaled, pytest.mark.lab]

GUESTS = "SELECT uuid, state FROM inventory_guest WHERE NOT is_gone"
TAKEOVER_S = 10.0


@pytest.fixture
def host(lab: LabHost) -> Iterator[LabHost]:
    lab.clear()
    yield lab
    lab.clear()


@pytest.fixture
def hubs(
    machines: tuple[Machine, Machine], database: Database, host: LabHost
) -> dict[int, subprocess.Popen[bytes]]:
    """Both are up, one of them has the host."""
    database.add_host("lab", host.uri)
    started = [machine.start_hub() for machine in machines]
    until(lambda: database.is_up("lab"), 30)
    until(lambda: all("link up" in machine.log for machine in machines), 30)
    return {process.pid: process for process in started}


class Ear:
    """Every notice that any hub publishes, as Redis carries it."""

    def __init__(self, url: str) -> None:
        self.heard: list[bytes] = []
        self._pubsub = redis.Redis.from_url(url).pubsub()
        self._pubsub.psubscribe("*")
        self._is_open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while self._is_open:
            message = self._pubsub.get_message(timeout=0.1)
            if message and message["type"] == "pmessage":
                self.heard.append(message["data"])

    def close(self) -> None:
        self._is_open = False
        self._thread.join()
        self._pubsub.close()

    def has(self, uuid: str) -> bool:
        return any(uuid.encode() in data for data in self.heard)


@pytest.fixture
def ear(redis_url: str) -> Iterator[Ear]:
    opened = Ear(redis_url)
    yield opened
    opened.close()


def states(database: Database) -> dict[str, str]:
    return dict(database.rows(GUESTS))


def real_states(host: LabHost) -> dict[str, str]:
    uuids = host.virsh("list", "--all", "--uuid").split()
    return {uuid: host.state(uuid).replace("shut off", "shut-off") for uuid in uuids}


def test_exactly_one_hub_holds_the_host_and_both_have_a_worker(
    hubs: dict[int, subprocess.Popen[bytes]],
    machines: tuple[Machine, Machine],
    database: Database,
) -> None:
    assert database.leaseholder() in hubs
    for machine in machines:
        assert (machine.folder / "run" / "lab.sock").exists(), "its web process needs it"


def test_kill_9_of_the_holder_is_taken_over_and_nothing_is_missed(
    hubs: dict[int, subprocess.Popen[bytes]], database: Database, host: LabHost, ear: Ear
) -> None:
    before = [host.define_guest(f"g{n}", kernel=False, memory_mib=32, network="") for n in range(4)]
    until(lambda: set(before) <= states(database).keys())
    time.sleep(0.5)
    ear.heard.clear()
    holder = database.leaseholder()
    os.kill(holder, signal.SIGKILL)
    began = time.monotonic()
    host.virsh("start", "g0")  # while nobody holds the host
    host.virsh("undefine", "g1")
    fresh = host.define_guest("late", kernel=False, memory_mib=32, network="")
    until(lambda: database.leaseholder() not in (0, holder), TAKEOVER_S)
    leased = time.monotonic() - began
    until(lambda: states(database) == real_states(host), TAKEOVER_S)
    took = time.monotonic() - began
    print(f"holder killed -9: leased after {leased:.1f} s, mirror right after {took:.1f} s")
    assert took < TAKEOVER_S
    until(lambda: all(ear.has(uuid) for uuid in (before[0], before[1], fresh)), 5)
    assert not ear.has(before[2]), "what did not change is not told"
    hubs[holder].wait(5)


def test_a_killed_hub_leaves_no_worker_behind(
    hubs: dict[int, subprocess.Popen[bytes]], machines: tuple[Machine, Machine]
) -> None:
    process = hubs[next(iter(hubs))]
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(children) as listing:
        worker = int(listing.read().split()[0])
    process.kill()
    process.wait(5)
    until(lambda: not os.path.exists(f"/proc/{worker}"), 5)


def test_a_frozen_holder_is_taken_over_and_writes_nothing_when_it_wakes(
    hubs: dict[int, subprocess.Popen[bytes]], database: Database, host: LabHost
) -> None:
    uuid = host.define_guest("one", kernel=False, memory_mib=32, network="")
    until(lambda: uuid in states(database))
    holder = database.leaseholder()
    os.kill(holder, signal.SIGSTOP)
    began = time.monotonic()
    host.virsh("start", "one")
    until(lambda: states(database).get(uuid) == "running", TAKEOVER_S + 1)
    print(f"holder frozen: taken over after {time.monotonic() - began:.1f} s")
    successor = database.leaseholder()
    host.virsh("suspend", "one")
    until(lambda: states(database).get(uuid) == "paused", 5)
    os.kill(holder, signal.SIGCONT)
    for _ in range(40):
        assert states(database).get(uuid) == "paused"
        assert database.leaseholder() == successor
        time.sleep(0.1)


def test_a_lost_lease_session_is_noticed_and_the_host_taken_again(
    hubs: dict[int, subprocess.Popen[bytes]], database: Database, host: LabHost
) -> None:
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    )
    until(lambda: database.leaseholder() in hubs, TAKEOVER_S)
    uuid = host.define_guest("after", kernel=False, memory_mib=32, network="")
    until(lambda: uuid in states(database), 5)


def test_a_hub_told_to_end_hands_over_at_once(
    hubs: dict[int, subprocess.Popen[bytes]], database: Database
) -> None:
    holder = database.leaseholder()
    hubs[holder].terminate()
    took = until(lambda: database.leaseholder() not in (0, holder), 5)
    print(f"holder ended: taken over after {took:.1f} s")
    assert hubs[holder].wait(10) == 0
