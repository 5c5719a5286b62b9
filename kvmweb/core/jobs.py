"""Long work as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kvmweb.core.refs import Ref


class JobState(StrEnum):
    """Of a job and of each of its steps. INTERRUPTED: its worker died; nothing is repeated."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    UNCHANGED = "unchanged"
    ASKED = "asked"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_over(self) -> bool:
        """Nothing more will happen."""
        return self not in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobStep:
    """One object of a press on many, or one step of a work.

    ref: of the object; None for a work. word: which step of the work. done, total: bytes or
    pieces so far, total 0 while unknown. problem: the code of `core.errors` when it failed.
    """

    ref: Ref | None
    name: str
    state: JobState
    problem: str = ""
    detail: str = ""
    word: str = ""
    done: int = 0
    total: int = 0

    @property
    def percent(self) -> float | None:
        """How far it is; None while nobody knows."""
        return 100 * min(1.0, self.done / self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class JobSubject:
    """What a job is about. name: what it is called, or was when somebody asked for the job.

    ref: None where there is nothing to look at: it is gone, or not made yet. is_binned: it lies in
    the recycle bin.
    """

    name: str
    ref: Ref | None = None
    is_binned: bool = False


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as its reader sees it."""

    id: UUID
    word: str
    state: JobState
    person_name: str
    steps: tuple[JobStep, ...]
    created_at: datetime
    ended_at: datetime | None
    is_cancel_asked: bool
    may_cancel: bool
    result: Ref | None = None
    """What came of it."""
    is_in_text: bool = False
    """What it made asks its person on the serial console."""
    subjects: tuple[JobSubject, ...] = ()

    @property
    def over(self) -> int:
        """Steps that have ended."""
        return sum(step.state.is_over for step in self.steps)

    @property
    def failed(self) -> int:
        """Steps that went wrong."""
        return sum(step.state is JobState.FAILED for step in self.steps)
