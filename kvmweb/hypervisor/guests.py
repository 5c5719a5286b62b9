"""Reading guests: one record, or all of them with as few calls as libvirt allows."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.core.records import GuestRecord, GuestState
from kvmweb.definitions import differences, elements, pending, placement
from kvmweb.definitions import guests as xml
from kvmweb.hypervisor import faults, reasons, snapshots

log = logging.getLogger(__name__)

CHUNK = 200
"""Guests read in one turn of the line, so that an event never waits for a whole listing."""

STATES = {
    libvirt.VIR_DOMAIN_NOSTATE: GuestState.NO_STATE,
    libvirt.VIR_DOMAIN_RUNNING: GuestState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: GuestState.BLOCKED,
    libvirt.VIR_DOMAIN_PAUSED: GuestState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: GuestState.SHUTTING_DOWN,
    libvirt.VIR_DOMAIN_SHUTOFF: GuestState.SHUT_OFF,
    libvirt.VIR_DOMAIN_CRASHED: GuestState.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: GuestState.SUSPENDED,
}

_UNPARSED = xml.parse("<domain/>")
_FROM_XML = tuple(
    field.name for field in fields(xml.Definition) if field.name not in ("uuid", "name", "boot")
)
"""Fields that a record takes over from the parsed definition as they are."""


@dataclass(slots=True)
class Details:
    """What is learned on the way and not from the XML; shared by all rounds of one worker.

    started_at: uuid to the time of the first start event. addresses: uuid to MAC to
    address to who said it.
    sizes: uuid to disk target to (capacity, allocation).
    """

    run_folder: str | None = None
    started_at: dict[str, float] = field(default_factory=dict)
    addresses: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    lost_ports: frozenset[str] = frozenset()
    """Ports of virtual networks that guests name and that libvirt no longer has."""
    silent: frozenset[str] = frozenset()
    """UUIDs of the networks whose DHCP server is gone."""

    def forget(self, uuid: str) -> None:
        """This guest is gone."""
        for known in (self.started_at, self.addresses, self.sizes):
            known.pop(uuid, None)


@dataclass(frozen=True, slots=True)
class _Flags:
    """UUIDs of the guests for which each of these is so."""

    persistent: frozenset[str]
    autostart: frozenset[str]
    saved: frozenset[str]
    with_snapshots: frozenset[str]


class Reader:
    """Reads records of one host. Keeps the last parse of each XML: most listings bring no news."""

    def __init__(self, details: Details) -> None:
        self.details = details
        self._cpus: int | None = None
        """Of the host, when it was needed."""
        self._parsed: dict[str, tuple[str, xml.Definition]] = {}
        self._compared: dict[str, tuple[str, str, dict[str, Any]]] = {}

    def begin(self, connection: libvirt.virConnect) -> Listing:
        """All guests there are now, to be read chunk by chunk."""
        return Listing(self, connection)

    def read_some(
        self, connection: libvirt.virConnect, uuids: Collection[str]
    ) -> dict[str, GuestRecord | None]:
        """These guests, None for each that is gone; one that cannot be read is left out."""
        found: dict[str, GuestRecord | None] = {}
        for uuid in uuids:
            try:
                found[uuid] = self.read(connection, uuid)
            except libvirt.libvirtError as error:
                if faults.is_lost(error):
                    raise
                log.warning("guest %s cannot be read: %s", uuid, error)
        return found

    def read(self, connection: libvirt.virConnect, uuid: str) -> GuestRecord | None:
        """One guest, read whole; None when it is gone."""
        try:
            domain = connection.lookupByUUIDString(uuid)
            flags = _Flags(
                persistent=_only(uuid, domain.isPersistent()),
                autostart=_only(uuid, domain.autostart()),
                saved=_only(uuid, domain.hasManagedSaveImage(0)),
                with_snapshots=frozenset({uuid}),
            )
            state, reason = domain.state(0)
            return self._record(domain, uuid, state, reason, flags)
        except libvirt.libvirtError as error:
            if faults.is_gone(error):
                self.forget(uuid)
                return None
            raise

    def forget(self, uuid: str) -> None:
        """This guest is gone."""
        self._parsed.pop(uuid, None)
        self._compared.pop(uuid, None)
        self.details.forget(uuid)

    def dress(self, record: GuestRecord) -> GuestRecord:
        """The same record with the details of now."""
        known = self.details
        addresses = known.addresses.get(record.uuid, {}) if record.state.is_active else {}
        sizes = known.sizes.get(record.uuid, {})
        return replace(
            record,
            disks=tuple(
                replace(disk, capacity=capacity, allocation=allocation)
                for disk in record.disks
                for capacity, allocation in (sizes.get(disk.target, (None, None)),)
            ),
            interfaces=tuple(
                replace(
                    card,
                    addresses=tuple(addresses.get(card.mac, ())),
                    told_by=tuple(addresses.get(card.mac, {}).values()),
                    is_unplugged=bool(card.port) and card.port in known.lost_ports,
                )
                for card in record.interfaces
            ),
            started_at=self._started_at(record.uuid, record.name, record.state),
        )

    def _record(
        self, domain: libvirt.virDomain, uuid: str, state: int, reason: int, flags: _Flags
    ) -> GuestRecord:
        text = domain.XMLDesc(0)
        now = STATES.get(state, GuestState.NO_STATE)
        is_persistent = uuid in flags.persistent
        inactive = text
        if now.is_active and is_persistent:
            inactive = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        live, later = self._settled(domain, text, inactive)
        parsed = self._definition(uuid, live)
        count, tree = snapshots.read(domain) if uuid in flags.with_snapshots else (0, ())
        record = GuestRecord(
            uuid=uuid,
            name=domain.name(),
            state=now,
            reason=reasons.word(state, reason),
            is_persistent=is_persistent,
            has_autostart=uuid in flags.autostart,
            has_saved_state=uuid in flags.saved,
            **self._waiting(uuid, live, later, parsed),
            snapshots=count,
            snapshot_tree=tree,
            started_at=None,
            definition_hash=elements.fingerprint(inactive),
            xml=text,
            stored_xml="" if inactive is text else inactive,
            **{name: getattr(parsed, name) for name in _FROM_XML},
        )
        return self.dress(record)

    def _settled(self, domain: libvirt.virDomain, live: str, inactive: str) -> tuple[str, str]:
        """Both without what libvirt wrote down of a placement that was taken back."""
        if live is inactive or "<cputune>" not in live:
            return live, inactive
        if self._cpus is None:
            try:
                self._cpus = int(domain.connect().getCPUMap(0)[0])
            except libvirt.libvirtError as error:
                if faults.is_lost(error):
                    raise
                self._cpus = 0
        try:
            settled = placement.settled(live, self._cpus)
            return settled, placement.settled(inactive, self._cpus)
        except errors.Invalid:
            return live, inactive

    def _definition(self, uuid: str, text: str) -> xml.Definition:
        known = self._parsed.get(uuid)
        if known and known[0] == text:
            return known[1]
        try:
            parsed = xml.parse(text)
        except errors.Invalid:
            parsed = _UNPARSED
        self._parsed[uuid] = (text, parsed)
        return parsed

    def _waiting(self, uuid: str, live: str, stored: str, parsed: xml.Definition) -> dict[str, Any]:
        """What a record says of the next start; kept while both definitions stay as they are."""
        if live is stored:
            return _nothing_waits(parsed)
        known = self._compared.get(uuid)
        if known is None or known[:2] != (live, stored):
            known = self._compared[uuid] = (live, stored, _compare(live, stored, parsed))
        return known[2]

    def _started_at(self, uuid: str, name: str, state: GuestState) -> float | None:
        if not state.is_active:
            return None
        if self.details.run_folder:
            try:
                return os.stat(os.path.join(self.details.run_folder, f"{name}.pid")).st_mtime
            except (OSError, ValueError):
                pass
        return self.details.started_at.get(uuid)


def _nothing_waits(parsed: xml.Definition) -> dict[str, Any]:
    return {"has_pending_changes": False, "boot": parsed.boot}


def _compare(live: str, stored: str, parsed: xml.Definition) -> dict[str, Any]:
    """What the next start brings. parsed: the live definition, which spells its processor out."""
    try:
        later, has_pending = xml.parse(stored), pending.has_pending_changes(live, stored)
        found = differences.of(live, stored) if has_pending else ()
    except errors.Invalid:
        return _nothing_waits(parsed)
    told = {"stored_tuning": None if later.tuning == parsed.tuning else later.tuning}
    if not has_pending:
        return _nothing_waits(parsed) | told
    return told | {
        "has_pending_changes": True,
        "boot": later.boot,
        "pending": found,
        "stored_disks": later.disks,
        "stored_interfaces": later.interfaces,
    }


class Listing:
    """One listing of all guests: begun with a few bulk calls, read in chunks."""

    def __init__(self, reader: Reader, connection: libvirt.virConnect) -> None:
        self._reader = reader
        self._flags = _Flags(
            persistent=_uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT),
            autostart=_uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART),
            saved=_uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE),
            with_snapshots=_uuids(connection, libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT),
        )
        domains = connection.listAllDomains(0)
        self.ids = tuple(domain.UUIDString() for domain in domains)
        self._chunks: Iterator[Sequence[libvirt.virDomain]] = (
            domains[start : start + CHUNK] for start in range(0, len(domains), CHUNK)
        )

    def next(self, connection: libvirt.virConnect) -> list[GuestRecord] | None:
        """The next chunk; None when all have been read."""
        domains = next(self._chunks, None)
        if domains is None:
            return None
        found = []
        for domain, (state, reason) in _states(connection, domains):
            try:
                found.append(
                    self._reader._record(domain, domain.UUIDString(), state, reason, self._flags)
                )
            except libvirt.libvirtError as error:
                if faults.is_lost(error):
                    raise
                if not faults.is_gone(error):
                    log.warning("guest %s cannot be read: %s", domain.UUIDString(), error)
        return found


def _states(
    connection: libvirt.virConnect, domains: Sequence[libvirt.virDomain]
) -> Iterator[tuple[libvirt.virDomain, tuple[int, int]]]:
    """State and reason of each, in one call; those that vanish meanwhile are left out."""
    known = connection.domainListGetStats(list(domains), libvirt.VIR_DOMAIN_STATS_STATE, 0)
    for domain, values in known:
        yield domain, (int(values.get("state.state", 0)), int(values.get("state.reason", 0)))


def _uuids(connection: libvirt.virConnect, flag: int) -> frozenset[str]:
    try:
        return frozenset(domain.UUIDString() for domain in connection.listAllDomains(flag))
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.NotSupported):
            return frozenset()
        raise


def _only(uuid: str, is_so: int) -> frozenset[str]:
    return frozenset({uuid}) if is_so else frozenset()
