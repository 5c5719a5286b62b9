"""Sizes as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import sizes

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8G", 8 * GIB), ("8 GiB", 8 * GIB), ("8gb", 8 * GIB), ("8192M", 8 * GIB),
        ("1.5 TiB", 1536 * GIB), ("0,5 G", GIB // 2), (" 1K ", 1024),
    ],
)  # fmt: skip
def test_a_size_is_read(text: str, size: int) -> None:
    assert sizes.parse(text) == size


@pytest.mark.parametrize("text", ["", "8", "G", "-1G", "8 X", "1e3G", "8 G G", "9" * 30 + "G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        sizes.parse(text)


@given(st.integers(1, 10**9).map(lambda kib: kib * 1024))
def test_what_is_shown_reads_back_the_same(size: int) -> None:
    assert sizes.parse(sizes.typed(size)) == size
