"""The host page: its charts, its hardware and abilities in plain words, what needs attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from kvmweb.core.hosts import (
    Abilities,
    GuestShare,
    HardwareRecord,
    HostDetails,
    HostGuests,
    HostUse,
)
from kvmweb.core.readiness import Verdict
from kvmweb.ui import reach, readiness, sparklines, words
from kvmweb.ui.charts import Chart
from kvmweb.ui.readiness import Said
from kvmweb.ui.words import Text

_CONFINED: dict[str, Text] = {"selinux": "SELinux", "apparmor": "AppArmor"}
_CPU_MODES: dict[str, Text] = {
    "host-passthrough": gettext_lazy("as the host's own"),
    "host-model": gettext_lazy("nearest known model"),
    "maximum": gettext_lazy("everything that can be offered"),
    "custom": gettext_lazy("a chosen model"),
}
_DEVICES: dict[str, Text] = {
    "usb": "USB", "pci": "PCI", "scsi": "SCSI", "mdev": gettext_lazy("mediated devices"),
}  # fmt: skip
_TEST_HYPERVISOR = "TEST"


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that guests here can be given, in plain words; note: how, or which."""

    label: Text
    is_there: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """A guest on its host's page. cpu, memory: percent of the host."""

    it: GuestShare
    shown: words.State
    memory: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Load, and how much was promised to the running guests. times: more than there is."""

    load: float | None
    running: int
    total: int
    vcpus: str
    of_cpus: str
    times: str
    memory: int
    of_memory: int


@dataclass(frozen=True, slots=True)
class HostPage:
    """Context of `hosts/show.html`, whole and in parts."""

    details: HostDetails
    dom_id: str
    shown: words.State
    charts: tuple[Chart, ...]
    busy: tuple[Busy, ...]
    figures: Figures
    cpu: tuple[str, ...]
    protection: str
    abilities: tuple[Ability, ...]
    open_findings: tuple[Said, ...]
    good_findings: tuple[Said, ...]
    booted_at: datetime | None
    away: reach.Line | None
    """Why it is away, where that can be said in plain words."""

    @property
    def row(self) -> object:
        """Shorter in templates."""
        return self.details.row


def page(details: HostDetails) -> HostPage:
    """Everything ready for the templates, in the language that is active now."""
    row, hardware = details.row, details.hardware
    found = readiness.in_order(details.readiness.findings) if details.readiness else []
    booted = hardware.booted_at if hardware else None
    return HostPage(
        details=details,
        dom_id=details.row.dom_id,
        shown=words.host_state(row.state) if row.is_enabled else words.DISABLED,
        charts=charts(details.use),
        busy=busy(details.guests, details.use.memory),
        figures=figures(details.use, details.guests),
        cpu=_cpu(hardware) if hardware else (),
        protection=_protection(hardware) if hardware else "",
        abilities=_abilities(hardware) if hardware else (),
        open_findings=tuple(it for it in found if it.verdict is not Verdict.GOOD),
        good_findings=tuple(it for it in found if it.verdict is Verdict.GOOD),
        booted_at=datetime.fromtimestamp(booted, UTC) if booted else None,
        away=reach.why_away(row.reason) if row.reason and not row.is_up else None,
    )


def charts(use: HostUse) -> tuple[Chart, ...]:
    """CPU and memory of the last two minutes, against all that there is."""
    columns = list(zip(*use.samples, strict=False)) if use.samples else [()] * 3
    _at, cpu, used = columns
    return (
        Chart("cpu", gettext_lazy("CPU"), use.cpu, "%", sparklines.draw(cpu, 100.0)),
        Chart(
            "memory",
            gettext_lazy("Memory"),
            use.memory_used,
            "B",
            sparklines.draw(used, float(use.memory)),
            of=use.memory or None,
        ),
    )


def busy(guests: HostGuests, memory: int) -> tuple[Busy, ...]:
    """The guests that use most."""
    return tuple(
        Busy(
            it,
            words.guest_state(it.state, is_answering=it.is_answering),
            100 * it.memory_used / memory if it.memory_used and memory else None,
        )
        for it in guests.top
    )


def figures(use: HostUse, guests: HostGuests) -> Figures:
    """What was promised to the running guests, beside what there is."""
    times = guests.vcpus / use.cpus if use.cpus else 0
    return Figures(
        load=use.load,
        running=guests.running,
        total=guests.total,
        vcpus=ngettext("%(n)d vCPU", "%(n)d vCPUs", guests.vcpus) % {"n": guests.vcpus},
        of_cpus=_("on %(n)d CPUs") % {"n": use.cpus},
        times=f"{times:.1f} ×" if times > 1 else "",
        memory=guests.memory,
        of_memory=use.memory,
    )


def _cpu(hardware: HardwareRecord) -> tuple[str, ...]:
    """`1 socket`, `4 cores each`, …: what a person counts."""
    sockets = hardware.sockets * max(1, len(hardware.cells))
    if len(hardware.cells) > 1 and hardware.sockets >= len(hardware.cells):
        sockets = hardware.sockets
    cores = hardware.cores * hardware.dies
    found = [
        ngettext("%(n)d socket", "%(n)d sockets", sockets) % {"n": sockets},
        ngettext("%(n)d core each", "%(n)d cores each", cores) % {"n": cores},
        ngettext("%(n)d thread each", "%(n)d threads each", hardware.threads)
        % {"n": hardware.threads},
    ]
    return tuple([*found, f"{hardware.mhz / 1000:.1f} GHz"] if hardware.mhz else found)


def _protection(hardware: HardwareRecord) -> str:
    by = [str(_CONFINED[name]) for name in hardware.security if name in _CONFINED]
    if by:
        return _("%(by)s keeps every guest to its own files") % {"by": ", ".join(by)}
    if "dac" in hardware.security:
        return _("owners of files only; no SELinux, no AppArmor")
    return _("none")


def _abilities(hardware: HardwareRecord) -> tuple[Ability, ...]:
    can: Abilities = hardware.abilities
    modes = [str(_CPU_MODES[mode]) for mode in can.cpu_modes if mode in _CPU_MODES]
    devices = [str(_DEVICES[kind]) for kind in can.host_devices if kind in _DEVICES]
    q35 = [name for name in hardware.machines if name in ("q35", "pc", "virt")]
    consoles = [name.upper() for name in can.graphics if name in ("vnc", "spice")]
    return (
        Ability(
            gettext_lazy("Hardware acceleration (KVM)"),
            bool(hardware.accelerated),
            ", ".join(hardware.accelerated),
        ),
        Ability(
            gettext_lazy("Processors of guests"), bool(hardware.arches), ", ".join(hardware.arches)
        ),
        Ability(
            gettext_lazy("vCPUs of one guest"),
            bool(can.vcpus_max),
            _("at most %(n)d") % {"n": can.vcpus_max} if can.vcpus_max else "",
        ),
        Ability(gettext_lazy("Processor models"), bool(modes), words.listed(modes)),
        Ability(gettext_lazy("Machine types"), bool(hardware.machines), ", ".join(q35)),
        Ability(gettext_lazy("UEFI firmware"), "efi" in can.firmwares),
        Ability(gettext_lazy("Secure boot"), can.has_secure_boot and "efi" in can.firmwares),
        Ability(gettext_lazy("Virtual TPM"), bool(can.tpm_models)),
        Ability(gettext_lazy("Screens"), bool(consoles), ", ".join(consoles)),
        Ability(gettext_lazy("Disks on"), bool(can.disk_buses), ", ".join(can.disk_buses)),
        Ability(
            gettext_lazy("Devices of the host"),
            bool(devices),
            words.listed(devices) if hardware.iommu else _without_iommu(devices),
        ),
        Ability(gettext_lazy("Shared folders (virtiofs)"), "virtiofs" in can.file_systems),
        Ability(gettext_lazy("Live migration"), hardware.can_migrate_live),
        Ability(gettext_lazy("Backup of running guests"), can.has_backup),
        Ability(gettext_lazy("Encrypted memory (SEV)"), can.has_sev),
    )


def _without_iommu(devices: list[str]) -> str:
    return ", ".join(name for name in devices if name != "PCI")
