"""What a console's page says beside the bytes: small JSON objects, not too many of them. Pure."""

from __future__ import annotations

import json
from typing import Any

WORD_MAX = 4096
"""Bytes of one."""
AT_ONCE, PER_S = 10, 2.0
"""Each costs the database and everybody at the console a look."""


def word(text: str) -> dict[str, Any]:
    """What was said. Raises ValueError for what is no such object."""
    if len(text) > WORD_MAX:
        raise ValueError("control message too long")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("control message too deep") from error
    if not isinstance(found, dict):
        raise ValueError("not a control message")
    return found


def number(said: dict[str, Any], name: str) -> int:
    """A number in it. Raises ValueError."""
    value = said.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{name} is a number")
    return value


class Pace:
    """How often one page may ask: a few at once, then a steady trickle."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._at = 0.0
        self._left = float(AT_ONCE)

    def allows(self, now: float) -> bool:
        """Whether one more is within measure; counts it. now: of a clock that only goes on."""
        self._left = min(AT_ONCE, self._left + (now - self._at) * PER_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
