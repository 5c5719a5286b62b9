"""How a guest is set up beside its devices: each part read, and edited in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from kvmweb.core.tuning import (
    Backing,
    Clock,
    FirmwareChoice,
    Part,
    Placement,
    Processor,
    Startup,
    Tuning,
)
from kvmweb.definitions import backing, clock, elements, firmware, placement, processor, startup
from kvmweb.definitions.elements import Element

P = TypeVar("P", Processor, Placement, Backing, Clock, Startup, FirmwareChoice)

_READS: dict[type[Part], Callable[[Element], Part]] = {
    Processor: processor.read,
    Placement: placement.read,
    Backing: backing.read,
    Clock: clock.read,
    Startup: startup.read,
    FirmwareChoice: firmware.read,
}
_EDITS: dict[type[Part], Callable[[Element, Any], None]] = {
    Processor: processor.edit,
    Placement: placement.edit,
    Backing: backing.edit,
    Clock: clock.edit,
    Startup: startup.edit,
    FirmwareChoice: firmware.edit,
}


def of(root: Element) -> Tuning:
    """All parts of one definition."""
    return Tuning(
        processor.read(root), placement.read(root), backing.read(root), clock.read(root),
        startup.read(root), firmware.read(root),
    )  # fmt: skip


def read(xml: str, kind: type[P]) -> P:
    """This part of the definition. Raises Invalid."""
    return cast(P, _READS[kind](elements.parse(xml)))


def edit(xml: str, wanted: Part) -> str:
    """The whole definition with this part so; the same text where it is so already.

    Raises Invalid.
    """
    root = elements.parse(xml)
    if _READS[type(wanted)](root) == wanted:
        return xml
    _EDITS[type(wanted)](root, wanted)
    return elements.serialize(root)


def fit_topology(xml: str, count: int) -> str:
    """The whole definition with a topology, where it has one, of this many CPUs."""
    root = elements.parse(xml)
    return elements.serialize(root) if processor.fit(root, count) else xml
