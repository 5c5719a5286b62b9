"""The frames of a volume's data, taken apart from any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmweb.core import errors, flows

PARTS = st.lists(st.one_of(st.binary(min_size=1, max_size=300), st.integers(1, 2**40)), max_size=8)


@given(parts=PARTS, cuts=st.integers(1, 60), moved=st.integers(0, 2**50))
def test_what_was_framed_comes_out_in_whatever_pieces_it_comes_in(
    parts: list[bytes | int], cuts: int, moved: int
) -> None:
    wire = b""
    for part in parts:
        if isinstance(part, int):
            wire += flows.head(flows.HOLE, part)
        else:
            wire += flows.head(flows.DATA, len(part)) + part
    wire += flows.verdict(moved, errors.Busy("not now"))
    frames = flows.Frames()
    found: list[bytes | int] = []
    for start in range(0, len(wire), cuts):
        for piece in frames.feed(wire[start : start + cuts]):
            found.append(piece if isinstance(piece, int) else bytes(piece))
    assert _joined(found) == _joined(parts)
    assert frames.verdict == flows.Verdict(moved, "busy", "not now")
    with pytest.raises(errors.Busy):
        frames.verdict.or_raise()


def _joined(parts: list[bytes | int]) -> list[bytes | int]:
    """Neighbouring data as one."""
    found: list[bytes | int] = []
    for part in parts:
        if found and isinstance(part, bytes) and isinstance(found[-1], bytes):
            found[-1] += part
        else:
            found.append(part)
    return found


@pytest.mark.parametrize(
    "wire",
    [
        b"x" + bytes(8),
        flows.head(b"x", 5) + b"12345",
        flows.head(flows.VERDICT, 2) + b"{}",
        flows.head(flows.VERDICT, 4) + b"1234",
        flows.head(flows.VERDICT, 2**40) + b"1234",
    ],
)
def test_nonsense_is_a_fault_and_no_endless_waiting(wire: bytes) -> None:
    with pytest.raises(errors.Fault):
        list(flows.Frames().feed(wire + b" "))
