"""What a reader asked a list for, as in its URL: search, order, page, and what each list adds.

A value that makes no sense falls back and is noted, so that an old or mistyped link still opens;
a field that does not exist is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self
from urllib.parse import urlencode

from kvmweb.core.errors import Unknown

Reader = Callable[[str], object]
"""Of one field's text; None for what makes no sense."""
TEXT_MAX = 200
_PAGE_MAX = 100_000


def text(given: str) -> str | None:
    """Words that somebody typed."""
    said = given.strip()
    return said if len(said) <= TEXT_MAX and "\0" not in said else None


def page(given: str) -> int | None:
    """The number of a page, from 1."""
    is_number = given.isascii() and given.isdecimal() and len(given) <= len(str(_PAGE_MAX))
    return int(given) if is_number and 1 <= int(given) <= _PAGE_MAX else None


def one_of(*values: str) -> Reader:
    """One of these."""
    return lambda given: given if given in values else None


def sort(*columns: str) -> Reader:
    """One of these columns, with a minus for descending."""
    return one_of(*columns, *(f"-{column}" for column in columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter:
    """sort: a column, with a minus for descending. notes: the fields that were not understood."""

    READERS: ClassVar[Mapping[str, Reader]]
    """Every field of the URL, in its order."""
    BESIDE: ClassVar[frozenset[str]]
    """Fields that belong to the page's frame."""
    NARROWING: ClassVar[tuple[str, ...]]
    """Fields that leave something out."""

    q: str = ""
    sort: str = "name"
    page: int = 1
    notes: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read a URL's query. Raises Unknown for a field that does not exist."""
        unknown = sorted(set(query) - set(cls.READERS) - cls.BESIDE)
        if unknown:
            raise Unknown(field=unknown[0][:TEXT_MAX])
        given = {name: read(query[name]) for name, read in cls.READERS.items() if query.get(name)}
        notes = tuple(name for name, value in given.items() if value is None)
        known = {name: value for name, value in given.items() if value is not None}
        return cls(**known, notes=notes)  # type: ignore[arg-type]

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
        return any(getattr(self, name) for name in self.NARROWING)

    def sorted_by(self, column: str) -> Self:
        """The first page by this column; the other way round when it is sorted by it already."""
        turned = self.column == column and not self.is_descending
        return replace(self, sort=f"-{column}" if turned else column, page=1)

    def query(self, *without: str) -> str:
        """As a URL's query: only what differs from the default. without: fields to leave out."""
        standard = type(self)()
        pairs = {
            name: (",".join(value) or "none") if isinstance(value, tuple) else value
            for name in self.READERS
            if name not in without and (value := getattr(self, name)) != getattr(standard, name)
        }
        return urlencode(pairs)
