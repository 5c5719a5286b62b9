"""What is fetched on the clock: statistics every 2 s; addresses and disk sizes every 20 s."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import libvirt

from kvmweb.core import errors
from kvmweb.core import networks as core
from kvmweb.core.addresses import LEASE
from kvmweb.core.records import GuestRecord, GuestState
from kvmweb.hostworker import addresses
from kvmweb.hostworker.addresses import AddressBook
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hypervisor import details as facts
from kvmweb.hypervisor import interfaces, networks
from kvmweb.hypervisor.connections import Line, Lines, is_test
from kvmweb.hypervisor.details import Sizes, Told
from kvmweb.hypervisor.guests import Reader
from kvmweb.hypervisor.statistics import Rounds

log = logging.getLogger(__name__)

ROUND_S = 2.0
DETAILS_S = 20.0
AFTER_START_S = (3.0, 8.0, 15.0)
"""A guest that boots takes its lease somewhere in between."""
AFTER_NETWORK_S = (0.2, 2.0)
"""One that was stopped and started leaves guests unplugged; its DHCP server takes a moment."""
BATCH = 200
SIZES_AT_ONCE = 50
SIZES_KEPT_S = 600.0
"""Disks of guests that are off change by other hands only: asked for again after this."""

T = TypeVar("T")


async def statistics(lines: Lines, publisher: Publisher, reader: Reader) -> None:
    """Round after round. Raises HostDown when the link is lost."""
    rounds = Rounds(lines, reader.details, lambda: publisher.link_state == "up")
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="rounds")
    try:
        while True:
            began = time.monotonic()
            if publisher.link_state != "up":
                await asyncio.sleep(ROUND_S)
                continue
            try:
                active = [guest.uuid for guest in publisher.guests() if guest.state.is_active]
                publisher.set_samples(*await loop.run_in_executor(thread, rounds.sample, active))
            except errors.HostDown:
                raise
            except errors.Problem as problem:
                log.warning("no statistics: %s", problem)
            took = time.monotonic() - began
            await asyncio.sleep(max(ROUND_S - took, min(2 * took, ROUND_S)))
    finally:
        thread.shutdown(wait=False)
        rounds.retire()


class Gathering:
    """Addresses and sizes, on lines where a silent agent or a hung store delays nobody else."""

    def __init__(self, lines: Lines, publisher: Publisher, reader: Reader) -> None:
        self._lines = lines
        self._publisher = publisher
        self._reader = reader
        self._due: list[float] = []
        self._wake = asyncio.Event()
        self._sized_at: dict[str, float] = {}
        self._book = AddressBook(lines)

    def started(self) -> None:
        """A guest started: look for its address a few times soon."""
        self._look_again(AFTER_START_S)

    def network_changed(self) -> None:
        """A network started or stopped: see who is unplugged."""
        self._look_again(AFTER_NETWORK_S)

    def _look_again(self, after_s: tuple[float, ...]) -> None:
        now = time.monotonic()
        self._due = sorted([*self._due, *(now + after for after in after_s)])[-32:]
        self._wake.set()

    async def run(self) -> None:
        """For ever. Raises HostDown when the link is lost."""
        await asyncio.sleep(0.5)
        while True:
            await self._addresses()
            await self._networks()
            await self._sizes()
            await self._dress()
            await self._until_due()

    async def _dress(self) -> None:
        """Give every record the details of now, with pauses for everybody else."""
        for order, known in enumerate(self._publisher.guests()):
            if order % BATCH == 0:
                await asyncio.sleep(0)
            record = self._publisher.guest(known.uuid)
            if record:
                self._publisher.set_record("guest", self._reader.dress(record))

    async def _until_due(self) -> None:
        regular = time.monotonic() + DETAILS_S
        while True:
            self._wake.clear()
            now = time.monotonic()
            first = min([regular, *self._due])
            if first <= now:
                self._due = [at for at in self._due if at > now]
                return
            try:
                async with asyncio.timeout(first - now):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _addresses(self) -> None:
        """Leases of all networks in one go, then what only single guests can tell."""
        active = [record for record in self._publisher.guests() if record.state.is_active]
        if is_test(self._lines.uri):
            found = await _on(self._lines.of("storage"), lambda c: _imitated(c, active))
        else:
            leases = await _on(self._lines.of("storage"), networks.leases)
            self._told(leases)
            found = await self._book.gather(active, leases)
        self._reader.details.addresses = found

    def _told(self, leases: dict[str, tuple[core.Lease, ...]]) -> None:
        for record in self._publisher.networks():
            if record.uuid in leases and record.leases != leases[record.uuid]:
                fresh = replace(record, leases=leases[record.uuid])
                self._publisher.set_record("network", fresh)

    async def _networks(self) -> None:
        """Whose port is gone, and whose DHCP server.

        Only guests that were known before the ports were listed: a younger port is not lost.
        """
        own = {it.name for it in self._publisher.networks() if it.spec.mode in core.OWN_BRIDGE}
        named = {
            card.port
            for record in self._publisher.guests()
            if record.state.is_active
            for card in record.interfaces
            if card.port and card.type == "network" and card.source in own
        }
        there = await _on(self._lines.of("storage"), networks.ports)
        details = self._reader.details
        details.lost_ports = frozenset() if there is None else frozenset(named - there)
        listeners = interfaces.sight(self._lines.uri).listeners()
        known = self._publisher.networks()
        details.silent = frozenset(it.uuid for it in known if networks.is_silent(it, listeners))
        for record in known:
            is_silent = record.uuid in details.silent
            if record.is_dhcp_silent != is_silent:
                self._publisher.set_record("network", replace(record, is_dhcp_silent=is_silent))

    async def _sizes(self) -> None:
        """Disks of guests that are off, some at a time; running ones bring theirs along."""
        now = time.monotonic()
        wanted = [
            record
            for record in self._publisher.guests()
            if record.state is GuestState.SHUT_OFF
            and facts.local_targets(record)
            and now - self._sized_at.get(record.uuid, -SIZES_KEPT_S) >= SIZES_KEPT_S
        ]
        if is_test(self._lines.uri):
            return
        for start in range(0, len(wanted), SIZES_AT_ONCE):
            some = wanted[start : start + SIZES_AT_ONCE]

            def ask(
                connection: libvirt.virConnect, some: list[GuestRecord] = some
            ) -> dict[str, Sizes]:
                return {
                    record.uuid: facts.sizes(connection, record.uuid, facts.local_targets(record))
                    for record in some
                }

            for uuid, found in (await _on(self._lines.of("storage"), ask)).items():
                self._sized_at[uuid] = now
                if found:
                    self._reader.details.sizes[uuid] = found


def _imitated(connection: libvirt.virConnect, active: list[GuestRecord]) -> dict[str, Told]:
    """The test driver has no leases, but an answer for each guest."""
    return {
        record.uuid: addresses.merge({LEASE: facts.leased(connection, record.uuid)})
        for record in active[:500]
    }


async def _on(line: Line, work: Callable[[libvirt.virConnect], T]) -> T:
    return await asyncio.wrap_future(line.submit(work))
