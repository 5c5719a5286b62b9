"""Keeps the volumes of active pools true. They have no events: names are listed at every reconcile,
new ones read at once, known ones again in turn, so that a pool of thousands costs a bounded time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import libvirt

from kvmweb.core import refs
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hypervisor import volumes

PIECE = 50
"""Volumes read in one turn of the line: some 25 ms."""
AGAIN = 300
"""Known volumes of one pool that are read again at each reconcile, the longest unread first."""

On = Callable[[str, Callable[[libvirt.virConnect], Any]], Coroutine[Any, Any, Any]]
"""Has a line of this purpose do this work. Raises TimeoutError when it hangs."""


class Volumes:
    """Reads on a line of its own: a store that hangs delays neither pools nor guests."""

    def __init__(self, on: On, publisher: Publisher) -> None:
        self._on = on
        self._publisher = publisher
        self._read_at: dict[tuple[str, str], float] = {}

    async def list_all(self) -> None:
        """Every active pool; what none of them holds is gone."""
        pools = [uuid for uuid in self._publisher.records["pool"] if self._is_active(uuid)]
        for uuid in pools:
            await self.read_pool(uuid)
        for identity, record in list(self._publisher.records["volume"].items()):
            if getattr(record, "pool", "") not in pools:
                self._publisher.set_gone("volume", identity)
        if not self._publisher.is_listed("volume"):
            self._publisher.set_listed("volume")

    async def read_pool(self, uuid: str, *, whole: bool = False) -> None:
        """What this pool holds. whole: read every volume again, as after a refresh."""
        names = await self._on("volumes", partial(volumes.names, uuid=uuid))
        known = self._publisher.volumes(uuid)
        for name in known.keys() - set(names):
            self._gone(uuid, name)
        fresh = [name for name in names if name not in known]
        seen = [name for name in names if name in known]
        seen.sort(key=lambda name: self._read_at.get((uuid, name), 0.0))
        wanted = fresh + (seen if whole else seen[:AGAIN])
        for start in range(0, len(wanted), PIECE):
            await self.read(uuid, wanted[start : start + PIECE])

    async def read(self, uuid: str, names: list[str]) -> None:
        """These volumes of this pool."""
        found = await self._on("volumes", partial(volumes.read_some, uuid=uuid, wanted=names))
        now = time.monotonic()
        for name, record in found.items():
            if record is None:
                self._gone(uuid, name)
                continue
            self._read_at[(uuid, name)] = now
            self._publisher.set_record("volume", record)

    async def follow_pool(self, uuid: str) -> None:
        """The pool was started, refreshed, changed or stopped: libvirt knows no volumes then."""
        if self._is_active(uuid):
            await self.read_pool(uuid, whole=True)
            return
        for name in self._publisher.volumes(uuid):
            self._gone(uuid, name)

    def _gone(self, uuid: str, name: str) -> None:
        self._read_at.pop((uuid, name), None)
        self._publisher.set_gone("volume", refs.volume_id(uuid, name))

    def _is_active(self, uuid: str) -> bool:
        pool = self._publisher.pool(uuid)
        return pool is not None and pool.is_active
