"""What the next start of a running guest will bring, field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from kvmweb.core import hardware_kinds
from kvmweb.core.hardware import Kind, When
from kvmweb.core.records import PendingChange
from kvmweb.core.tuning import Processor
from kvmweb.definitions import guests, hardware, pending

_OF_GUEST = ("vcpus", "vcpus_max", "memory_max", "firmware", "machine", "boot")
_OF_DISK = (
    "source", "bus", "device", "format", "cache", "discard", "is_readonly", "is_shareable",
    "io", "detect_zeroes", "serial", "is_removable", "limits",
)  # fmt: skip
_OF_CARD = ("source", "type", "model", "is_link_up", "filter", "port_group")
_TUNING = {
    "processor": {"cpu"},
    "placement": {"cputune", "numatune"},
    "backing": {"memoryBacking"},
    "clock": {"clock"},
    "startup": {"os", "on_poweroff", "on_reboot", "on_crash"},
}
"""The elements that each part is kept in: told where one of these differs."""
_SAID = frozenset({"vcpu", "memory", "os"})
"""Elements whose fields are told one by one, where one of them differs."""


def of(live_xml: str, stored_xml: str) -> tuple[PendingChange, ...]:
    """Named changes first; what has no name of its own by its element. Raises Invalid."""
    live, stored = guests.parse(live_xml), guests.parse(stored_xml)
    found = [*_fields("guest", "", live, stored, _OF_GUEST)]
    disks = [*_devices("disk", _by(live.disks, "target"), _by(stored.disks, "target"), _OF_DISK)]
    cards = [
        *_devices("interface", _by(live.interfaces, "mac"), _by(stored.interfaces, "mac"), _OF_CARD)
    ]
    top, inner = pending.differing(live_xml, stored_xml)
    told = {"disk"} if disks else set()
    told |= {"interface"} if cards else set()
    if live.boot != stored.boot:
        told |= {"disk", "interface"}
    others = [*_hardware(live_xml, stored_xml, inner)]
    told |= {hardware_kinds.named(it.what).tag for it in others}
    rest = others + [PendingChange("device", tag, "other") for tag in sorted(inner - told)]
    known = set(_SAID) if found else set()
    for name, tags in _TUNING.items():
        parts = getattr(live.tuning, name), getattr(stored.tuning, name)
        names = _names(*parts) if tags & top else ()
        changes = [*_fields("guest", "", *parts, names)]
        known |= tags if changes else set()
        found += changes
    rest += [PendingChange("definition", tag, "other") for tag in sorted(top - known)]
    return (*found, *disks, *cards, *rest)


def _hardware(live_xml: str, stored_xml: str, inner: set[str]) -> Iterator[PendingChange]:
    """By their kinds; a kind that nobody knows is told by its element. Of `inner` elements only."""
    for pair in hardware.pairs(live_xml, stored_xml):
        kind = hardware_kinds.named(pair.device.kind)
        if pair.device.tag not in inner or kind is hardware_kinds.OTHER:
            continue
        said = " ".join(
            pair.device.values[it.name]
            for it in kind.fields
            if it.is_said and it.name in pair.device.values
        )
        if pair.when is When.ADDED:
            yield PendingChange(kind.name, "", "added", then=said or "yes")
        elif pair.when is When.REMOVED:
            yield PendingChange(kind.name, "", "removed", now=said or "yes")
        elif pair.now and pair.then:
            yield from _said_otherwise(kind, pair.now.values, pair.then.values)


def _said_otherwise(
    kind: Kind, now: Mapping[str, str], then: Mapping[str, str]
) -> Iterator[PendingChange]:
    for field in kind.fields:
        before, after = (it.get(field.name) or field.default for it in (now, then))
        if before != after and not field.is_fixed:
            yield PendingChange(kind.name, "", field.name, before, after)


def _names(live: Any, stored: Any) -> tuple[str, ...]:
    """The fields that can be compared: a running guest says more of its processor than was asked
    for, and most modes as a model with features."""
    names = tuple(field.name for field in dataclasses.fields(stored))
    if not isinstance(stored, Processor):
        return names
    if stored.cpu_mode not in ("custom", "host-passthrough"):
        return ("topology",)
    more = ("required", "disabled")
    return tuple(
        name
        for name in names
        if name not in more or set(getattr(stored, name)) - set(getattr(live, name))
    )


def _by(items: tuple[Any, ...], name: str) -> dict[str, Any]:
    return {getattr(item, name): item for item in items}


def _devices(
    what: str, live: Mapping[str, Any], stored: Mapping[str, Any], names: tuple[str, ...]
) -> Iterator[PendingChange]:
    for key, item in live.items():
        if key not in stored:
            yield PendingChange(what, key, "removed", now=item.source)
        else:
            yield from _fields(what, key, item, stored[key], names)
    for key, item in stored.items():
        if key not in live:
            yield PendingChange(what, key, "added", then=item.source)


def _fields(
    what: str, name: str, live: Any, stored: Any, names: tuple[str, ...]
) -> Iterator[PendingChange]:
    for field in names:
        now, then = getattr(live, field), getattr(stored, field)
        if now != then:
            yield PendingChange(what, name, field, _plain(now), _plain(then))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
