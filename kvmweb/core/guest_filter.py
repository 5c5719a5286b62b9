"""What a reader asked the guest list for: search, filters, order, page and columns, as in its URL.

A value that makes no sense falls back and is noted, so that an old or mistyped link still opens;
a field that does not exist is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from kvmweb.core import refs
from kvmweb.core.errors import Unknown
from kvmweb.core.records import GuestState

COLUMNS = (
    "host", "state", "vcpus", "memory", "cpu", "memory_use", "address", "autostart", "tags",
)  # fmt: skip
"""Beside the name, which is always there."""
SORTS = ("name", *COLUMNS)
STATES = tuple(state for state in GuestState if state is not GuestState.BLOCKED)
"""What can be chosen: "blocked" is shown, counted and found as running."""
FIELDS = ("q", "state", "host", "tag", "project", "template", "sort", "page", "columns")
ONLY, NONE = "only", "none"
"""Of templates: nothing else is shown, or they are left out."""
BESIDE = frozenset({"dialog"})
"""Fields that belong to the page's frame."""
_TEXT_MAX = 200
_PAGE_MAX = 100_000
_KEY_DIGITS = 9


@dataclass(frozen=True, slots=True)
class GuestFilter:
    """sort: a column, with a minus for descending. notes: the fields that were not understood.

    project: its key; 0 for any or none.
    """

    q: str = ""
    state: str = ""
    host: str = ""
    tag: str = ""
    project: int = 0
    template: str = ""
    sort: str = "name"
    page: int = 1
    columns: tuple[str, ...] = COLUMNS
    notes: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read a URL's query. Raises Unknown for a field that does not exist."""
        unknown = sorted(set(query) - set(FIELDS) - BESIDE)
        if unknown:
            raise Unknown(field=unknown[0][:_TEXT_MAX])
        values: dict[str, object] = {}
        notes = []
        for name, read in _READERS.items():
            given = query.get(name, "")
            if not given:
                continue
            value = read(given)
            if value is None:
                notes.append(name)
            else:
                values[name] = value
        return cls(**values, notes=tuple(notes))  # type: ignore[arg-type]

    @property
    def column(self) -> str:
        """The column that the list is sorted by."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Largest first."""
        return self.sort.startswith("-")

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.q or self.state or self.host or self.tag or self.project or self.template)

    def sorted_by(self, column: str) -> Self:
        """The first page by this column; the other way round when it is sorted by it already."""
        turned = self.column == column and not self.is_descending
        return replace(self, sort=f"-{column}" if turned else column, page=1)

    def query(self, *without: str) -> str:
        """As a URL's query: only what differs from the default. without: fields to leave out."""
        standard = GuestFilter()
        pairs = {
            name: (",".join(value) or "none") if isinstance(value, tuple) else value
            for name in FIELDS
            if name not in without and (value := getattr(self, name)) != getattr(standard, name)
        }
        return urlencode(pairs)


def _text(given: str) -> str | None:
    text = given.strip()
    return text if len(text) <= _TEXT_MAX and "\0" not in text else None


def _state(given: str) -> str | None:
    return given if given in STATES else None


def _host(given: str) -> str | None:
    return given if refs.HOST_KEY.fullmatch(given) else None


def _template(given: str) -> str | None:
    return given if given in (ONLY, NONE) else None


def _sort(given: str) -> str | None:
    return given if given.removeprefix("-") in SORTS and not given.startswith("--") else None


def _project(given: str) -> int | None:
    is_key = given.isascii() and given.isdecimal() and len(given) <= _KEY_DIGITS
    return int(given) if is_key else None


def _page(given: str) -> int | None:
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(_PAGE_MAX))
    return int(given) if is_number and 1 <= int(given) <= _PAGE_MAX else None


def _columns(given: str) -> tuple[str, ...] | None:
    """In the order of the table; `none` for the name alone."""
    if given == "none":
        return ()
    chosen = set(given.split(","))
    return tuple(name for name in COLUMNS if name in chosen) if chosen <= set(COLUMNS) else None


_READERS = {
    "q": _text, "state": _state, "host": _host, "tag": _text, "project": _project,
    "template": _template, "sort": _sort, "page": _page, "columns": _columns,
}  # fmt: skip
