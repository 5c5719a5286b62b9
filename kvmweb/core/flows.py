"""What passes between web and host worker while a volume's data moves, beside the data.

Up: plain bytes; the sender shuts its side when it has no more; the worker answers one verdict.
Down: frames of one letter and eight bytes of length. `d`: so many bytes follow; `h`: a hole of so
many zeros, nothing follows; `v`: the verdict, JSON of that length, and the end.
Pure: whoever holds the socket reads and writes it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kvmweb.core import errors

HEAD: Final = struct.Struct(">cQ")
DATA, HOLE, VERDICT = b"d", b"h", b"v"
VERDICT_MAX: Final = 64 * 1024
ZEROS: Final = bytes(256 * 1024)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a flow ended. moved: bytes that libvirt has confirmed, holes included."""

    moved: int = 0
    problem: str = ""
    detail: str = ""

    def or_raise(self) -> int:
        """The bytes moved. Raises the problem that ended it."""
        if self.problem:
            raise errors.problem(self.problem, self.detail)
        return self.moved


def head(kind: bytes, length: int) -> bytes:
    """The start of a frame."""
    return HEAD.pack(kind, length)


def verdict(moved: int, problem: errors.Problem | None = None) -> bytes:
    """The last frame."""
    said = {"moved": moved}
    if problem is not None:
        said |= {"problem": problem.code, "detail": problem.detail[:500]}  # type: ignore[dict-item]
    body = json.dumps(said).encode()
    return head(VERDICT, len(body)) + body


class Frames:
    """Takes what arrives, in whatever pieces, apart. `verdict` is there after the last one."""

    __slots__ = ("_kind", "_left", "_rest", "verdict")

    def __init__(self) -> None:
        self._rest = b""
        self._kind = b""
        self._left = 0
        self.verdict: Verdict | None = None

    def feed(self, piece: bytes) -> Iterator[bytes | memoryview | int]:
        """Data in order: bytes as they are, a hole as its length. Raises Fault for nonsense."""
        piece = self._rest + piece if self._rest else piece
        self._rest = b""
        view, at = memoryview(piece), 0
        while at < len(piece):
            if not self._left:
                if len(piece) - at < HEAD.size:
                    break
                self._kind, self._left = HEAD.unpack_from(piece, at)
                at += HEAD.size
                if self._kind not in (DATA, HOLE, VERDICT):
                    raise errors.Fault("the worker spoke out of turn")
                if self._kind == HOLE:
                    yield self._left
                    self._left = 0
                continue
            if self._kind == VERDICT:
                if len(piece) - at < self._left <= VERDICT_MAX:
                    break
                self._judge(piece[at : at + self._left])
                return
            taken = min(self._left, len(piece) - at)
            yield view[at : at + taken]
            at += taken
            self._left -= taken
        self._rest = bytes(view[at:])

    def _judge(self, body: bytes) -> None:
        try:
            said = json.loads(body)
            self.verdict = Verdict(
                int(said["moved"]), str(said.get("problem", "")), str(said.get("detail", ""))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise errors.Fault("the worker's verdict cannot be read") from error
