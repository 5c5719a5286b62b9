"""Spans of a file: what is there, and what is missing."""

from __future__ import annotations

import random

from kvmweb.core import spans


def test_spans_that_touch_are_one() -> None:
    assert spans.joined([(4, 6), [0, 2], (2, 3), (5, 9), (7, 7)]) == [(0, 3), (4, 9)]


def test_what_is_there_and_what_is_missing_are_the_whole() -> None:
    rng = random.Random(7)
    for _ in range(300):
        size = rng.randrange(1, 40)
        given = [(a, a + rng.randrange(0, 9)) for a in rng.sample(range(50), rng.randrange(0, 9))]
        there = {byte for start, end in given for byte in range(start, end)}
        gaps = spans.missing(given, size)
        assert {b for start, end in gaps for b in range(start, end)} == set(range(size)) - there
        for start in range(size):
            is_touched = bool(there & {start, start + 1})
            assert spans.touches(given, start, start + 2) is is_touched
