"""What a reader asked the guest list for: search, filters, order, page and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kvmweb.core import list_filter, refs
from kvmweb.core.list_filter import ListFilter
from kvmweb.core.records import GuestState

COLUMNS = (
    "host", "state", "vcpus", "memory", "cpu", "memory_use", "address", "autostart", "tags",
)  # fmt: skip
"""Beside the name, which is always there."""
SORTS = ("name", *COLUMNS)
STATES = tuple(state for state in GuestState if state is not GuestState.BLOCKED)
"""What can be chosen: "blocked" is shown, counted and found as running."""
ONLY, NONE = "only", "none"
"""Of templates: nothing else is shown, or they are left out."""
_KEY_DIGITS = 9


def _host(given: str) -> str | None:
    return given if refs.HOST_KEY.fullmatch(given) else None


def _project(given: str) -> int | None:
    is_key = given.isascii() and given.isdecimal() and len(given) <= _KEY_DIGITS
    return int(given) if is_key else None


def _columns(given: str) -> tuple[str, ...] | None:
    """In the order of the table; `none` for the name alone."""
    if given == "none":
        return ()
    chosen = set(given.split(","))
    return tuple(name for name in COLUMNS if name in chosen) if chosen <= set(COLUMNS) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFilter(ListFilter):
    """project: its key; 0 for any or none."""

    READERS: ClassVar = {
        "q": list_filter.text,
        "state": list_filter.one_of(*STATES),
        "host": _host,
        "tag": list_filter.text,
        "project": _project,
        "template": list_filter.one_of(ONLY, NONE),
        "sort": list_filter.sort(*SORTS),
        "page": list_filter.page,
        "columns": _columns,
    }
    BESIDE: ClassVar = frozenset({"dialog"})
    NARROWING: ClassVar = ("q", "state", "host", "tag", "project", "template")

    state: str = ""
    host: str = ""
    tag: str = ""
    project: int = 0
    template: str = ""
    columns: tuple[str, ...] = COLUMNS
