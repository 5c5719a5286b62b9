"""Asking running guests for figures, of which some may be stuck: those delay nobody else.

Measured (9.0.0): the first call on a stopped QEMU's monitor blocks without limit, NOWAIT or not,
and with it a bulk call over all guests; while such a guest is forced off, even naming it in a
list blocks for 10 s. So: a bulk call that is late is left hanging on its line and the guests are
asked again in small groups, then one by one, on new lines; who does not answer goes into
quarantine, is left out of bulk calls, and is asked again now and then on a line of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.hypervisor import faults
from kvmweb.hypervisor.connections import Line, Lines

log = logging.getLogger(__name__)

LATE_S = 2.0
"""A bulk call may take at least this long; busy hosts get five times their usual."""
LATE_MAX_S = 8.0
GROUP = 20
GROUP_LATE_S = 0.8
ONE_LATE_S = 0.5
HUNG_MAX = 10
"""Calls left hanging. Each holds one of libvirtd's 20 workers: more would stop it."""
SUSPECT_LINES = 3
MISSING_MAX = 2
"""Rounds in a row without the monitor's figures: a guest may just be busy for a moment."""
BACKOFF_FIRST_S = 4.0
BACKOFF_MAX_S = 30.0

WANTED = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)

Figures = dict[str, Any]
Raw = dict[str, Figures]


@dataclass(slots=True)
class _Case:
    """One guest in quarantine. probe: the call that asks it, which may hang."""

    due: float
    backoff_s: float = BACKOFF_FIRST_S
    probe: Future[Raw] | None = None


class Survey:
    """Asks the guests of one link, round after round, from one thread."""

    def __init__(self, lines: Lines, is_link_well: Callable[[], bool]) -> None:
        self._lines = lines
        self._is_link_well = is_link_well
        self._cases: dict[str, _Case] = {}
        self._missing: dict[str, int] = {}
        self._hung: list[tuple[Future[Raw], Line]] = []
        self._handles: dict[Line, dict[str, Any]] = {}
        self._usual_s = 0.1

    def ask(self, uuids: Collection[str]) -> tuple[Raw, set[str]]:
        """Figures of those that answer, and who does not. Raises HostDown, Busy."""
        self._tidy(uuids)
        raw = self._bulk([uuid for uuid in uuids if uuid not in self._cases])
        for uuid, figures in list(raw.items()):
            if is_whole(figures):
                self._missing.pop(uuid, None)
                continue
            del raw[uuid]
            self._missing[uuid] = self._missing.get(uuid, 0) + 1
            if self._missing[uuid] >= MISSING_MAX:
                self._isolate(uuid)
        for uuid in list(self._cases):
            raw.update(self._probe(uuid))
        return raw, set(self._cases)

    def retire(self) -> None:
        """Let go of what still hangs."""
        for _, line in self._hung:
            line.retire()

    def _tidy(self, uuids: Collection[str]) -> None:
        """Forget guests that stopped and lines that came back."""
        for uuid in [uuid for uuid in self._cases if uuid not in uuids]:
            del self._cases[uuid]
        self._missing = {uuid: n for uuid, n in self._missing.items() if uuid in uuids}
        for _, line in [entry for entry in self._hung if entry[0].done()]:
            line.retire()
            self._handles.pop(line, None)
            for case in self._cases.values():
                case.due = 0.0  # somebody may have come back: ask at once
        self._hung = [entry for entry in self._hung if not entry[0].done()]

    def _bulk(self, uuids: list[str]) -> Raw:
        began = time.monotonic()
        raw = self._try(uuids, min(LATE_MAX_S, max(LATE_S, 5 * self._usual_s)))
        if raw is not None:
            self._usual_s = 0.8 * self._usual_s + 0.2 * (time.monotonic() - began)
            return raw
        log.warning("statistics hang; looking for the guest that does not answer")
        found: Raw = {}
        for start in range(0, len(uuids), GROUP):
            group = uuids[start : start + GROUP]
            some = self._try(group, GROUP_LATE_S)
            found.update(self._one_by_one(group) if some is None else some)
        for uuid in [uuid for uuid, figures in found.items() if not is_whole(figures)]:
            self._isolate(uuid)  # its monitor is held by the call that hangs
        return found

    def _one_by_one(self, uuids: list[str]) -> Raw:
        found: Raw = {}
        for uuid in uuids:
            one = self._try([uuid], ONE_LATE_S)
            if one is None:
                self._isolate(uuid)
            else:
                found.update(one)
        return found

    def _try(self, uuids: list[str], patience: float) -> Raw | None:
        """Figures of these, or None when they are late; the call is then left on its line."""
        line = self._lines.of("statistics")
        future = line.submit(self._question(line, uuids))
        try:
            return future.result(patience)
        except TimeoutError:
            if len(self._hung) >= HUNG_MAX or not self._is_link_well():
                raise errors.Busy("the host, or too many of its guests, is silent") from None
        self._lines.release("statistics")
        self._hung.append((future, line))
        return None

    def _question(self, line: Line, uuids: list[str]) -> Callable[[libvirt.virConnect], Raw]:
        """Runs on the line's thread. Looking a guest up costs a call, so handles are kept."""
        known = self._handles.setdefault(line, {})

        def ask(connection: libvirt.virConnect) -> Raw:
            for uuid in [uuid for uuid in known if uuid not in uuids]:
                del known[uuid]
            for uuid in uuids:
                if uuid not in known:
                    try:
                        known[uuid] = connection.lookupByUUIDString(uuid)
                    except libvirt.libvirtError as error:
                        if not faults.is_gone(error):
                            raise
            if not known:
                return {}
            flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
            answers = connection.domainListGetStats(list(known.values()), WANTED, flags)
            return {domain.UUIDString(): figures for domain, figures in answers}

        return ask

    def _isolate(self, uuid: str) -> None:
        if uuid not in self._cases:
            log.warning("guest %s does not answer", uuid)
            self._cases[uuid] = _Case(due=time.monotonic() + BACKOFF_FIRST_S)

    def _probe(self, uuid: str) -> Raw:
        """Ask one in quarantine, when it is time; its figures when it is well again."""
        case, now = self._cases[uuid], time.monotonic()
        if case.probe is None:
            line = self._lines.freest("suspects", SUSPECT_LINES)
            if now < case.due or line.load:
                return {}
            case.probe = line.submit(self._question(line, [uuid]))
        try:
            raw = case.probe.result(ONE_LATE_S if now >= case.due else 0)
        except TimeoutError:
            case.due = now + case.backoff_s
            return {}
        except errors.Problem:
            raw = {}
        case.probe = None
        case.backoff_s = min(BACKOFF_MAX_S, case.backoff_s * 2)
        case.due = now + case.backoff_s
        if not is_whole(raw.get(uuid, {})):
            return {}
        log.info("guest %s answers again", uuid)
        del self._cases[uuid]
        return raw


def is_whole(figures: Figures) -> bool:
    """The monitor's part is there, or the guest has none because it is off."""
    is_off = figures.get("state.state") in (
        libvirt.VIR_DOMAIN_SHUTOFF,
        libvirt.VIR_DOMAIN_CRASHED,
    )
    return is_off or "balloon.rss" in figures
