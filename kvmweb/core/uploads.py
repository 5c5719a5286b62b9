"""An upload as its person sees it, and what was wished for when it began."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from kvmweb.core import spans
from kvmweb.core.images import Format
from kvmweb.core.jobs import JobStep
from kvmweb.core.refs import Ref
from kvmweb.core.spans import Span


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
    """One upload. facts: what its header said, once it is known.

    offset: bytes that are safe from the first on; beyond: spans that are safe behind it.
    """

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
    beyond: tuple[Span, ...] = ()

    @property
    def safe(self) -> int:
        """Bytes that are safe, wherever they lie."""
        return self.offset + sum(end - start for start, end in self.beyond)

    @property
    def missing(self) -> list[Span]:
        """What is still to be sent."""
        return spans.missing([(0, self.offset), *self.beyond], self.size)

    @property
    def percent(self) -> float:
        """How far it is."""
        return 100 * self.safe / self.size if self.size else 100.0


@dataclass(frozen=True, slots=True)
class Fetch:
    """An image from a URL. step: what its job does now, while it is under way."""

    upload: UploadRecord
    step: JobStep | None = None
