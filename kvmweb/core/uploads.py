"""An upload as its person sees it, and what was wished for when it began."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kvmweb.core.images import Format
from kvmweb.core.refs import Ref


class UploadState(StrEnum):
    """REFUSED: nothing of it is left, or it is locked; why stands beside it."""

    MOVING = "moving"
    CHECKING = "checking"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to upload.

    mark: the same for the same file of the same person, so that it goes on where it stopped.
    sha256: what the data should be; empty when nobody knows. is_trusted: it may name other files.
    """

    name: str
    size: int
    format: Format = Format.AUTO
    mark: str = ""
    sha256: str = ""
    wants_checksum: bool = False
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """One upload. offset: bytes that are safe. facts: what its header said, once it is known."""

    id: UUID
    pool: Ref
    name: str
    size: int
    offset: int
    format: str
    state: UploadState
    problem: str
    detail: str
    expires_at: datetime
    is_held: bool
    """Another request moves data now."""
    job: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """How far it is."""
        return 100 * self.offset / self.size if self.size else 100.0
