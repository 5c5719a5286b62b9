"""What is looked after on the clock, in every web process; two that do it at once do no harm.

A chore is a row of CHORES.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from kvmweb.services import (
    bins,
    bridges,
    discs,
    freezes,
    jobs,
    snapshot_pictures,
    uploads,
    uploads_line,
    versions,
)
from kvmweb.services.marks import internal

log = logging.getLogger(__name__)

Chore = Callable[[], None]

CHORES: tuple[tuple[float, Chore], ...] = (
    (10.0, jobs.sweep),
    (10.0, bridges.sweep),
    (3.0, freezes.sweep),
    (60.0, uploads_line.sweep),
    (10.0, discs.read_new),
    (60.0, snapshot_pictures.sweep),
    (300.0, uploads.sweep),
    (300.0, bins.sweep),
    (600.0, versions.sweep),
)
"""Seconds between two rounds, and what is done in each."""


@internal("the porch runs it")
async def run() -> None:
    """All chores, each at its own pace, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for pace, chore in CHORES:
            group.create_task(_repeat(pace, chore))


async def _repeat(pace: float, chore: Chore) -> None:
    while True:
        await asyncio.sleep(pace)
        try:
            await sync_to_async(_do, thread_sensitive=False)(chore)
        except Exception:
            log.exception("%s failed; it comes again", chore.__qualname__)


def _do(chore: Chore) -> None:
    close_old_connections()
    try:
        chore()
    finally:
        close_old_connections()
