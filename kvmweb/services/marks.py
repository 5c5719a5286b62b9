"""What a public service function promises. `services.guard` enforces it, `tests/house` reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Mark:
    """style: guarded, sifted, open, or internal (for other services, never for a door).

    is_audited: a change is written down before it begins; else it writes its own entry.
    """

    style: str
    verb: str = ""
    reason: str = ""
    is_audited: bool = True


def open_to_all(reason: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """No right needed, because of the reason given."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        function.__mark__ = Mark("open", reason=reason)  # type: ignore[attr-defined]
        return function

    return mark


def internal(reason: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A part of other services; a door that calls it fails the build."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        function.__mark__ = Mark("internal", reason=reason)  # type: ignore[attr-defined]
        return function

    return mark
