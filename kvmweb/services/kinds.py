"""Every module that carries out a kind of long work; a job's worker imports them from here.

Not at the top of `job_worker`: these modules ask for jobs themselves.
"""

from __future__ import annotations

from kvmweb.services import (
    bins,
    cloning_work,
    creation_work,
    deletion,
    disk_moves_work,
    fetches,
    pool_acts,
    pool_making,
    power_cycle,
    uploads_line,
    volume_deletion,
    volume_works,
)

__all__ = [
    "bins",
    "cloning_work",
    "creation_work",
    "deletion",
    "disk_moves_work",
    "fetches",
    "pool_acts",
    "pool_making",
    "power_cycle",
    "uploads_line",
    "volume_deletion",
    "volume_works",
]
