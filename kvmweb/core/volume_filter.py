"""What a reader asked a pool's list of volumes for: search, filters, order and page, as in its URL.

As with guests: a value that makes no sense falls back and is noted, an unknown field is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from kvmweb.core.errors import Unknown

SORTS = ("name", "format", "capacity", "allocation")
USES = ("used", "unused")
FIELDS = ("q", "use", "format", "sort", "page")
BESIDE = frozenset({"dialog", "part"})
"""Fields that belong to the page's frame."""
_TEXT_MAX = 200
_PAGE_MAX = 100_000


@dataclass(frozen=True, slots=True)
class VolumeFilter:
    """use: used or unused; sort: a column, with a minus for descending. notes: not understood."""

    q: str = ""
    use: str = ""
    format: str = ""
    sort: str = "name"
    page: int = 1
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
        return bool(self.q or self.use or self.format)

    def sorted_by(self, column: str) -> Self:
        """The first page by this column; the other way round when it is sorted by it already."""
        turned = self.column == column and not self.is_descending
        return replace(self, sort=f"-{column}" if turned else column, page=1)

    def query(self, *without: str) -> str:
        """As a URL's query: only what differs from the default. without: fields to leave out."""
        standard = VolumeFilter()
        pairs = {
            name: value
            for name in FIELDS
            if name not in without and (value := getattr(self, name)) != getattr(standard, name)
        }
        return urlencode(pairs)


def _text(given: str) -> str | None:
    text = given.strip()
    return text if len(text) <= _TEXT_MAX and "\0" not in text else None


def _use(given: str) -> str | None:
    return given if given in USES else None


def _sort(given: str) -> str | None:
    return given if given.removeprefix("-") in SORTS and not given.startswith("--") else None


def _page(given: str) -> int | None:
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(_PAGE_MAX))
    return int(given) if is_number and 1 <= int(given) <= _PAGE_MAX else None


_READERS: dict[str, Callable[[str], str | int | None]] = {
    "q": _text, "use": _use, "format": _text, "sort": _sort, "page": _page,
}  # fmt: skip
