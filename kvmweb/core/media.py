"""What can be put into a drive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Medium:
    """A volume that fits a drive. id: of the volume; capacity: bytes."""

    id: str
    name: str
    pool: str
    pool_name: str
    capacity: int
