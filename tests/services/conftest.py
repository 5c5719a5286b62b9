"""What the services' tests act on and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from tests.hostworker.process import WorkerProcess
from tests.lab.host import LabHost
from tests.live.transfers import mirrored_pool
from tests.services.stage import person
from tests.services.workshop import Workshop


@pytest.fixture
def shop(run_folder: Path, lab: LabHost) -> Iterator[Workshop]:
    """The lab's host behind a worker and a mirror."""
    with Workshop(lab) as shop:
        yield shop


@pytest.fixture
def admin() -> Actor:
    return person("ada", "administrator")


@pytest.fixture
def creator() -> Actor:
    return person("cai", "creator")


@pytest.fixture
def editor() -> Actor:
    return person("ed", "editor")


@pytest.fixture(scope="module")
def worker(lab: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """Of the lab's host, for tests that bring the mirror along themselves."""
    with WorkerProcess(lab.uri, tmp_path_factory.mktemp("run")) as process:
        yield process


@pytest.fixture
def pool(lab: LabHost, worker: WorkerProcess, settings: Any, transactional_db: None) -> Ref:
    """The lab's pool, mirrored without what is in it."""
    settings.KVMWEB_RUN_DIR = worker.directory
    return mirrored_pool(lab.virsh("pool-uuid", "default").strip())
