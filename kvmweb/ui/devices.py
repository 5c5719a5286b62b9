"""Devices of a host in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kvmweb.core.devices import DeviceKind, DeviceRow
from kvmweb.ui.words import Text

KINDS: dict[DeviceKind, Text] = {
    DeviceKind.PCI: "PCI",
    DeviceKind.USB: "USB",
    DeviceKind.DISK: gettext_lazy("Disks"),
    DeviceKind.NET: gettext_lazy("Network"),
    DeviceKind.MDEV: gettext_lazy("Mediated devices"),
    DeviceKind.SCSI: "SCSI",
    DeviceKind.RENDER: gettext_lazy("3D drawing"),
}
_LINKS: dict[str, Text] = {"up": gettext_lazy("up"), "down": gettext_lazy("down")}
_ICONS = {DeviceKind.DISK: "storage", DeviceKind.NET: "network", DeviceKind.SCSI: "storage"}
_CLASSES: dict[str, Text] = {
    "01": gettext_lazy("storage controller"),
    "02": gettext_lazy("network card"),
    "03": gettext_lazy("graphics card"),
    "04": gettext_lazy("sound or video"),
    "05": gettext_lazy("memory controller"),
    "06": pgettext_lazy("PCI device", "bridge of the mainboard"),
    "07": gettext_lazy("serial port"),
    "08": gettext_lazy("part of the mainboard"),
    "0b": gettext_lazy("processor"),
    "0c": gettext_lazy("USB or other bus"),
    "0d": gettext_lazy("radio"),
    "10": gettext_lazy("encryption"),
    "12": gettext_lazy("accelerator"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind that can be chosen, and how many there are."""

    kind: str
    label: Text
    number: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A device as `hosts/devices.html` shows it."""

    it: DeviceRow
    dom_id: str
    icon: str
    name: str
    place: str
    sort: Text
    facts: tuple[str, ...]


def shown(row: DeviceRow) -> Shown:
    """In the language that is active now."""
    record = row.record
    maker = " ".join(part for part in (record.vendor, record.product) if part and part != "0x1af4")
    kind = KINDS[record.kind]
    if record.kind is DeviceKind.PCI:
        kind = _CLASSES.get(record.class_code[:2], kind)
    is_net = record.kind is DeviceKind.NET
    name = record.address if is_net else maker or record.ids or record.address
    return Shown(
        it=row,
        dom_id=row.dom_id,
        icon=_ICONS.get(record.kind, "cpu"),
        name=name,
        place=record.mac if is_net else record.address,
        sort=kind,
        facts=tuple(fact for fact in _facts(row) if fact != name),
    )


def in_order(rows: Iterable[DeviceRow]) -> list[Shown]:
    """By kind, as the choices stand."""
    order = list(KINDS)
    return [shown(row) for row in sorted(rows, key=lambda row: order.index(row.record.kind))]


def choices(counts: dict[DeviceKind, int]) -> tuple[Choice, ...]:
    """All of them, then each kind that there is."""
    whole = Choice("", gettext_lazy("All"), sum(counts.values()))
    found = (Choice(kind.value, label, counts[kind]) for kind, label in KINDS.items()
             if kind in counts)  # fmt: skip
    return (whole, *found)


def _facts(row: DeviceRow) -> Iterable[str]:
    record = row.record
    if record.ids:
        yield record.ids
    if record.driver:
        yield _("driver %(name)s") % {"name": record.driver}
    if record.link:
        yield _("link %(state)s") % {"state": _LINKS.get(record.link, record.link)}
    if record.speed:
        yield f"{record.speed / 1000:g} Gbit/s"
    if record.is_removable:
        yield _("removable")
    if record.mediated:
        yield _("can be split: %(types)s") % {"types": ", ".join(record.mediated)}
