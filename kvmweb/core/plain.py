"""Foreign text made harmless for lines: audit, logs, CSV."""

from __future__ import annotations

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def line(text: object, limit: int = 255) -> str:
    """One line in which nothing hides: control and direction characters become `\\u202e`."""
    text = str(text)[:limit]
    if text.isprintable():
        return text
    return "".join(
        f"\\u{ord(sign):04x}" if unicodedata.category(sign) in _UNSEEN else sign for sign in text
    )[:limit]


def cell(text: object, limit: int = 2000) -> str:
    """A CSV value that no spreadsheet takes for a formula."""
    safe = line(text, limit)
    return f"'{safe}" if safe[:1] in {"=", "+", "-", "@"} else safe
