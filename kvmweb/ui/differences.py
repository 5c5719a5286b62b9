"""What differs between two texts, line by line."""

from __future__ import annotations

import difflib

_KINDS = {"+": "added", "-": "removed"}


def lines(before: str, after: str) -> list[tuple[str, str]]:
    """Changed lines and some around them, each with what happened to it: same, added, removed."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=4)
    return [
        (_KINDS.get(line[:1], "same"), line)
        for line in found
        if not line.startswith(("+++", "---", "@@"))
    ]
