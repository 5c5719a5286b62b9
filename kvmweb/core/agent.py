"""What the agent inside a guest says of it: untrusted text, cut to size before anybody sees it.

A guest may claim anything. Nothing here is ever used as a name, a path or a right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kvmweb.core import plain
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.refs import Ref

TEXT_MAX = 256
ITEMS_MAX = 64
SIZE_MAX = 2**63 - 1
IN_STEP_S = 2.0
"""A clock that differs by less is right: the question itself takes a moment."""

Answers = Mapping[str, object]
"""Source: virDomainGetGuestInfo, such as `{"fs.count": 1, "fs.0.mountpoint": "/"}`."""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One that the guest has mounted. used, total: bytes; None where the guest does not say."""

    place: str
    type: str
    device: str
    total: int | None = None
    used: int | None = None

    @property
    def percent(self) -> float | None:
        """How full it says it is."""
        if self.used is None or not self.total:
            return None
        return min(100.0, 100.0 * self.used / self.total)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody at work in the guest. since: seconds since the epoch by the guest's clock."""

    name: str
    domain: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the guest sees it."""

    name: str
    mac: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What was said, whole or in part. clock_off_s: how far the guest's clock is ahead of its host.

    missing: the questions that were not answered. is_frozen: it answers nothing else until thawed.
    """

    hostname: str = ""
    system: str = ""
    kernel: str = ""
    arch: str = ""
    timezone: str = ""
    file_systems: tuple[FileSystem, ...] = ()
    users: tuple[SignedIn, ...] = ()
    links: tuple[Link, ...] = ()
    clock_off_s: float | None = None
    missing: tuple[str, ...] = ()
    is_frozen: bool = False

    @property
    def is_in_step(self) -> bool:
        """The guest's clock is right."""
        return self.clock_off_s is not None and abs(self.clock_off_s) < IN_STEP_S


class AgentState(StrEnum):
    """What a reader is told first. WAITS: the next start brings the channel. READING: asked, and no
    answer yet.
    """

    NO_RIGHT = "no-right"
    NO_CHANNEL = "no-channel"
    WAITS = "waits"
    OFF = "off"
    NOT_CONNECTED = "not-connected"
    READING = "reading"
    ANSWERING = "answering"
    FROZEN = "frozen"
    SILENT = "silent"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Frozen:
    """File systems were frozen through the portal. until: when they are thawed by themselves."""

    since: datetime
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class AgentCard:
    """What the guest's page says of its agent. read_at: when `facts` were said.

    plug: what stands in the way of giving the guest a channel.
    """

    ref: Ref
    state: AgentState
    facts: AgentFacts | None = None
    read_at: datetime | None = None
    frozen: Frozen | None = None
    offers: tuple[Offer, ...] = ()
    plug: Obstacle = Obstacle.NO_RIGHT


def read(answers: Answers) -> AgentFacts:
    """What these answers say; whatever does not fit is left out. Raises nothing."""
    return AgentFacts(
        hostname=_text(answers.get("hostname")),
        system=_text(answers.get("os.pretty-name")) or _system(answers),
        kernel=_text(answers.get("os.kernel-release")),
        arch=_text(answers.get("os.machine")),
        timezone=_text(answers.get("timezone.name")),
        file_systems=_file_systems(answers),
        users=_users(answers),
        links=_links(answers),
    )


def without(facts: AgentFacts, missing: list[str], *, is_frozen: bool) -> AgentFacts:
    """The same, with what was not answered."""
    return replace(facts, missing=tuple(missing), is_frozen=is_frozen)


def _system(answers: Answers) -> str:
    name, version = (_text(answers.get(f"os.{word}")) for word in ("name", "version"))
    return version if version.startswith(name) else f"{name} {version}".strip()


def _file_systems(answers: Answers) -> tuple[FileSystem, ...]:
    found = (
        FileSystem(
            place=_text(answers.get(f"fs.{n}.mountpoint")),
            type=_text(answers.get(f"fs.{n}.fstype")),
            device=_text(answers.get(f"fs.{n}.disk.0.device") or answers.get(f"fs.{n}.name")),
            total=_size(answers.get(f"fs.{n}.total-bytes")),
            used=_size(answers.get(f"fs.{n}.used-bytes")),
        )
        for n in _each(answers, "fs.count")
    )
    return tuple(sorted((it for it in found if it.place), key=lambda it: it.place))


def _users(answers: Answers) -> tuple[SignedIn, ...]:
    found = (
        SignedIn(
            name=_text(answers.get(f"user.{n}.name")),
            domain=_text(answers.get(f"user.{n}.domain")),
            since=_time(answers.get(f"user.{n}.login-time")),
        )
        for n in _each(answers, "user.count")
    )
    return tuple(it for it in found if it.name)


def _links(answers: Answers) -> tuple[Link, ...]:
    found = (
        Link(
            name=_text(answers.get(f"if.{n}.name")),
            mac=_text(answers.get(f"if.{n}.hwaddr")).lower(),
            addresses=tuple(
                _text(answers.get(f"if.{n}.addr.{m}.addr"))
                for m in _each(answers, f"if.{n}.addr.count")
            ),
        )
        for n in _each(answers, "if.count")
    )
    return tuple(it for it in found if it.name and it.name != "lo")


def _each(answers: Answers, name: str) -> range:
    count = answers.get(name)
    is_count = isinstance(count, int) and not isinstance(count, bool)
    return range(min(count, ITEMS_MAX)) if is_count and isinstance(count, int) else range(0)


def _text(value: object) -> str:
    return plain.line(value, TEXT_MAX).strip() if isinstance(value, str) else ""


def _size(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and isinstance(value, int) and 0 <= value <= SIZE_MAX else None


def _time(value: object) -> float | None:
    """libvirt gives milliseconds; a year that no clock shows is none."""
    known = _size(value)
    return known / 1000 if known is not None and known < 2**43 else None
