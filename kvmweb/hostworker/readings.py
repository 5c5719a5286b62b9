"""Keeps the publisher true: events are hints to read again, a reconcile corrects what had none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import libvirt

from kvmweb.core.records import NetworkRecord
from kvmweb.hostworker.publisher import Kind, Publisher, Record
from kvmweb.hostworker.volumes import Volumes
from kvmweb.hypervisor import interfaces, networks, nwfilters, pools
from kvmweb.hypervisor.connections import Lines
from kvmweb.hypervisor.guests import Reader

log = logging.getLogger(__name__)

T = TypeVar("T")

RECONCILE_S = 20.0
PATIENCE_S = 20.0
"""A line that works on one thing for longer is given up. A guest forced off while it is stuck
holds up every listing for 10 s (measured)."""
BATCH = 50
"""Guests read again in one turn of the line."""

_READERS: dict[Kind, Callable[..., Record | None]] = {
    "pool": pools.read,
    "network": networks.read,
    "nwfilter": nwfilters.read,
}


class Readings:
    """Reads on the lines of one link: `listing` for all guests, `reading` for those that an event
    named, `storage` for pools and networks, `volumes`, so that what hangs on one delays no other.
    """

    def __init__(self, lines: Lines, publisher: Publisher, reader: Reader) -> None:
        self._lines = lines
        self._publisher = publisher
        self._reader = reader
        self._volumes = Volumes(self._on, publisher)
        self._dirty: dict[tuple[Kind, str], float | None] = {}
        self._has_dirty = asyncio.Event()
        self._read_at: dict[str, float] = {}

    def touch(self, kind: Kind, identity: str, event_at: float | None) -> None:
        """This object may have changed. Several hints before the next reading are one.

        identity: a UUID; of a volume `<pool>/<name>`.
        """
        known = self._dirty.get((kind, identity))
        self._dirty[(kind, identity)] = known or event_at
        self._has_dirty.set()

    async def follow(self) -> None:
        """Read what was touched, for ever. Raises HostDown when the link is lost."""
        while True:
            await self._has_dirty.wait()
            batch = dict(list(self._dirty.items())[:BATCH])
            for key in batch:
                del self._dirty[key]
            if not self._dirty:
                self._has_dirty.clear()
            guests = {i: at for (kind, i), at in batch.items() if kind == "guest"}
            others = {key: at for key, at in batch.items() if key[0] != "guest"}
            with contextlib.suppress(TimeoutError):  # the next reconcile reads them
                await asyncio.gather(self._read_guests(guests), self._read_others(others))

    async def reconcile(self) -> None:
        """List everything, now and every RECONCILE_S. Raises HostDown when the link is lost."""
        while True:
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.gather(self.list_guests(), self.list_others())
            took = time.monotonic() - began
            log.debug("reconciled in %.2f s", took)
            await asyncio.sleep(max(RECONCILE_S / 2, RECONCILE_S - took))

    async def list_guests(self) -> None:
        """Read every guest, in chunks; events in between win over the listing."""
        began = time.monotonic()
        listing = await self._on("listing", self._reader.begin)
        while (chunk := await self._on("listing", listing.next)) is not None:
            for record in chunk:
                if self._read_at.get(record.uuid, 0.0) < began:
                    self._publisher.set_record("guest", record)
        known = set(listing.ids)
        for record in self._publisher.guests():
            if record.uuid not in known and self._read_at.get(record.uuid, 0.0) < began:
                self._gone(record.uuid, None)
        self._read_at = {i: at for i, at in self._read_at.items() if at >= began}
        self._publisher.set_listed("guest")

    async def list_others(self) -> None:
        """Read every pool, network, filter and interface of the host, then what the pools hold."""
        await self._list("pool", [*await self._on("storage", pools.read_all)])
        found = await self._on("storage", networks.read_all)
        await self._list("network", [self._dressed(record) for record in found])
        await self._list("nwfilter", [*await self._on("storage", nwfilters.read_all)])
        await self._list_interfaces()
        await self._volumes.list_all()

    async def _list_interfaces(self) -> None:
        """There are few, and what changes one changes others: all of them."""
        read = partial(interfaces.read_all, seen=interfaces.sight(self._lines.uri))
        await self._list("interface", [*await self._on("storage", read)])

    async def _list(self, kind: Kind, found: list[Record]) -> None:
        for record in found:
            self._publisher.set_record(kind, record)
        known = {record.uuid for record in found}
        for identity in [i for i in self._publisher.records[kind] if i not in known]:
            if (kind, identity) not in self._dirty:
                self._publisher.set_gone(kind, identity)
        self._publisher.set_listed(kind)

    async def _read_guests(self, batch: dict[str, float | None]) -> None:
        if not batch:
            return
        found = await self._on("reading", lambda c: self._reader.read_some(c, batch))
        now = time.monotonic()
        for uuid, record in found.items():
            self._read_at[uuid] = now
            if record is None:
                self._gone(uuid, batch[uuid])
            else:
                self._publisher.set_record("guest", record, batch[uuid])

    async def _read_others(self, batch: dict[tuple[Kind, str], float | None]) -> None:
        for (kind, identity), event_at in batch.items():
            if kind == "interface":
                await self._list_interfaces()
                continue
            uuid, _, volume = identity.partition("/")
            read: Kind = "pool" if volume else kind
            record = await self._on("storage", partial(_READERS[read], uuid=uuid))
            if record is None:
                self._publisher.set_gone(read, uuid, event_at)
            else:
                if isinstance(record, NetworkRecord):
                    record = self._dressed(record)
                self._publisher.set_record(read, record, event_at)
            if volume:
                await self._volumes.read(uuid, [volume])
            elif kind == "pool":
                await self._volumes.follow_pool(uuid)

    def _dressed(self, record: NetworkRecord) -> NetworkRecord:
        """With what is learned of its DHCP server on the clock."""
        is_silent = record.is_active and record.uuid in self._reader.details.silent
        return replace(record, is_dhcp_silent=is_silent)

    async def _on(self, purpose: str, work: Callable[[libvirt.virConnect], T]) -> T:
        """Raises TimeoutError when one object blocks the line, which is then given up."""
        future = asyncio.wrap_future(self._lines.of(purpose).submit(work))
        future.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(future)
        except TimeoutError:
            log.warning("%s hangs; trying a new line", purpose)
            self._lines.drop(purpose)
            raise

    def _gone(self, uuid: str, event_at: float | None) -> None:
        self._publisher.set_gone("guest", uuid, event_at)
        self._reader.forget(uuid)


def _retrieve(late: asyncio.Future[T]) -> None:
    """Nobody may be left to hear of it: then asyncio need not complain."""
    if not late.cancelled():
        late.exception()
