from __future__ import annotations

import threading
import time

import pytest

from kvmweb.core import errors
from kvmweb.hypervisor import connections
from kvmweb.hypervisor.connections import Line, Lines


@pytest.fixture
def line():
    made = Line("test:///default", "tests")
    yield made
    made.retire()


def test_one_call_at_a_time_whoever_asks(line):
    running, most = [], []

    def work(_connection: object) -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.005)
        running.pop()

    threads = [threading.Thread(target=lambda: line.submit(work).result(5)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert line.load == 0


def test_call_that_is_late_stays_in_flight_and_is_seen(line):
    release = threading.Event()
    with pytest.raises(TimeoutError):
        line.call(lambda _: release.wait(5), 0.05)
    assert line.pending_s >= 0.05
    assert line.load == 1
    release.set()
    assert line.call(lambda c: c.getType(), 5) == "TEST"
    assert line.pending_s == 0


def test_line_that_was_given_up_takes_no_more_work(line):
    line.retire()
    with pytest.raises(errors.HostDown):
        line.submit(lambda c: c.getType())


def test_closed_connection_is_opened_again(line):
    line.submit(lambda c: c.close()).result(5)
    line._connection = None
    assert line.call(lambda c: c.getType(), 5) == "TEST"


def test_file_of_the_test_driver_has_one_line_for_all():
    lines = Lines("test:///default")
    assert lines.of("events") is lines.of("reading")
    lines.retire()


def test_busy_lines_are_avoided_up_to_a_limit():
    lines = Lines("qemu:///none")
    release = threading.Event()
    first = lines.freest("control", 2)
    assert lines.freest("control", 2) is first, "an idle line is taken again"
    first._waiting = 2
    second = lines.freest("control", 2)
    assert second is not first
    second._waiting = 1
    assert lines.freest("control", 2) is second
    release.set()
    lines.retire()


@pytest.mark.parametrize(
    ("uri", "is_local", "folder"),
    [
        ("qemu:///system", True, "/run/libvirt/qemu"),
        ("qemu+unix:///system?socket=/lab/run/libvirt-sock", True, "/lab/run/qemu"),
        ("qemu+ssh://root@far/system", False, None),
        ("qemu+ssh://root@far/system?socket=/run/libvirt/libvirt-sock", False, None),
        ("qemu+tcp:///system", False, None),
        ("test:///default", True, None),
        ("xen:///system", True, None),
    ],
)
def test_what_a_uri_says_about_this_machine(uri, is_local, folder):
    assert connections.is_local(uri) is is_local
    assert connections.run_folder(uri) == folder
