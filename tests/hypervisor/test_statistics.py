"""Counters into rates: arithmetic only, no hypervisor."""

from __future__ import annotations

import pytest

from kvmweb.hypervisor import statistics
from kvmweb.hypervisor.statistics import _Totals


def totals(at: float, cpu_s: float | None = None, **counters: int) -> _Totals:
    known = {"disk_read": 0, "disk_written": 0, "net_received": 0, "net_sent": 0} | counters
    return _Totals(at=at, cpu_ns=None if cpu_s is None else int(cpu_s * 1e9), **known)


@pytest.mark.parametrize(
    ("used_s", "elapsed", "vcpus", "percent"),
    [(1, 2, 1, 50), (2, 2, 2, 50), (9, 2, 1, 100), (0, 2, 4, 0)],
)
def test_cpu_is_percent_of_the_guests_own_vcpus(used_s, elapsed, vcpus, percent):
    found = statistics._cpu(totals(2, 10 + used_s), totals(0, 10), elapsed, vcpus)
    assert found == percent


def test_cpu_of_a_guest_that_restarted_is_unknown():
    assert statistics._cpu(totals(2, 1), totals(0, 10), 2, 1) is None
    assert statistics._cpu(totals(2), totals(0, 10), 2, 1) is None


def test_rate_never_falls_below_zero():
    assert statistics._rate(500, 100, 2.0) == 200.0
    assert statistics._rate(10, 100, 2.0) == 0


def test_totals_add_up_all_devices():
    figures = {
        "cpu.time": 5,
        "block.count": 2, "block.0.rd.bytes": 1, "block.1.rd.bytes": 2, "block.1.wr.bytes": 7,
        "net.count": 1, "net.0.rx.bytes": 3, "net.0.tx.bytes": 4,
    }  # fmt: skip
    found = statistics._totals(figures, 1.0)
    assert (found.disk_read, found.disk_written) == (3, 7)
    assert (found.net_received, found.net_sent) == (3, 4)


@pytest.mark.parametrize(
    ("figures", "used"),
    [
        ({"balloon.rss": 10}, 10 * 1024),
        ({"balloon.available": 100, "balloon.usable": 40, "balloon.last-update": 1}, 60 * 1024),
        ({"balloon.available": 9, "balloon.usable": 4, "balloon.last-update": 0,
          "balloon.rss": 2}, 2 * 1024),
        ({}, None),
    ],
)  # fmt: skip
def test_memory_is_the_balloons_word_where_it_speaks(figures, used):
    assert statistics._memory_used(figures) == used


def test_never_more_memory_is_used_than_the_guest_has():
    soon_after_boot = {"balloon.current": 96 * 1024, "balloon.rss": 192 * 1024}
    assert statistics._memory_used(soon_after_boot, 96 * 1024**2) == 96 * 1024**2
    assert statistics._memory_used({"balloon.rss": 50 * 1024}, 96 * 1024**2) == 50 * 1024**2
    assert statistics._memory_used({}, 96 * 1024**2) is None
