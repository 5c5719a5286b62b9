"""What is known of an image in words: beside the choice of one, and in the library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from operator import eq

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core.image_lists import Holding
from kvmweb.core.systems import System
from kvmweb.ui.words import State

OTHERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence. tone: info or warn, as notices have it."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What stands below the choice. offer: the system to take over with a click, where another one
    is chosen; is_awaited: more is known soon."""

    lines: tuple[Line, ...]
    offer: System | None
    is_awaited: bool


def told(holding: Holding, *, is_disc: bool, chosen: str) -> Told:
    """About the image that is chosen. chosen: the id of the system that stands in its field."""
    found = holding.system
    return Told(
        lines=tuple(_lines(holding, is_disc)),
        offer=found if found and chosen not in (found.id, *found.names) else None,
        is_awaited=is_disc and not holding.is_read,
    )


def system(holding: Holding) -> str:
    """Its name, and what tells the others that it may be from it; empty where nobody knows."""
    if not holding.system:
        return ""
    first = holding.system.name.split()
    shown = [holding.system.name]
    for other in holding.others[:OTHERS_SHOWN]:
        words = other.name.split()
        same = sum(takewhile(bool, map(eq, first, words)))
        shown.append(" ".join(words[same:]) or other.name)
    return " / ".join(shown)


def remark(holding: Holding) -> State | None:
    """What is wrong with an ISO file; None where nothing is."""
    if not holding.is_readable:
        return State(_("Cannot be read"), "warn", "warn")
    if holding.is_read and holding.disc is None:
        return State(_("No ISO 9660 disc"), "warn", "warn")
    return State(_("Incomplete"), "warn", "warn") if holding.is_cut else None


def _lines(holding: Holding, is_disc: bool) -> Iterator[Line]:
    names = {"system": system(holding), "named": holding.named.name if holding.named else ""}
    if holding.is_sure:
        yield Line("info", _now("Detected on the disc: %(system)s.") % names)
    elif holding.system:
        yield Line("info", _now("By its name: %(system)s.") % names)
    if holding.others:
        yield Line("info", _now("Their discs look alike: check which one it is."))
    if holding.named:
        yield Line("info", _now("Its name says %(named)s; what is on the disc counts.") % names)
    if is_disc:
        yield from _about_disc(holding)


def _about_disc(holding: Holding) -> Iterator[Line]:
    disc = holding.disc
    if not holding.is_read:
        yield Line("info", _now("The disc is not read yet."))
    elif not holding.is_readable:
        yield Line("info", _now("What is in this file cannot be read."))
    elif disc is None:
        yield Line("warn", _now("This file is no ISO 9660 disc: a guest may not start from it."))
    elif not holding.is_sure and disc.volume_id:
        named = {"id": disc.volume_id}
        yield Line(
            "info", _now("The disc calls itself “%(id)s”, which is no known system.") % named
        )
    if holding.is_cut:
        yield Line("warn", _now("The file ends before its disc does: it is incomplete."))
    if disc and not disc.is_bootable:
        yield Line("info", _now("The disc has no boot record that a PC starts from."))
