"""Addresses of guests, and who said them: the DHCP server, the agent inside, the host's ARP table.

Leases come for all guests in one go. Agents and ARP tables are asked guest by guest, so only for
as many as fit in a round: first those that were never asked, then whose answer is oldest. An agent
that keeps silent is left alone for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import libvirt

from kvmweb.core import networks as core
from kvmweb.core.addresses import AGENT, ARP, LEASE
from kvmweb.core.records import GuestRecord
from kvmweb.hypervisor import details as facts
from kvmweb.hypervisor.connections import Lines
from kvmweb.hypervisor.details import Addresses, Told

ROUND_S = 6.0
"""For all agents and ARP tables of one round."""
AT_ONCE = 40
PATIENCE_S = 7.0
FRESH_S = 60.0
LEASED_S = 300.0
"""Of a guest whose lease is known and whose agent said something: what it adds is seldom news."""
SILENT_S = 60.0
NO_ARP_S = 600.0
"""libvirt cannot read the ARP table of every kernel ("wrong nlmsg len", libvirt 9.0)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Answer:
    """found: None where nothing was said."""

    at: float
    found: Addresses | None
    started_at: float | None


class AddressBook:
    """What was said of each guest that runs; lives as long as the link."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._agents: dict[str, _Answer] = {}
        self._arp: dict[str, _Answer] = {}
        self._no_arp_until = 0.0

    async def gather(
        self, active: Iterable[GuestRecord], leases: Mapping[str, tuple[core.Lease, ...]]
    ) -> dict[str, Told]:
        """UUID to MAC to address to who said it. Raises HostDown."""
        guests = {record.uuid: record for record in active}
        leased = _by_mac(leases)
        known = {uuid: _of(record, leased) for uuid, record in guests.items()}
        until = time.monotonic() + ROUND_S
        for kept in (self._agents, self._arp):
            for uuid in [it for it, said in kept.items() if not _is_of(guests.get(it), said)]:
                del kept[uuid]
        talking = [it for it in guests.values() if it.is_agent_connected]
        for record in self._due(talking, self._agents, known)[:AT_ONCE]:
            if time.monotonic() > until:
                break
            await self._ask_agent(record)
        quiet = [it for it in guests.values() if not (known[it.uuid] or self._said(it.uuid))]
        for record in self._due(quiet, self._arp, known)[:AT_ONCE]:
            if not self._no_arp_until < time.monotonic() < until:
                break
            await self._ask_arp(record)
        return {uuid: self._told(uuid, known[uuid]) for uuid in guests}

    def _due(
        self,
        guests: Iterable[GuestRecord],
        answers: Mapping[str, _Answer],
        known: Mapping[str, Addresses],
    ) -> list[GuestRecord]:
        """Whom to ask now, the longest waiting first."""
        now = time.monotonic()

        def pace(uuid: str, said: _Answer) -> float:
            if said.found is None:
                return SILENT_S
            return LEASED_S if known[uuid] and said.found else FRESH_S

        due = []
        for record in guests:
            said = answers.get(record.uuid)
            if said is None or now - said.at >= pace(record.uuid, said):
                due.append((said.at if said else 0.0, record))
        return [record for _at, record in sorted(due, key=lambda it: (it[0], it[1].uuid))]

    async def _ask_agent(self, record: GuestRecord) -> None:
        said = await self._asked("agents", lambda c: facts.reported(c, record.uuid))
        self._agents[record.uuid] = _Answer(time.monotonic(), said, record.started_at)

    async def _ask_arp(self, record: GuestRecord) -> None:
        said = await self._asked("storage", lambda c: facts.resolved(c, record.uuid))
        self._arp[record.uuid] = _Answer(time.monotonic(), said, record.started_at)
        if said is None:
            self._no_arp_until = time.monotonic() + NO_ARP_S

    async def _asked(self, purpose: str, work: Callable[[libvirt.virConnect], T]) -> T | None:
        future = self._lines.of(purpose).submit(work)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(asyncio.wrap_future(future))
        except TimeoutError:
            self._lines.drop(purpose)
            return None

    def _told(self, uuid: str, leased: Addresses) -> Told:
        """The agent's first: it knows most; one that several name has all their names."""
        said = {
            AGENT: self._said(uuid),
            LEASE: leased,
            ARP: (self._arp[uuid].found if uuid in self._arp else None) or {},
        }
        return merge(said)

    def _said(self, uuid: str) -> Addresses:
        said = self._agents.get(uuid)
        return (said.found if said else None) or {}


def merge(said: Mapping[str, Addresses]) -> Told:
    """MAC to address to its sources, joined by plus signs, in the order given."""
    found: dict[str, dict[str, list[str]]] = {}
    for source, cards in said.items():
        for mac, addresses in cards.items():
            for address in addresses:
                found.setdefault(mac, {}).setdefault(address, []).append(source)
    return {
        mac: {address: "+".join(sources) for address, sources in card.items()}
        for mac, card in found.items()
    }


def _is_of(record: GuestRecord | None, said: _Answer) -> bool:
    """Whether it was said by this very run of the guest."""
    return record is not None and record.started_at == said.started_at


def _by_mac(leases: Mapping[str, tuple[core.Lease, ...]]) -> Addresses:
    found: Addresses = {}
    for lease in (lease for known in leases.values() for lease in known):
        if lease.mac:
            found[lease.mac] = tuple(dict.fromkeys((*found.get(lease.mac, ()), lease.ip)))
    return found


def _of(record: GuestRecord, leases: Addresses) -> Addresses:
    return {card.mac: leases[card.mac] for card in record.interfaces if card.mac in leases}
