"""What the process holds of memory that nobody uses."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from kvmweb.management import heap

MIB = 1024 * 1024


def held() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def test_what_is_free_below_something_in_use_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "PACE_S", 0.05)
    pieces = [bytes(3000) for _ in range(20_000)]
    last = pieces[-1]
    before = held()
    del pieces
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(heap.keep_small(), 1))
    assert held() < before - 30 * MIB
    assert len(last) == 3000
