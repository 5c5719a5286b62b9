"""Which bytes of a file are there: spans that begin at one byte and end before another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def joined(spans: Iterable[Sequence[int]]) -> list[Span]:
    """The same bytes, in order, in as few spans as can be."""
    found: list[Span] = []
    for start, end in sorted((int(start), int(end)) for start, end in spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def missing(spans: Iterable[Sequence[int]], size: int) -> list[Span]:
    """What is not there of so many bytes."""
    found, at = [], 0
    for start, end in joined(spans):
        if at < min(start, size):
            found.append((at, min(start, size)))
        at = max(at, end)
    return [*found, (at, size)] if at < size else found


def touches(spans: Iterable[Sequence[int]], start: int, end: int) -> bool:
    """Whether a byte of this span is among them."""
    return any(max(start, begun) < min(end, ended) for begun, ended in spans)
