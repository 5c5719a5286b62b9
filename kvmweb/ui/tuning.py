"""How a guest is set up beside its devices, in words: choices of forms, and one line a part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from kvmweb.core import tuning
from kvmweb.core.records import GuestRecord
from kvmweb.core.tuning import Backing, Banks, Clock, Placement, Processor, Startup
from kvmweb.core.tuning_choices import TuningChoices
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text, listed

Choices = list[tuple[str, Text]]

CPU_MODES: dict[str, Text] = {
    "": gettext_lazy("QEMU's own choice"),
    "host-model": gettext_lazy("like the host's, as far as it can migrate"),
    "host-passthrough": gettext_lazy("exactly the host's"),
    "maximum": gettext_lazy("everything that can be given"),
    "custom": gettext_lazy("a named processor"),
}
OFFSETS: dict[str, Text] = {
    "utc": gettext_lazy("UTC, as Linux and BSD expect"),
    "localtime": gettext_lazy("the host's local time, as Windows expects"),
    "timezone": gettext_lazy("a time zone"),
    "variable": gettext_lazy("as the guest has set it"),
}
TICKS: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "delay": gettext_lazy("delay: go on, later than they should be"),
    "catchup": gettext_lazy("catch up: faster until they are made good"),
    "merge": gettext_lazy("merge: one for all"),
    "discard": gettext_lazy("discard: they are lost"),
}
SWITCHES: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "yes": pgettext_lazy("a switch", "on"),
    "no": pgettext_lazy("a switch", "off"),
}
ENDINGS: dict[str, Text] = {
    "destroy": gettext_lazy("power off"),
    "restart": gettext_lazy("start again"),
    "preserve": gettext_lazy("keep it as it is, to be looked at"),
    "rename-restart": gettext_lazy("start again under another name"),
    "coredump-destroy": gettext_lazy("write a dump, then power off"),
    "coredump-restart": gettext_lazy("write a dump, then start again"),
}
MEMORY_MODES: dict[str, Text] = {
    "": gettext_lazy("any node"),
    "strict": gettext_lazy("strict: from these, or not at all"),
    "preferred": gettext_lazy("preferred: from these where there is room"),
    "interleave": gettext_lazy("interleave: from all of these in turn"),
}
FIRMWARES: dict[str, Text] = {
    "bios": gettext_lazy("BIOS"),
    "efi": gettext_lazy("UEFI"),
    "secure": gettext_lazy("UEFI with secure boot"),
}
VALUES: dict[str, dict[str, Text]] = {
    "cpu_mode": CPU_MODES,
    "memory_mode": MEMORY_MODES,
    "offset": OFFSETS,
    "rtc": TICKS,
    "pit": TICKS,
    "on_poweroff": ENDINGS,
    "on_reboot": ENDINGS,
    "on_crash": ENDINGS,
}
"""What fields say, where libvirt has words of its own."""
TITLES: dict[str, Text] = {
    "processor": gettext_lazy("Processor"),
    "placement": gettext_lazy("Placement on the host"),
    "backing": gettext_lazy("Memory pages"),
    "banks": gettext_lazy("Room for more memory"),
    "clock": gettext_lazy("Clock"),
    "startup": gettext_lazy("Start and end"),
    "firmware": gettext_lazy("Firmware"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part on the guest page."""

    part: str
    title: Text
    said: str


def lines(record: GuestRecord) -> list[Line]:
    """Every part as it is now; the processor as it was asked for, not as libvirt spells it out."""
    now = record.tuning
    said = {
        "processor": _processor(record.next_tuning.processor),
        "placement": _placement(now.placement),
        "backing": _backing(now.backing),
        "banks": _banks(now.banks),
        "clock": _clock(now.clock),
        "startup": _startup(now.startup),
        "firmware": str(FIRMWARES.get(now.firmware.kind, now.firmware.kind)),
    }
    return [Line(part, title, said[part]) for part, title in TITLES.items()]


def choices(labels: dict[str, Text], offered: Iterable[str], now: str = "") -> Choices:
    """For a select; what is there now stays possible."""
    found: Choices = [(value, labels.get(value, value)) for value in offered]
    return found if now in dict(found) else [(now, labels.get(now, now)), *found]


def layouts(count: int) -> Choices:
    """Every sensible topology of this many CPUs: one socket first, threads in pairs."""
    found: Choices = [("", _("as libvirt likes: a socket for each"))]
    for sockets, cores, threads in (
        (1, count, 1),
        (1, count // 2, 2),
        (2, count // 2, 1),
        (2, count // 4, 2),
    ):
        value = f"{sockets}-1-{cores}-{threads}"
        if sockets * cores * threads == count and value not in dict(found):
            found.append((value, layout((sockets, 1, cores, threads))))
    found.append(("own", _("in other numbers")))
    return found


def layout(topology: tuple[int, ...]) -> str:
    """1 socket, 4 cores, 2 threads a core."""
    if not topology:
        return ""
    sockets, dies, cores, threads = topology
    words = [ngettext("%(n)d socket", "%(n)d sockets", sockets) % {"n": sockets}]
    if dies > 1:
        words.append(_("%(n)d dies each") % {"n": dies})
    words.append(ngettext("%(n)d core", "%(n)d cores", cores) % {"n": cores})
    if threads > 1:
        words.append(_("%(n)d threads a core") % {"n": threads})
    return listed(words)


def lacking(lacks: tuple[str, ...]) -> str:
    """Why a named processor cannot be chosen."""
    if not lacks:
        return _("not on this host: it lacks features")
    return _("not on this host: no %(features)s") % {"features": ", ".join(lacks[:4])}


def _processor(now: Processor) -> str:
    name = now.cpu_model or str(CPU_MODES.get(now.cpu_mode, now.cpu_mode))
    more = [f"+{it}" for it in now.required[:4]] if not now.cpu_model else []
    return "; ".join([name, *filter(None, [layout(now.topology)]), *more])


def _placement(now: Placement) -> str:
    words = []
    if now.pins:
        words.append(
            ngettext("%(n)d virtual CPU pinned", "%(n)d virtual CPUs pinned", len(now.pins))
            % {"n": len(now.pins)}
        )
    if now.shares:
        words.append(_("weight %(n)d") % {"n": now.shares})
    if now.quota > 0:
        words.append(_("%(n)d%% of a CPU each") % {"n": 100 * now.quota // (now.period or 100_000)})
    if now.memory_mode:
        words.append(_("memory of node %(nodes)s") % {"nodes": now.nodes})
    return listed(words) or _("anywhere")


def _backing(now: Backing) -> str:
    words = []
    if now.page_size > 1:
        words.append(_("pages of %(size)s") % {"size": size(now.page_size)})
    elif now.page_size:
        words.append(_("huge pages"))
    words += [_("never swapped out")] * now.is_locked + [_("shared")] * now.is_shared
    return listed(words) or _("ordinary pages")


def _banks(now: Banks) -> str:
    if not now.slots:
        return _("none")
    slots = ngettext("%(n)d slot", "%(n)d slots", now.slots) % {"n": now.slots}
    return _("up to %(size)s, %(slots)s") % {"size": size(now.limit), "slots": slots}


def _clock(now: Clock) -> str:
    return now.zone or str(OFFSETS.get(now.offset, now.offset))


def _startup(now: Startup) -> str:
    menu = {"yes": _("with a boot menu"), "no": _("without a boot menu")}.get(now.boot_menu, "")
    reboot = _("at a reboot: %(what)s") % {"what": ENDINGS.get(now.on_reboot, now.on_reboot)}
    return listed(filter(None, [menu, reboot]))


@dataclass(frozen=True, slots=True)
class CpuCell:
    """One CPU of the host in the picture. users: virtual CPUs that are pinned to it."""

    id: int
    core: int
    users: str


@dataclass(frozen=True, slots=True)
class CpuGroup:
    """One socket of one NUMA node."""

    node: int
    socket: int
    cpus: tuple[CpuCell, ...]


def picture(found: TuningChoices, now: Placement) -> list[CpuGroup]:
    """The host's CPUs by node and socket, each with what is pinned to it."""
    pinned: dict[int, list[str]] = {}
    for pin in now.pins:
        vcpu, _colon, cpus = pin.partition(":")
        for cpu in _set(cpus):
            pinned.setdefault(cpu, []).append(vcpu)
    groups: dict[tuple[int, int], list[CpuCell]] = {}
    for cell in found.cells:
        for it in cell.processors:
            users = ", ".join(pinned.get(it.id, ()))
            groups.setdefault((cell.id, it.socket), []).append(CpuCell(it.id, it.core, users))
    return [CpuGroup(*key, tuple(cpus)) for key, cpus in sorted(groups.items())]


def _set(text: str) -> frozenset[int]:
    try:
        return tuning.cpu_set(text)
    except ValueError:
        return frozenset()
