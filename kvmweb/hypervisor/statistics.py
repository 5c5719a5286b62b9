"""Statistics of all running guests and of their host: counters made into rates."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import libvirt

from kvmweb.core import errors
from kvmweb.core.records import GuestSample, HostSample
from kvmweb.hypervisor import connections
from kvmweb.hypervisor.connections import Line, Lines
from kvmweb.hypervisor.guests import Details
from kvmweb.hypervisor.quarantine import Figures, Raw, Survey

LATE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Totals:
    """Counters of one guest, to be compared with the next round's."""

    at: float
    cpu_ns: int | None
    disk_read: int
    disk_written: int
    net_received: int
    net_sent: int


class Rounds:
    """One round after the other, on one thread, for one link."""

    def __init__(
        self, lines: Lines, details: Details, is_link_well: Callable[[], bool] = lambda: True
    ) -> None:
        self._lines = lines
        self._details = details
        self._survey = Survey(lines, is_link_well)
        self._last: dict[str, _Totals] = {}
        self._host_last: tuple[int, int] | None = None
        self._is_test = connections.is_test(lines.uri)
        self._is_here = connections.is_local(lines.uri) and not self._is_test

    def sample(self, uuids: Collection[str]) -> tuple[HostSample, list[GuestSample]]:
        """One round over these running guests. Takes seconds only when one just got stuck.

        Raises: HostDown, Busy.
        """
        if self._is_test:
            raw = self._lines.of("statistics").submit(_imitated).result()
            silent: set[str] = set()
        else:
            raw, silent = self._survey.ask(uuids)
        at = time.monotonic()
        samples = [
            self._guest(uuid, figures, at) for uuid, figures in raw.items() if "cpu.time" in figures
        ]
        self._last = {uuid: totals for uuid, totals in self._last.items() if uuid in raw}
        samples += [
            GuestSample(uuid=uuid, cpu=None, memory_used=None, memory=0, is_answering=False)
            for uuid in silent
        ]
        return self._host(len(samples)), samples

    def retire(self) -> None:
        """Let go of what still hangs."""
        self._survey.retire()

    def _guest(self, uuid: str, figures: Figures, at: float) -> GuestSample:
        now, before = _totals(figures, at), self._last.get(uuid)
        memory = int(figures.get("balloon.current", 0)) * 1024
        used = _memory_used(figures, memory)
        self._last[uuid] = now
        self._note_sizes(uuid, figures)
        if before is None or at <= before.at:
            return GuestSample(uuid, None, used, memory)
        elapsed = at - before.at
        return GuestSample(
            uuid=uuid,
            cpu=_cpu(now, before, elapsed, int(figures.get("vcpu.current", 1))),
            memory_used=used,
            memory=memory,
            disk_read=_rate(now.disk_read, before.disk_read, elapsed),
            disk_written=_rate(now.disk_written, before.disk_written, elapsed),
            net_received=_rate(now.net_received, before.net_received, elapsed),
            net_sent=_rate(now.net_sent, before.net_sent, elapsed),
        )

    def _note_sizes(self, uuid: str, figures: Figures) -> None:
        """Disk sizes come with the figures: the records take them at the next reconcile."""
        sizes = {}
        for order in range(int(figures.get("block.count", 0))):
            name, capacity = (
                figures.get(f"block.{order}.name"),
                figures.get(f"block.{order}.capacity"),
            )
            if name and capacity is not None:
                sizes[str(name)] = (int(capacity), int(figures.get(f"block.{order}.allocation", 0)))
        if sizes:
            self._details.sizes[uuid] = sizes

    def _host(self, running: int) -> HostSample:
        line = self._lines.of("statistics")
        times = _asked(line, lambda c: c.getCPUStats(-1, 0))
        memory = _asked(line, lambda c: c.getMemoryStats(-1, 0))
        used = None
        if memory and "total" in memory:
            free = sum(int(memory.get(name, 0)) for name in ("free", "buffers", "cached"))
            used = max(0, int(memory["total"]) - free) * 1024
        return HostSample(
            cpu=self._host_cpu(times),
            memory_used=used,
            guests_running=running,
            load=round(os.getloadavg()[0], 2) if self._is_here else None,
        )

    def _host_cpu(self, times: dict[str, int] | None) -> float | None:
        if not times:
            return None
        idle = int(times.get("idle", 0)) + int(times.get("iowait", 0))
        whole = idle + int(times.get("user", 0)) + int(times.get("kernel", 0))
        before, self._host_last = self._host_last, (idle, whole)
        if before is None or whole <= before[1]:
            return None
        busy = 1 - (idle - before[0]) / (whole - before[1])
        return round(100 * min(1.0, max(0.0, busy)), 1)


def _imitated(connection: libvirt.virConnect) -> Raw:
    """The test driver's bulk call knows only states: CPU time and memory come one by one."""
    found: Raw = {}
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            _, _, memory, vcpus, cpu_ns = domain.info()
        except libvirt.libvirtError:
            continue  # gone between the two calls
        figures = {"cpu.time": cpu_ns, "vcpu.current": vcpus, "balloon.current": memory}
        found[domain.UUIDString()] = figures
    return found


def _asked(
    line: Line, ask: Callable[[libvirt.virConnect], dict[str, int]]
) -> dict[str, int] | None:
    """None where the driver does not know, or answers too late."""
    try:
        return line.call(ask, LATE_S)
    except (errors.NotSupported, errors.Invalid, errors.Fault, TimeoutError):
        return None


def _totals(figures: Figures, at: float) -> _Totals:
    def total(group: str, name: str) -> int:
        count = int(figures.get(f"{group}.count", 0))
        return sum(int(figures.get(f"{group}.{order}.{name}", 0)) for order in range(count))

    cpu_ns = figures.get("cpu.time")
    return _Totals(
        at=at,
        cpu_ns=None if cpu_ns is None else int(cpu_ns),
        disk_read=total("block", "rd.bytes"),
        disk_written=total("block", "wr.bytes"),
        net_received=total("net", "rx.bytes"),
        net_sent=total("net", "tx.bytes"),
    )


def _cpu(now: _Totals, before: _Totals, elapsed: float, vcpus: int) -> float | None:
    if now.cpu_ns is None or before.cpu_ns is None or now.cpu_ns < before.cpu_ns:
        return None
    used = (now.cpu_ns - before.cpu_ns) / (elapsed * 1e9 * max(1, vcpus))
    return round(100 * min(1.0, used), 1)


def _rate(now: int, before: int, elapsed: float) -> float:
    """A counter that went back began anew: the guest restarted."""
    return round(max(0, now - before) / elapsed, 1)


def _memory_used(figures: Figures, memory: int = 0) -> int | None:
    """As the guest sees it where its balloon reports, else what QEMU occupies on the host.

    memory: bytes that the guest has. QEMU's own part comes on top of the guest's: until the balloon
    reports, shortly after boot, a guest of 96 MiB was seen to use 192 MiB; never more is said than
    it has.
    """
    used = _reported(figures)
    return min(used, memory) if used is not None and memory else used


def _reported(figures: Figures) -> int | None:
    available, usable = figures.get("balloon.available"), figures.get("balloon.usable")
    if available and usable and figures.get("balloon.last-update"):
        return (int(available) - int(usable)) * 1024
    resident = figures.get("balloon.rss")
    return None if resident is None else int(resident) * 1024
