"""Sizes as people type them: `8G`, `8 GiB`, `8192M`, `1.5 TiB`; always binary."""

from __future__ import annotations

import re
from decimal import Decimal

_TYPED = re.compile(
    r"(?P<number>\d{1,15}(?:[.,]\d{1,3})?)\s*(?P<unit>[KMGTP])(?:i?B)?", re.IGNORECASE
)
_UNITS = {unit: 1024**power for power, unit in enumerate("KMGTP", start=1)}
_NAMES = ("PiB", "TiB", "GiB", "MiB", "KiB")


def parse(text: str) -> int:
    """Bytes, a multiple of 1024. Raises ValueError, also where the unit is missing."""
    found = _TYPED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a size: {text[:40]!r}")
    number = Decimal(found["number"].replace(",", "."))
    return int(number * _UNITS[found["unit"].upper()]) // 1024 * 1024


def typed(size: int) -> str:
    """The shortest form that `parse` reads back as the same; what a form shows."""
    for name in _NAMES:
        unit = _UNITS[name[0]]
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size // 1024} KiB"
