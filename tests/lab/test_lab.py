"""The lab itself: if these fail, no other lab test says anything about the product."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import cgroups
from tests.lab.host import REPOSITORY, sweep

pytestmark = pytest.mark.lab


def test_guest_boots_gets_an_address_and_obeys_the_power_button(lab, busybox_guest):
    busybox_guest("lab-web", booted=True, serials=2)
    deadline = time.monotonic() + 40
    while "ipv4" not in lab.virsh("net-dhcp-leases", "default"):
        assert time.monotonic() < deadline, "no lease"
        time.sleep(0.3)
    lab.virsh("shutdown", "lab-web", "--mode", "acpi")
    lab.wait_state("lab-web", "shut off")


def test_deaf_guest_ignores_the_power_button(lab, busybox_guest):
    busybox_guest("lab-deaf", booted=True, deaf=True)
    lab.virsh("shutdown", "lab-deaf", "--mode", "acpi")
    time.sleep(3)
    assert lab.state("lab-deaf") == "running"


def test_guests_survive_killed_libvirtd(lab, busybox_guest):
    busybox_guest("lab-kept", start=True)
    pid = lab.qemu_pid("lab-kept")
    lab.kill_libvirtd()
    with pytest.raises(Exception, match="lab-kept"):
        lab.state("lab-kept")
    lab.restart_libvirtd()
    assert lab.state("lab-kept") == "running"
    assert lab.qemu_pid("lab-kept") == pid


def test_frozen_host_is_silent_until_it_thaws(lab):
    lab.freeze()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            lab.virsh("list", timeout_s=1)
    finally:
        lab.thaw()
    assert lab.virsh("uri")


def test_a_host_that_comes_and_goes_changes_no_address_before_a_browser(new_lab):
    changes = subprocess.Popen(["ip", "monitor", "address"], stdout=subprocess.PIPE, text=True)
    try:
        other = new_lab()
        reached = subprocess.run(
            ["nsenter", "-t", str(other.pid1), "--net", "ip", "route", "get",
             f"10.77.{other.number}.254"], capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "dev eth0" in reached.stdout
        other.stop()
    finally:
        changes.terminate()
    said = changes.communicate()[0]
    assert f"kvl{other.number}" not in said


def test_two_labs_run_side_by_side(lab, new_lab):
    other = new_lab()
    assert other.virsh("hostname") != lab.virsh("hostname")
    assert other.virsh("list", "--all", "--name") == ""
    other.stop()
    assert not other.folder.exists()


def test_nothing_stays_when_the_tests_are_killed():
    number = 200 + os.getpid() % 50
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from tests.lab.host import LabHost\n"
        f"host = LabHost('killed{number}', {number}).start()\n"
        "host.define_guest('orphan', start=True)\n"
        "print(host.folder, host.qemu_pid('orphan'), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(REPOSITORY)], capture_output=True, text=True, check=False
    )
    folder, qemu = done.stdout.split()
    traces = [Path(f"/proc/{qemu}"), Path(folder), *cgroups.folders(f"kvl-killed{number}")]
    deadline = time.monotonic() + 15
    while any(path.exists() for path in traces):
        assert time.monotonic() < deadline, [path for path in traces if path.exists()]
        sweep()
        time.sleep(0.1)


@pytest.mark.scaled
def test_servers_answer(postgres_url, redis_url):
    import psycopg
    import redis

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    client = redis.Redis.from_url(redis_url)
    assert client.ping()
    client.close()
