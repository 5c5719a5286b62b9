"""What a host is and can do: facts, probed once per connection."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import libvirt

from kvmweb.core import errors
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.hosts import Abilities, HardwareRecord, NumaCell
from kvmweb.core.records import HostRecord
from kvmweb.definitions import capabilities, domain_capabilities
from kvmweb.definitions import hosts as xml
from kvmweb.hypervisor import connections, faults, pools, screens

_ALWAYS = (
    "guest.start", "guest.shutdown", "guest.reboot", "guest.destroy", "guest.suspend",
    "guest.resume", "guest.save", "guest.discard_saved", "guest.autostart", "guest.describe",
)  # fmt: skip
_QEMU = (
    "guest.reset", "guest.nmi", "guest.sendkeys", "guest.screenshot", "guest.open_serial",
    "guest.statistics", "guest.hotplug", "guest.agent", "network.leases",
)  # fmt: skip
"""The test driver says yes to NMI and keys and does nothing (measured): not offered there."""


def read(connection: libvirt.virConnect, uri: str) -> HostRecord:
    """Facts and probes of this host. Takes some 50 ms and 10 calls."""
    with faults.translated():
        caps = _capabilities(connection)
        model, memory, cpus = connection.getInfo()[:3]
        driver = connection.getType()
        is_local = connections.is_local(uri) and driver == "QEMU"
        return HostRecord(
            hostname=connection.getHostname(),
            uri=uri,
            driver=driver,
            libvirt_version=_version(connection.getLibVersion()),
            hypervisor_version=_version(connection.getVersion()),
            arch=caps.arch if caps else str(model),
            cpu_model=(_local_cpu_model() if is_local else "")
            or (caps.cpu_model if caps else "")
            or str(model),
            cpus=int(cpus),
            memory=_memory(connection, int(memory)),
            has_cpu_flags=_local_cpu_flags()
            if is_local
            else (caps.has_cpu_flags if caps and driver == "QEMU" else None),
            has_kvm_module=os.path.exists("/dev/kvm") if is_local else None,
            offers_kvm=bool(caps and caps.offers_kvm),
            capabilities=_probe(connection, uri, driver),
            domains=_domains(connection, caps),
            pool_types=pools.supported(connection),
        )


def ping(connection: libvirt.virConnect) -> int:
    """One round trip; answers the daemon's libvirt version."""
    return int(connection.getLibVersion())


def hardware(connection: libvirt.virConnect, uri: str) -> HardwareRecord:
    """The machine in depth. Raises NotSupported where the driver says nothing of it."""
    with faults.translated():
        found = xml.parse(connection.getCapabilities(), _abilities(connection))
        info = connection.getInfo()
        is_local = connections.is_local(uri) and connection.getType() == "QEMU"
        return replace(
            found,
            mhz=int(info[3]) or found.mhz,
            sockets=found.sockets or int(info[5]),
            dies=found.dies or 1,
            cores=found.cores or int(info[6]),
            threads=found.threads or int(info[7]),
            cells=tuple(_with_free(connection, cell) for cell in found.cells),
            booted_at=_booted_at() if is_local else None,
        )


def _abilities(connection: libvirt.virConnect) -> Abilities:
    try:
        return xml.parse_abilities(connection.getDomainCapabilities(None, None, None, None, 0))
    except (libvirt.libvirtError, errors.Invalid):
        return Abilities()


def _with_free(connection: libvirt.virConnect, cell: NumaCell) -> NumaCell:
    """What is free now; the drivers that cannot say leave it open."""
    sizes = [pages.size // 1024 for pages in cell.pages]
    try:
        free = connection.getCellsFreeMemory(cell.id, 1)
        pages = connection.getFreePages(sizes, cell.id, 1, 0).get(cell.id, {}) if sizes else {}
    except libvirt.libvirtError:
        return cell
    return replace(
        cell,
        free=int(free[0]) if free else None,
        pages=tuple(replace(it, free=pages.get(it.size // 1024)) for it in cell.pages),
    )


def _booted_at() -> float | None:
    try:
        with open("/proc/uptime", encoding="ascii") as line:
            return round(time.time() - float(line.read().split()[0]))
    except (OSError, ValueError, IndexError):
        return None


def _capabilities(connection: libvirt.virConnect) -> capabilities.Capabilities | None:
    try:
        return capabilities.parse(connection.getCapabilities())
    except errors.Invalid:
        return None


def _domains(
    connection: libvirt.virConnect, caps: capabilities.Capabilities | None
) -> tuple[DomainFacts, ...]:
    """Of hardware acceleration and of emulation, on the modern machine where there is one."""
    found = []
    for virt_type in ("kvm", "qemu"):
        machine = "q35" if caps and "q35" in caps.machines else None
        try:
            xml = connection.getDomainCapabilities(None, caps and caps.arch, machine, virt_type)
            found.append(domain_capabilities.parse(xml))
        except (libvirt.libvirtError, errors.Invalid):
            continue
    return tuple(found)


def _probe(connection: libvirt.virConnect, uri: str, driver: str) -> dict[str, bool]:
    """Every verb that not all drivers have, and whether it is worth offering here."""
    is_qemu = driver == "QEMU"
    found = dict.fromkeys(_ALWAYS, True) | dict.fromkeys(_QEMU, is_qemu)
    found["guest.screenshot"] = driver in ("QEMU", "TEST")
    found["guest.open_screen"] = is_qemu and screens.can_open(uri)
    found["guest.validate"] = _answers(lambda: connection.getDomainCapabilities(None, None, None))
    found["pool.capabilities"] = _answers(lambda: connection.getStoragePoolCapabilities(0))
    return found


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except libvirt.libvirtError:
        return False
    return True


def _memory(connection: libvirt.virConnect, fallback_mib: int) -> int:
    try:
        return int(connection.getMemoryStats(-1, 0)["total"]) * 1024
    except (libvirt.libvirtError, KeyError):
        return fallback_mib * 1024 * 1024


def _version(number: int) -> str:
    """libvirt packs 9.1.2 as 9001002."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def _local_cpu_flags() -> bool | None:
    flags = _cpuinfo("flags")
    return None if flags is None else bool({"vmx", "svm"} & set(flags.split()))


def _local_cpu_model() -> str:
    return _cpuinfo("model name") or ""


def _cpuinfo(field: str) -> str | None:
    """One field of the first CPU in /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == field:
                    return value.strip()
    except OSError:
        return None
    return None
