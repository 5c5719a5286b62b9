"""Parts of the host that are read for themselves: at first, when touched, and on the clock.

On a line of their own, for some take seconds: a hundred devices are a hundred round trips.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.core.bridges import BridgesRecord
from kvmweb.core.hosts import Part
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hypervisor import bridges, hosts, nodedevices, readiness, secrets
from kvmweb.hypervisor.connections import Lines

log = logging.getLogger(__name__)

GATHER_S = 0.3
"""Devices come and go in bursts: one reading for all of them."""
EVERY_S = {
    Part.HARDWARE: 60.0, Part.READINESS: 600.0, Part.DEVICES: 300.0, Part.SECRETS: 300.0,
    Part.BRIDGES: 300.0,
}  # fmt: skip
TRIAL_S = 0.5
"""While a change of the host's network is on trial, somebody looks at the clock."""

Read = Callable[[libvirt.virConnect], Any]


class Parts:
    """Reads on the lines of one link."""

    def __init__(self, lines: Lines, publisher: Publisher, changed: Callable[[], None]) -> None:
        """changed: the network of the host itself is another one now."""
        self._changed = changed
        self._bridges: BridgesRecord | None = None
        self._lines = lines
        self._publisher = publisher
        self._touched = {part: asyncio.Event() for part in Part}
        uri = lines.uri
        self._reads: dict[Part, Read] = {
            Part.HARDWARE: lambda c: hosts.hardware(c, uri),
            Part.READINESS: lambda c: readiness.read(c, uri),
            Part.DEVICES: nodedevices.read_all,
            Part.SECRETS: secrets.read_all,
            Part.BRIDGES: lambda c: bridges.read(c, uri),
        }

    def touch(self, part: Part) -> None:
        """It may have changed."""
        self._touched[part].set()

    async def run(self) -> None:
        """All of them, for ever. What a host refuses is left out; a lost link is seen by others."""
        await asyncio.gather(*(self._keep(part, read) for part, read in self._reads.items()))

    async def _keep(self, part: Part, read: Read) -> None:
        touched = self._touched[part]
        while True:
            touched.clear()
            pause_s = EVERY_S[part]
            try:
                line = self._lines.of("parts")
                record = await asyncio.wrap_future(line.submit(read))
                self._publisher.set_part(part, record, time.time())
                if isinstance(record, BridgesRecord):
                    pause_s = self._looked(record, pause_s)
            except errors.Problem as problem:
                log.info("no %s: %s", part, problem)
            try:
                async with asyncio.timeout(pause_s):
                    await touched.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                continue

    def _looked(self, found: BridgesRecord, pause_s: float) -> float:
        """How soon to look again."""
        before, self._bridges = self._bridges, found
        if before is not None and before != found:
            self._changed()
        return TRIAL_S if found.trial and found.trial.is_open else pause_s
