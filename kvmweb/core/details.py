"""One guest with everything that its page shows, and what was lately asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kvmweb.core.hardware import Hardware
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import GuestRecord, HostState
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import SnapshotLine


@dataclass(frozen=True, slots=True)
class HostLine:
    """The host that an object lives on. heard_at: when it last answered; the age of its rows."""

    ref: Ref
    name: str
    uri: str
    state: HostState
    heard_at: datetime | None = None

    @property
    def is_up(self) -> bool:
        """What the mirror says of its objects is current."""
        return self.state is HostState.UP


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest act on a guest. outcome: begun while it goes on, then as in the audit."""

    verb: str
    at: datetime
    outcome: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GuestUse:
    """What changes every two seconds.

    samples: `(epoch, cpu, memory_used, disk_read, disk_written, net_received, net_sent)`, oldest
    first, rates in bytes per second; as the mirror keeps them.
    """

    is_active: bool
    memory: int
    cpu: float | None = None
    memory_used: int | None = None
    samples: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class GuestDetails:
    """One guest, whole. rev: of the mirror before it was read."""

    ref: Ref
    host: HostLine
    record: GuestRecord
    """Its xml is empty here: it needs a right of its own."""
    use: GuestUse
    is_answering: bool
    rev: int
    offers: tuple[Offer, ...]
    may_read_definition: bool
    may_write_definition: bool = False
    asked: Asked | None = None
    snapshots: tuple[SnapshotLine, ...] = ()
    disks: Obstacle = Obstacle.NO_RIGHT
    """What stands in the way of changing its disks and drives."""
    limits: Obstacle = Obstacle.NO_RIGHT
    """What stands in the way of limiting its disks and interfaces."""
    inside: Obstacle = Obstacle.NO_RIGHT
    """What stands in the way of looking inside its disks."""
    hardware: Hardware = field(default_factory=Hardware)
    """Its other devices."""
    project: tuple[int, str] = (0, "")
    """Key and name of the project that it is in."""
    may_change_project: bool = False
    """There are projects, and this person may put it into another one."""

    @property
    def no_disk_beside(self) -> bool:
        """Who may not limit adds none to limited ones."""
        return self.limits is Obstacle.NO_RIGHT and self.record.has_limited_disks

    @property
    def no_card_beside(self) -> bool:
        """The same of its interfaces."""
        return self.limits is Obstacle.NO_RIGHT and self.record.has_limited_cards


@dataclass(frozen=True, slots=True)
class ConsoleFacts:
    """What a guest's console card starts from.

    watch, drive, take_over: whether this person may. serials: aliases, in order.
    start: how the guest can be started from here, or its saved state restored.
    """

    ref: Ref
    name: str
    state: str
    has_screen: bool
    serials: tuple[str, ...]
    watch: bool
    drive: bool
    take_over: bool
    start: Offer | None


@dataclass(frozen=True, slots=True)
class Sitter:
    """One viewer as the others at the console see them."""

    id: int
    name: str
    person: int
    kind: str
    device: str
    may_drive: bool
    drives: bool
    asks: bool
