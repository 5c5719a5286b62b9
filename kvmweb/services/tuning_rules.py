"""What a guest may be set up to: pure, a sentence beside each field that cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from kvmweb.core import sizes, tuning
from kvmweb.core.records import GuestRecord
from kvmweb.core.tuning import (
    Backing,
    Banks,
    Clock,
    FirmwareChoice,
    Part,
    Placement,
    Processor,
    Startup,
)
from kvmweb.core.tuning_choices import TuningChoices
from kvmweb.services.guard import internal, open_to_all

SHARES = (2, 10_000)
QUOTA = (1_000, 17_592_186_044_415)
SLOTS = 256
"""What QEMU has at most."""
PERIOD = (1_000, 1_000_000)
"""What control groups of both generations take. Microseconds."""
_FEATURE = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,63}")
Faults = dict[str, str]


@internal("a pure function")
def faults(wanted: Part, before: Part, record: GuestRecord, choices: TuningChoices) -> Faults:
    """Field to sentence. What was wrong before stays possible: somebody set it elsewhere."""
    rule = _RULES[type(wanted)]
    known = rule(before, record, choices)
    found = rule(wanted, record, choices)
    return {
        name: said
        for name, said in found.items()
        if known.get(name) != said or getattr(wanted, name, "") != getattr(before, name, "")
    }


@open_to_all("a pure function")
def obstacle(part: str, record: GuestRecord) -> str:
    """Why this part cannot be changed now, whatever is wanted: a sentence, empty where it can."""
    if part != "firmware":
        return ""
    if record.state.is_active:
        return _("Shut the guest down first.")
    if record.snapshots or record.has_saved_state:
        return _("It has snapshots or a saved state, which need this firmware.")
    return ""


def _processor(wanted: Processor, record: GuestRecord, choices: TuningChoices) -> Faults:
    found: Faults = {}
    if wanted.cpu_mode not in tuning.CPU_MODES:
        found["cpu_mode"] = _("Choose one of the list.")
    elif wanted.cpu_mode and choices.cpu_modes and wanted.cpu_mode not in choices.cpu_modes:
        found["cpu_mode"] = _("This host cannot give this to the guest.")
    if wanted.cpu_mode == "custom":
        found |= _model(wanted.cpu_model, choices)
    if wanted.topology and wanted.count != record.vcpus_max:
        found["topology"] = _(
            "This makes %(made)d virtual CPUs. The guest has at most %(most)d: both must be equal."
        ) % {"made": wanted.count, "most": record.vcpus_max}
    if any(part < 1 for part in wanted.topology):
        found["topology"] = _("At least one of each.")
    for name in ("required", "disabled"):
        wrong = [it for it in getattr(wanted, name) if not _FEATURE.fullmatch(it)]
        if wrong:
            found[name] = _("Not the name of a feature: %(name)s") % {"name": wrong[0][:40]}
    both = set(wanted.required) & set(wanted.disabled)
    if both:
        found["disabled"] = _("%(name)s is required, too.") % {"name": min(both)}
    if (wanted.required or wanted.disabled) and not wanted.cpu_mode:
        name = "required" if wanted.required else "disabled"
        found[name] = _("Choose a processor first: features are added to it.")
    return found


def _model(name: str, choices: TuningChoices) -> Faults:
    models = {model.name: model for model in choices.models}
    if not name or (models and name not in models):
        return {"cpu_model": _("Choose one of the list.")}
    if models and not models[name].is_usable:
        return {"cpu_model": _("This host lacks features of this processor.")}
    return {}


def _placement(wanted: Placement, record: GuestRecord, choices: TuningChoices) -> Faults:
    found: Faults = {}
    for pin in wanted.pins:
        vcpu, _colon, cpus = pin.partition(":")
        if not vcpu.isdigit() or int(vcpu) >= record.vcpus_max:
            found["pins"] = _("There is no such virtual CPU.")
        elif said := _cpus(cpus, choices.cpus):
            found[f"pin-{vcpu}"] = said
    if wanted.emulator and (said := _cpus(wanted.emulator, choices.cpus)):
        found["emulator"] = said
    for name, (least, most) in (("shares", SHARES), ("quota", QUOTA), ("period", PERIOD)):
        value = getattr(wanted, name)
        if value and not least <= value <= most and not (name == "quota" and value == -1):
            found[name] = _("%(least)d to %(most)d.") % {"least": least, "most": most}
    return found | _memory(wanted, choices)


def _memory(wanted: Placement, choices: TuningChoices) -> Faults:
    if wanted.memory_mode not in tuning.MEMORY_MODES:
        return {"memory_mode": _("Choose one of the list.")}
    if not wanted.memory_mode:
        return {"nodes": _("Choose first how they are used.")} if wanted.nodes else {}
    known = frozenset(cell.id for cell in choices.cells)
    said = _cpus(wanted.nodes, known, _("The host has these nodes: %(known)s."))
    return {"nodes": said} if said else {}


def _cpus(text: str, known: frozenset[int], outside: str = "") -> str:
    """What is wrong with this list; empty when nothing is."""
    try:
        chosen = tuning.cpu_set(text)
    except ValueError:
        return _("Numbers and ranges, such as 0-3,8 or 0-7,^3.")
    if known and not chosen <= known:
        outside = outside or _("The host has these CPUs: %(known)s.")
        return outside % {"known": _ranges(known)}
    return ""


def _ranges(numbers: frozenset[int]) -> str:
    """`0-3,8` of these."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def _backing(wanted: Backing, _record: GuestRecord, choices: TuningChoices) -> Faults:
    found: Faults = {}
    if wanted.is_locked and not choices.may_lock:
        found["is_locked"] = _(
            "This takes memory away from all others on the host. It needs the right “Give guests "
            "devices and folders of the host”."
        )
    there = {pages.size for pages in choices.huge_pages if pages.total}
    if wanted.page_size and wanted.page_size not in there:
        found["page_size"] = _("The host has set no pages of this size aside.")
    return found


def _clock(wanted: Clock, _record: GuestRecord, _choices: TuningChoices) -> Faults:
    allowed = {"offset": tuning.OFFSETS, "rtc": tuning.TICKS, "pit": tuning.TICKS}
    allowed |= dict.fromkeys(("hpet", "kvmclock", "hypervclock"), tuning.SWITCHES)
    found = _listed(wanted, allowed)
    if wanted.offset == "variable":
        found["offset"] = _("Choose one of the list.")
    if wanted.offset == "timezone" and wanted.zone not in available_timezones():
        found["zone"] = _("Choose a time zone.")
    return found


def _startup(wanted: Startup, _record: GuestRecord, _choices: TuningChoices) -> Faults:
    allowed = {"boot_menu": tuning.SWITCHES, "on_crash": tuning.CRASHES}
    return _listed(wanted, allowed | dict.fromkeys(("on_poweroff", "on_reboot"), tuning.ENDINGS))


def _firmware(wanted: FirmwareChoice, record: GuestRecord, choices: TuningChoices) -> Faults:
    """Before a system was installed: afterwards it would not start any more."""
    if wanted.kind not in tuning.FIRMWARES:
        return {"kind": _("Choose one of the list.")}
    if wanted.kind not in choices.firmwares:
        return {"kind": _("This host has no such firmware.")}
    if wanted.kind == record.next_tuning.firmware.kind:
        return {}
    if said := obstacle("firmware", record):
        return {"kind": said}
    if wanted.kind == "secure" and "i440fx" in record.machine:
        return {"kind": _("Secure boot needs the chipset Q35.")}
    return {}


def _banks(wanted: Banks, record: GuestRecord, choices: TuningChoices) -> Faults:
    if not wanted.slots:
        return {"limit": _("Say into how many slots.")} if wanted.limit else {}
    found: Faults = {}
    if not 1 <= wanted.slots <= SLOTS:
        found["slots"] = _("1 to %(n)d.") % {"n": SLOTS}
    host = sum(cell.memory for cell in choices.cells)
    if wanted.limit <= record.memory_max:
        found["limit"] = _("More than the guest has already: %(size)s.") % {
            "size": sizes.typed(record.memory_max)
        }
    elif host and wanted.limit > host:
        found["limit"] = _("More than the host has.")
    return found


def _listed(wanted: Part, allowed: dict[str, tuple[str, ...]]) -> Faults:
    return {
        name: _("Choose one of the list.")
        for name, values in allowed.items()
        if getattr(wanted, name) not in values
    }


_RULES: dict[type[Part], Callable[[Any, GuestRecord, TuningChoices], Faults]] = {
    Processor: _processor,
    Placement: _placement,
    Backing: _backing,
    Clock: _clock,
    Startup: _startup,
    FirmwareChoice: _firmware,
    Banks: _banks,
}
