"""What waits for a guest's next start, in words: field, what it is now, what it will be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kvmweb.core.records import PendingChange
from kvmweb.ui import cards, disks, hardware_words, tuning
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

_FIELDS: dict[str, Text] = {
    "vcpus": gettext_lazy("Virtual CPUs"),
    "vcpus_max": gettext_lazy("Virtual CPUs, at most"),
    "memory_max": gettext_lazy("Memory, at most"),
    "firmware": gettext_lazy("Firmware"),
    "machine": gettext_lazy("Machine"),
    "boot": gettext_lazy("Boot order"),
    "cpu_mode": gettext_lazy("Processor"),
    "cpu_model": gettext_lazy("Named processor"),
    "topology": gettext_lazy("Topology"),
    "required": gettext_lazy("Required features"),
    "disabled": gettext_lazy("Disabled features"),
    "pins": gettext_lazy("Pinned virtual CPUs"),
    "emulator": gettext_lazy("CPUs for QEMU's own threads"),
    "shares": gettext_lazy("Weight"),
    "quota": gettext_lazy("Quota in microseconds"),
    "period": gettext_lazy("Period in microseconds"),
    "memory_mode": gettext_lazy("Memory from NUMA nodes"),
    "nodes": gettext_lazy("NUMA nodes"),
    "page_size": gettext_lazy("Pages"),
    "is_locked": gettext_lazy("Never swapped out"),
    "is_shared": gettext_lazy("Shared memory"),
    "limit": gettext_lazy("Room for more memory"),
    "slots": gettext_lazy("Memory slots"),
    "offset": gettext_lazy("The clock starts at"),
    "zone": gettext_lazy("Time zone"),
    "rtc": gettext_lazy("RTC: ticks that were missed"),
    "pit": gettext_lazy("PIT: ticks that were missed"),
    "hpet": "HPET",
    "kvmclock": "kvm-clock",
    "hypervclock": gettext_lazy("Hyper-V clock"),
    "boot_menu": gettext_lazy("Boot menu"),
    "on_poweroff": gettext_lazy("When it powers off"),
    "on_reboot": gettext_lazy("When it reboots"),
    "on_crash": gettext_lazy("When it crashes"),
    "source": gettext_lazy("Source"),
    "bus": gettext_lazy("Bus"),
    "device": gettext_lazy("As"),
    "format": gettext_lazy("Format"),
    "cache": gettext_lazy("Cache"),
    "discard": gettext_lazy("Discard"),
    "is_readonly": gettext_lazy("Read-only"),
    "is_shareable": gettext_lazy("Shareable"),
    "io": gettext_lazy("Input and output"),
    "detect_zeroes": gettext_lazy("Zeroes"),
    "serial": gettext_lazy("Serial number"),
    "is_removable": gettext_lazy("Removable"),
    "limits": gettext_lazy("Limits"),
    "type": gettext_lazy("Type"),
    "model": gettext_lazy("Model"),
    "is_link_up": gettext_lazy("Link"),
    "filter": gettext_lazy("Network filter"),
    "port_group": gettext_lazy("Port group"),
    "mode": gettext_lazy("Macvtap mode"),
    "mtu": gettext_lazy("MTU"),
    "vlans": gettext_lazy("VLAN"),
    "inbound": gettext_lazy("To the guest, KiB/s"),
    "outbound": gettext_lazy("From the guest, KiB/s"),
}
_WHATS: dict[str, Text] = {
    "disk": gettext_lazy("Disk"),
    "interface": gettext_lazy("Network interface"),
    "device": gettext_lazy("Device"),
    "definition": gettext_lazy("Definition"),
}
_SIZES = ("limit", "page_size")
_VALUES: dict[tuple[str, str], Text] = {
    ("is_link_up", "yes"): gettext_lazy("up"),
    ("is_link_up", "no"): gettext_lazy("down"),
    **{("device", name): word for name, word in disks.DEVICES.items()},
    **{("type", name): word for name, word in cards.KINDS.items()},
    ("", "yes"): pgettext_lazy("a value", "yes"),
    ("", "no"): pgettext_lazy("a value", "no"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """subject: the device, empty for the guest itself. now, then: empty says that nothing is."""

    subject: str
    field: str
    now: str
    then: str
    is_added: bool = False
    is_removed: bool = False


def lines(found: Iterable[PendingChange]) -> list[Line]:
    """Each change, in the language that is active now."""
    return [_line(change) for change in found]


def _line(change: PendingChange) -> Line:
    what = str(_WHATS.get(change.what) or _kind(change.what))
    subject = f"{what} {change.name}".strip()
    if change.field == "added":
        return Line(subject, _("is added"), "", _said(change, change.then), is_added=True)
    if change.field == "removed":
        return Line(subject, _("is removed"), _said(change, change.now), "", is_removed=True)
    if change.field == "other":
        return Line(subject, _("differs"), "", "")
    if change.what in hardware_words.KINDS:
        field = str(hardware_words.field(change.what, change.field))
        now, then = (hardware_words.value(change.field, it) for it in (change.now, change.then))
        return Line(subject, field, str(now), str(then))
    field = str(_FIELDS.get(change.field, change.field))
    return Line(subject, field, _value(change.field, change.now), _value(change.field, change.then))


def _said(change: PendingChange, values: str) -> str:
    """What comes or goes, word by word where it is a device that has words."""
    if change.what not in hardware_words.KINDS:
        return values
    field = "size" if change.what == "dimm" else ""
    return ", ".join(str(hardware_words.value(field, value)) for value in values.split())


def _kind(what: str) -> Text:
    """Of a device that has no name of its own."""
    return hardware_words.kind(what).label if what in hardware_words.KINDS else ""


def _value(field: str, value: str) -> str:
    if (field.startswith("memory") or field in _SIZES) and value.isdigit():
        return (
            size(int(value)) if int(value) > 1 else _("none") if value == "0" else _("huge pages")
        )
    if field == "limits":
        return disks.limited(tuple(value.split()))
    said = _VALUES.get((field, value)) or tuning.VALUES.get(field, {}).get(value)
    said = said or _VALUES.get(("", value))
    return str(said) if said else value.replace("disk:", "").replace("network:", "")
