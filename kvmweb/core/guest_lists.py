"""A page of guests as a list shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.offers import Offer
from kvmweb.core.refs import Ref


@dataclass(frozen=True, slots=True)
class Use:
    """What changes by the second. memory: bytes it has. cpu: percent of its own vCPUs.

    cpu, memory_used: None while it does not run or nothing is known yet.
    """

    memory: int
    cpu: float | None = None
    memory_used: int | None = None


@dataclass(frozen=True, slots=True)
class GuestLine:
    """What of a guest a list shows, the same until its revision changes.

    key: short, the same as long as the mirror is; names the cells that change by the second.
    """

    key: int
    ref: Ref
    rev: int
    name: str
    title: str
    state: str
    vcpus: int
    memory: int
    has_autostart: bool
    tags: tuple[str, ...]
    addresses: tuple[str, ...]
    has_pending_changes: bool
    has_saved_state: bool
    is_answering: bool
    is_template: bool = False

    def __hash__(self) -> int:
        """By what names this version of it: it is looked up a hundred times a page."""
        return hash((self.key, self.rev))


@dataclass(frozen=True, slots=True)
class GuestRow:
    """One row for one reader. main: the one act that its state suggests.

    is_away: its host does not answer, what is shown may be old; heard_at: from when it is then.
    """

    line: GuestLine
    use: Use
    main: Offer
    is_away: bool = False
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedHost:
    """A host that has guests here or may have. count: of its guests that this reader sees."""

    key: str
    name: str
    state: str
    heard_at: datetime | None
    count: int = 0


@dataclass(frozen=True, slots=True)
class GuestList:
    """rows: one page of what the filter found. total: how many it found; seen: how many there
    are for this reader at all, templates: how many of these are some. states: state to number, of
    all seen. rev: nothing older is missing.
    """

    wanted: GuestFilter
    rows: tuple[GuestRow, ...]
    total: int
    seen: int
    states: dict[str, int]
    hosts: tuple[ListedHost, ...]
    tags: tuple[str, ...]
    rev: int
    has_right: bool = True
    may_create: bool = False
    """On some host."""
    page_size: int = 100
    templates: int = 0
    projects: tuple[tuple[int, str], ...] = ()
    """Key and name of those that the list can be narrowed to."""

    @property
    def pages(self) -> int:
        """How many pages the filter found; one when it found nothing."""
        return max(1, -(-self.total // self.page_size))
