"""Every device of a guest that is not a disk, an interface or a console: kinds, and what there is.

A kind says all there is to know of it: where its fields stand in the XML, what they may hold, how
many a guest may have, what changes at once. `core.hardware_kinds` is the table of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kvmweb.core.devices import User
from kvmweb.core.offers import Obstacle

EDIT, PASS = "guest.edit", "guest.passthrough"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be said of a device.

    paths: where it stands: `@model`, `backend/@version`, `backend`, or `readonly?` for an element
    that is there or not (yes, no); it is read from the first and written to all of them.
    choices: all there are; none: free text that fits `pattern`. offered: the enumeration of the
    host's domain capabilities that says which of them it has. option: virt-xml's word.
    clears: what no longer fits another value. powerful: values that need the further right.
    is_said: part of what a device is called, where a person sees a list of them. is_live: libvirt
    changes it in a running guest.
    """

    name: str
    paths: tuple[str, ...]
    choices: tuple[str, ...] = ()
    default: str = ""
    offered: str = ""
    option: str = ""
    pattern: str = ""
    most: int = 200
    clears: tuple[str, ...] = ()
    powerful: tuple[str, ...] = ()
    is_secret: bool = False
    is_fixed: bool = False
    """Said when it is added, and never changed."""
    is_said: bool = True
    is_live: bool = False
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Values, each with what the host must offer for it; see `is_offered`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of device.

    marks: what tells it from others of its element, and is written into a new one. writes: what
    further stands in a new one. most: of them in a guest; 0: as many as there is room for.
    is_live: a running guest can be given it, and asked to let go of it. needs: a value of the
    host's domain capabilities without which it is not offered. source: the sort of the host's
    devices that it is one of. not_live: values with which it cannot be plugged in.
    """

    name: str
    tag: str
    marks: tuple[tuple[str, str], ...] = ()
    writes: tuple[tuple[str, str], ...] = ()
    fields: tuple[Field, ...] = ()
    most: int = 1
    is_live: bool = False
    needs: str = ""
    right: str = EDIT
    source: str = ""
    option: str = ""
    options: tuple[str, ...] = ()
    """What virt-xml is told beside the fields."""
    not_live: tuple[str, ...] = ()
    wants_shared_memory: bool = False
    is_sole: bool = False
    """No other kind of its element beside it."""
    can_add: bool = True
    can_edit: bool = True
    can_remove: bool = True
    is_built_in: bool = False
    """Part of the machine: shown apart, and left alone."""

    def field(self, name: str) -> Field | None:
        """The field of this name."""
        return next((it for it in self.fields if it.name == name), None)

    def can_plug(self, values: Mapping[str, str]) -> bool:
        """Whether a running guest can be given one of these."""
        return self.is_live and not any(value in self.not_live for value in values.values())


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a definition. key: its element, its place among those, and what it says.

    values: of its fields, by name; for a device of the host also `device`, its key there.
    """

    key: str
    kind: str
    tag: str
    values: dict[str, str] = field(default_factory=dict)
    alias: str = ""


class When(StrEnum):
    """When what a line says is so."""

    NOW = "now"
    ADDED = "added"
    """At the next start."""
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Pair:
    """A device as it is and as it will be at the next start; None: it is not there."""

    now: Device | None
    then: Device | None
    is_same: bool = True

    @property
    def device(self) -> Device:
        """As it will be, or as it is."""
        found = self.then or self.now
        if found is None:
            raise ValueError("a pair of nothing")
        return found

    @property
    def when(self) -> When:
        """What the next start does to it."""
        if self.then is None:
            return When.REMOVED
        if self.now is None:
            return When.ADDED
        return When.NOW if self.is_same else When.CHANGED


@dataclass(frozen=True, slots=True)
class HardwareLine:
    """A device as the card shows it. can_edit, can_remove: there is such an act at all.

    obstacle: what stands in the way of it. host_device: what the host calls what it was given.
    """

    pair: Pair
    can_edit: bool = False
    can_remove: bool = False
    obstacle: Obstacle = Obstacle.NONE
    host_device: str = ""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Of one guest. has_spice: it has devices that only a SPICE client can use.

    lacks_spice: the host's QEMU has no SPICE, so that the guest cannot start with them.
    """

    lines: tuple[HardwareLine, ...] = ()
    has_spice: bool = False
    lacks_spice: bool = False
    obstacle: Obstacle = Obstacle.NO_RIGHT
    """What stands in the way of changing any of it."""


class Refusal(StrEnum):
    """Why a kind cannot be added."""

    NONE = ""
    FULL = "full"
    """The guest has as many as it can have."""
    HOST = "host"
    """The host does not offer it."""
    RIGHT = "right"
    NO_USB = "no-usb"
    """The guest's USB controller is switched off."""


@dataclass(frozen=True, slots=True)
class KindOffer:
    """A kind that can be added, or why not. choices: of each field, what the host offers.

    reasons: of a field, a sentence why it does not have each of its values.
    """

    kind: Kind
    refusal: Refusal = Refusal.NONE
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostChoice:
    """A device of the host that a guest can be given. key: as guests' records name it.

    refusal: a sentence; empty where it can be given. users: guests that have it.
    """

    key: str
    name: str
    place: str
    users: tuple[User, ...] = ()
    carries: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a change. when: now, next, same or asked. why: of `next`: full, never, kind."""

    when: str
    why: str = ""


def is_offered(offers: Collection[str], wanted: str) -> bool:
    """Whether domain capabilities hold this value; what they say nothing about may be there.

    wanted: `tpm.backendModel:emulator`; offers: all that they say, and `tpm:no` for what they deny.
    """
    device = wanted.partition(".")[0]
    if not wanted or wanted in offers:
        return True
    if f"{device}:no" in offers:
        return False
    enumeration = wanted.partition(":")[0] + ":"
    return not any(it.startswith(enumeration) for it in offers)
