"""Redis away or frozen: pages, power and sign-in go on, and nothing is missed afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
import redis
import requests
from websockets.exceptions import WebSocketException

from tests.lab.host import LabHost
from tests.lab.servers import free_port
from tests.scaled.conftest import Database, Machine, until
from tests.scaled.test_stories import Person, Portal, host, is_shown_running, portal, pushed

__all__ = ["host", "portal"]
pytestmark = [pytest.mark.scaled, pytest.mark.lab]


@pytest.fixture
def redis_pid(redis_url: str) -> Iterator[int]:
    """Running again after the test."""
    pid = int(redis.Redis.from_url(redis_url).info()["process_id"])
    yield pid
    os.kill(pid, signal.SIGCONT)


def test_a_frozen_redis_stops_the_pushes_and_nothing_else(
    portal: Portal, host: LabHost, redis_pid: int
) -> None:
    uuid = host.define_guest("web01", kernel=False, memory_mib=32, network="")
    ada = Person("ada", portal.a)
    until(lambda: uuid in ada.get(portal.a, "/guests/"))
    with ada.live(portal.b, "/guests/") as socket:
        pushed(socket, "live-beat")
        os.kill(redis_pid, signal.SIGSTOP)
        began = time.monotonic()
        answer = ada.post(portal.a, f"/guests/lab/{uuid}/start/")
        took = time.monotonic() - began
        assert answer.status_code in (200, 204), answer.text
        assert took < 5, f"power took {took:.1f} s"
        until(lambda: host.state("web01") == "running", 5)
        took = until(lambda: is_shown_running(ada.get(portal.b, "/guests/"), uuid), 10)
        print(f"Redis frozen: the page is right after {took:.1f} s")
        began = time.monotonic()
        Person("ada", portal.b)
        print(f"Redis frozen: sign-in took {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began < 10
        os.kill(redis_pid, signal.SIGCONT)
        began = time.monotonic()
        pushed(socket, uuid, ">Running")
        print(f"Redis back: pushed after {time.monotonic() - began:.1f} s")


def test_without_any_redis_pages_are_served_and_say_so_until_it_is_there(
    database: Database,
) -> None:
    """Absent from the first moment on, as after a reboot in the wrong order."""
    port = free_port()
    machine = Machine("lone", database.url, f"redis://127.0.0.1:{port}/0")
    try:
        machine.start_jobs()
        machine.start_web()
        until(lambda: _answers(machine), 30)
        began = time.monotonic()
        ada = Person("ada", machine)
        assert "Guests" in ada.get(machine, "/guests/")
        print(f"no Redis: sign-in and a page took {time.monotonic() - began:.1f} s")
        assert time.monotonic() - began < 10
        ready = requests.get(f"{machine.url}/readyz", timeout=10, proxies={"http": ""})
        assert (ready.status_code, ready.json()["layer"]) == (503, False)
        with pytest.raises(WebSocketException), ada.live(machine, "/guests/") as socket:
            pushed(socket, "live-beat", timeout_s=5)
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: _layer(machine), 15)
            with ada.live(machine, "/guests/") as socket:
                pushed(socket, "live-beat")
        finally:
            server.terminate()
            server.wait(10)
    finally:
        machine.stop()


def _answers(machine: Machine) -> bool:
    try:
        return requests.get(f"{machine.url}/healthz", timeout=5, proxies={"http": ""}).ok
    except requests.RequestException:
        return False


def _layer(machine: Machine) -> bool:
    answer = requests.get(f"{machine.url}/readyz", timeout=10, proxies={"http": ""})
    return answer.json()["layer"] is True
