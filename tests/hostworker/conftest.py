from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostworker.process import Listener, WorkerProcess


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[[str], WorkerProcess]]:
    """Start a worker for this URI; ended after the test."""
    started: list[WorkerProcess] = []

    def start(uri: str) -> WorkerProcess:
        started.append(WorkerProcess(uri, tmp_path).start())
        return started[-1]

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def demo(start_worker: Callable[[str], WorkerProcess]) -> Iterator[tuple[WorkerProcess, Listener]]:
    """A worker of `test:///default` and what it says."""
    worker = start_worker("test:///default")
    with Listener(worker) as heard:
        yield worker, heard.wait_listed()
