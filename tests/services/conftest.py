"""What the services' tests act on and as whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmweb.core.actors import Actor
from tests.lab.host import LabHost
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
