"""XML as pieces to be coloured: reads no structure, changes no letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<comment><!--.*?-->)|(?P<tag></?[\w:.-]+|/?>|\?>|<\?[\w]+)"
    r"""|(?P<name>[\w:.-]+(?==["']))|(?P<value>"[^"<]*"|'[^'<]*')""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """kind: tag, name, value, comment, or empty for everything else."""

    text: str
    kind: str = ""


def pieces(xml: str) -> list[Piece]:
    """All of the text in order. Text between tags is never coloured."""
    return list(_pieces(xml))


def _pieces(xml: str) -> Iterator[Piece]:
    end, is_inside = 0, False
    for found in _TOKEN.finditer(xml):
        kind = found.lastgroup or ""
        if kind in ("name", "value") and not is_inside:
            continue
        if found.start() > end:
            yield Piece(xml[end : found.start()])
        yield Piece(found.group(), kind)
        end = found.end()
        if kind == "tag":
            is_inside = found.group().startswith("<")
    if end < len(xml):
        yield Piece(xml[end:])
