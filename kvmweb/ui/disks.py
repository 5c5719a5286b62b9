"""A guest's disks: choices, and what came of a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core.disk_edits import (
    BUSES,
    CACHES,
    DISCARDS,
    IOS,
    ZEROES,
    Attached,
    Detached,
    DiskLimits,
)
from kvmweb.core.records import DiskRecord
from kvmweb.ui import device_words, messages
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

_BUSES = {"virtio": "VirtIO", "scsi": "SCSI", "sata": "SATA", "usb": "USB", "ide": "IDE"}
_CACHES: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "none": gettext_lazy("none: past the host's cache"),
    "writeback": gettext_lazy("writeback: fast, the guest flushes"),
    "writethrough": gettext_lazy("writethrough: slow and safe"),
    "directsync": gettext_lazy("directsync: neither cache"),
    "unsafe": gettext_lazy("unsafe: flushes are ignored"),
}
_DISCARDS: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "unmap": gettext_lazy("give freed space back"),
    "ignore": gettext_lazy("ignore"),
}


_IOS: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "threads": gettext_lazy("threads"),
    "native": gettext_lazy("native: Linux AIO, without the host's cache"),
    "io_uring": "io_uring",
}
_ZEROES: dict[str, Text] = {
    "": gettext_lazy("default of QEMU"),
    "off": gettext_lazy("write them"),
    "on": gettext_lazy("write them as holes where the format can"),
    "unmap": gettext_lazy("give their space back"),
}
LIMITS = {
    "total_bytes": gettext_lazy("Read and written in a second"),
    "read_bytes": gettext_lazy("Read in a second"),
    "write_bytes": gettext_lazy("Written in a second"),
    "total_iops": gettext_lazy("Requests in a second"),
    "read_iops": gettext_lazy("Requests to read"),
    "write_iops": gettext_lazy("Requests to write"),
}
DEVICES: dict[str, Text] = {
    "disk": gettext_lazy("Disk"),
    "cdrom": gettext_lazy("CD-ROM"),
    "floppy": gettext_lazy("Floppy drive"),
}


def device(kind: str) -> str:
    """What sort of disk it is."""
    return str(DEVICES.get(kind, kind))


def buses(now: str = "", offered: Iterable[str] = BUSES) -> list[tuple[str, Text]]:
    """For a select; what is there now stays possible."""
    return _choices(offered, _BUSES, now)


def ios(now: str) -> list[tuple[str, Text]]:
    """For a select."""
    return _choices(IOS, _IOS, now)


def zeroes(now: str) -> list[tuple[str, Text]]:
    """For a select."""
    return _choices(ZEROES, _ZEROES, now)


def limited(kept: tuple[str, ...]) -> str:
    """What a disk is limited to, in words; empty without limits."""
    known = DiskLimits.of(kept)
    return ", ".join(
        f"{label}: {_amount(name, getattr(known, name))}"
        for name, label in LIMITS.items()
        if getattr(known, name)
    )


def _amount(name: str, value: int) -> str:
    return str(size(value)) if name.endswith("bytes") else str(value)


def caches(now: str) -> list[tuple[str, Text]]:
    """For a select."""
    return _choices(CACHES, _CACHES, now)


def discards(now: str) -> list[tuple[str, Text]]:
    """For a select."""
    return _choices(DISCARDS, _DISCARDS, now)


def pools(found: Iterable[tuple[str, str, int]]) -> list[Any]:
    """For a select, with what is free."""
    return [
        (uuid, _("%(pool)s, %(size)s free") % {"pool": name, "size": size(free)})
        for uuid, name, free in found
    ]


def attached(made: Attached) -> str:
    """What came of adding one."""
    if made.when == "next":
        return device_words.no_slot()
    return _("It was attached as %(target)s.") % {"target": made.target}


def edited(when: str) -> str:
    """What came of a change."""
    return device_words.saved(when)


def detached(disk: DiskRecord, found: Detached, *, delete: bool) -> str:
    """What came of taking one away; whether its volume went along."""
    said = device_words.gone(found.when)
    if said:
        stays = _("Its volume was not deleted.") if delete else ""
        return f"{said} {stays}".strip()
    if found.problem is not None:
        why = messages.problem(found.problem).sentence
        return _("%(disk)s was detached, but its volume was not deleted: %(why)s") % {
            "disk": disk.target,
            "why": why,
        }
    if found.is_deleted:
        return _("%(disk)s was detached and its volume deleted.") % {"disk": disk.target}
    return _("%(disk)s was detached. Its volume is still there.") % {"disk": disk.target}


def _choices(values: Iterable[str], labels: dict[str, Any], now: str) -> list[tuple[str, Text]]:
    known = [(value, labels.get(value, value)) for value in values]
    return known if now in dict(known) or not now else [(now, now), *known]
