"""What breaks around the worker, for real: libvirtd killed and frozen, QEMU stopped and killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmweb.core import errors
from tests.hostworker.process import Listener, WorkerProcess, wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def worker(lab, tmp_path: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess(lab.uri, tmp_path) as process:
        yield process


@pytest.fixture
def heard(worker) -> Iterator[Listener]:
    with Listener(worker) as listener:
        yield listener.wait_listed()


def test_killed_libvirtd_comes_back_with_everything_right(lab, worker, heard, busybox_guest):
    kept = busybox_guest("kept", start=True)
    killed = busybox_guest("killed", start=True)
    heard.wait_state(killed, "running", 10)
    for _ in range(2):
        lab.kill_libvirtd()
        assert heard.wait_link("down", 3) < 1
        with pytest.raises(errors.HostDown):
            worker.call("guest.suspend", uuid=kept)
        assert heard.guest(kept)["state"] == "running"
        if heard.guest(killed)["state"] == "running":
            os.kill(lab.qemu_pid("killed"), signal.SIGKILL)
        heard.listed.clear()
        lab.restart_libvirtd()
        returned = time.monotonic()
        heard.wait_link("up", 5)
        heard.wait_listed(5, besides="volume")  # the pools' reconcile corrects those one by one
        heard.wait_state(killed, "shut-off", 5)
        assert time.monotonic() - returned < 5
    heard.frames.clear()
    worker.call("guest.suspend", uuid=kept)
    heard.wait_state(kept, "paused", 3)
    time.sleep(0.5)
    changes = [f for _, f in heard.frames if f["type"] == "guest" and f["record"]["uuid"] == kept]
    assert len(changes) == 1, "one change, heard once"


def test_frozen_libvirtd_is_silent_and_nobody_waits(lab, worker, heard, busybox_guest):
    uuid = busybox_guest("frozen", start=True)
    heard.wait_state(uuid, "running", 10)
    lab.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(errors.HostDown):
            worker.call("guest.suspend", uuid=uuid)
        assert time.monotonic() - began < 5
        heard.wait_link("silent", 6)
        began = time.monotonic()
        with pytest.raises(errors.HostDown, match="not answer"):
            worker.call("guest.start", uuid=uuid)
        assert time.monotonic() - began < 0.5
        assert worker.process.poll() is None
        assert heard.guest(uuid)["state"] == "running"
    finally:
        lab.thaw()
    heard.wait_link("up", 12)
    worker.call("guest.suspend", uuid=uuid)
    heard.wait_state(uuid, "paused", 8)


def test_worker_of_a_host_frozen_for_long_ends_itself_and_a_new_one_works(
    lab, worker, heard, tmp_path_factory
):
    lab.freeze()
    try:
        assert worker.process.wait(30) == 75
        folder = tmp_path_factory.mktemp("again")
        with WorkerProcess(lab.uri, folder) as again, Listener(again) as listener:
            listener.wait_link("silent", 6)
            lab.thaw()
            listener.wait_link("up", 10)
            listener.wait_listed()
    finally:
        lab.thaw()


def test_host_lost_on_the_network_is_silent_and_comes_back(lab, tmp_path):
    drop = ("INPUT", "-p", "tcp", "--dport", "16509", "-j", "DROP")
    with WorkerProcess(lab.tcp_uri, tmp_path) as far, Listener(far) as listener:
        listener.wait_listed()
        assert listener.host["has_kvm_module"] is None, "not our machine: unknown"
        lab.inside("iptables", "-A", *drop)
        try:
            assert listener.wait_link("silent", 8) < 8
            with pytest.raises(errors.HostDown):
                far.call("host.ping")
        finally:
            lab.inside("iptables", "-D", *drop)
        listener.wait_link("up", 15)


def test_stuck_guest_delays_nobody_and_can_be_forced_off(lab, worker, heard, busybox_guest):
    stuck = busybox_guest("stuck", start=True)
    others = [busybox_guest(f"well{order}", start=True) for order in range(2)]
    everybody = {stuck, *others}
    wait_for(
        lambda: all(heard.samples.get(u, {}).get("cpu") is not None for u in everybody),
        15,
        "no samples",
    )
    os.kill(lab.qemu_pid("stuck"), signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: not heard.samples[stuck]["is_answering"], 10, "not noticed")
    print(f"noticed after {time.monotonic() - stopped:.1f} s")
    worst, last = 0.0, heard.sampled_at
    until = time.monotonic() + 8
    while time.monotonic() < until:
        time.sleep(0.05)
        if heard.sampled_at != last:
            worst, last = max(worst, heard.sampled_at - last), heard.sampled_at
            assert all(heard.samples[u]["cpu"] is not None for u in others)
            assert all(heard.samples[u]["is_answering"] for u in others)
            assert not heard.samples[stuck]["is_answering"]
    assert worst < 3, "the others' figures stay fresh"
    with pytest.raises(errors.Busy):
        worker.call("guest.shutdown", uuid=stuck)
    began = time.monotonic()
    worker.call("guest.suspend", uuid=others[0])
    assert time.monotonic() - began < 2
    began = time.monotonic()
    worker.call("guest.destroy", uuid=stuck)
    heard.wait_state(stuck, "shut-off", 5)
    assert time.monotonic() - began < 20
    wait_for(lambda: stuck not in heard.samples, 10, "still sampled")
    assert heard.links[-1][1] == "up"


def test_guest_that_goes_on_answers_again(lab, heard, busybox_guest):
    uuid = busybox_guest("fainted", start=True)
    wait_for(lambda: heard.samples.get(uuid, {}).get("cpu") is not None, 15, "no samples")
    pid = lab.qemu_pid("fainted")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: not heard.samples[uuid]["is_answering"], 10, "not noticed")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: heard.samples[uuid]["is_answering"], 8, "still not answering")
    wait_for(lambda: heard.samples[uuid]["cpu"] is not None, 8, "no figures")


def test_killed_qemu_is_crashed_within_a_second(lab, heard, busybox_guest):
    uuid = busybox_guest("crash", start=True)
    heard.wait_state(uuid, "running", 10)
    os.kill(lab.qemu_pid("crash"), signal.SIGKILL)
    began = time.monotonic()
    assert heard.wait_state(uuid, "shut-off", 3)["reason"] == "crashed"
    assert time.monotonic() - began < 1.5


def test_stopped_worker_costs_its_caller_the_deadline_only(worker):
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(errors.HostDown):
            worker.call("host.ping", deadline_s=1.0)
        assert 0.9 < time.monotonic() - began < 1.5
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    assert worker.call("host.ping")
