"""What each page shows that can change, and where its look comes from.

A page is a few regions; each names the topics it listens to and can be looked at again, through the
same service and the same partials as the page itself. Another page joins in by a module with a
maker marked `@shows(pattern)`, imported in `live.routing`:

    @shows(r"/hosts/(?P<host>[a-z0-9-]+)/")
    def _host(found: re.Match[str], query: QueryDict) -> list[Region]:
        ref = refs.host(found["host"])
        return [Cards(frozenset({topics.of(ref)}), lambda actor: cards(desk.show(actor, ref)))]
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from django.http import QueryDict

from kvmweb.core.actors import Actor
from kvmweb.core.topics import USE, Notice

UNVERSIONED = -1
"""The revision of what has none: the browser is sent it at the first look, whatever it has."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a page. version: another one when it looks different."""

    version: str
    html: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Picture:
    """How a region looks now.

    parts: elements that are always there, by id. rows: elements of a list, by id, in their order.
    cells: elements inside rows that change by the second, by id; row_of: the row each is in.
    rev: nothing older is missing.
    """

    rev: int
    parts: Mapping[str, Part] = field(default_factory=dict)
    list_id: str = ""
    rows: Mapping[str, Part] = field(default_factory=dict)
    cells: Mapping[str, Part] = field(default_factory=dict)
    row_of: Mapping[str, str] = field(default_factory=dict)


class Region(Protocol):
    """A part of a page that is looked at again as a whole."""

    @property
    def topics(self) -> frozenset[str]:
        """What it listens to; `topics.USE` means `glance`."""

    @property
    def list_id(self) -> str:
        """The element that holds its rows; empty for a region without."""

    def look(self, actor: Actor) -> Picture:
        """How it looks to this actor now. Runs in a thread; the services judge."""

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """The cells alone after a round of statistics; None: look at all of it."""


@dataclass(frozen=True, slots=True)
class Cards:
    """A region of elements that are always there. gather: element id to its HTML, and revision."""

    topics: frozenset[str]
    gather: Callable[[Actor], tuple[int, Mapping[str, str]]]
    list_id: str = ""

    def look(self, actor: Actor) -> Picture:
        """All of them."""
        rev, found = self.gather(actor)
        return Picture(rev, {dom_id: part(html) for dom_id, html in found.items()})

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> None:
        """As for any other notice."""


Maker = Callable[[re.Match[str], QueryDict], Sequence[Region]]
_makers: list[tuple[re.Pattern[str], Maker]] = []


def shows(pattern: str) -> Callable[[Maker], Maker]:
    """Mark the maker of the regions of every page whose path, without prefix, fits as a whole."""

    def mark(maker: Maker) -> Maker:
        _makers.append((re.compile(pattern), maker))
        return maker

    return mark


def of_page(address: str) -> list[Region]:
    """The regions of the page at this path and query; none for a page that stands still."""
    parts = urlsplit(address)
    query = QueryDict(parts.query)
    return [
        region
        for pattern, maker in _makers
        if (found := pattern.fullmatch(parts.path))
        for region in maker(found, query)
    ]


def part(html: str) -> Part:
    """A part that is rendered already."""
    return Part(f"{zlib.crc32(html.encode()):x}", lambda: html)


def told(value: object, html: Callable[[], str]) -> Part:
    """A part that looks the same as long as this value does."""
    return Part(f"{zlib.crc32(repr(value).encode()):x}", html)


def is_use(notice: Notice) -> bool:
    """Whether only figures that change by the second are meant."""
    return notice.topic == USE
