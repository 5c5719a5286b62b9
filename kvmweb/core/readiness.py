"""Is a machine fit to run guests: what was looked at, and how it was found.

Facts only; what they are called, and the remedy of each, stands in `ui.readiness`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    GOOD = "ok"
    LIMITED = "limited"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. values: what its sentence names, such as a folder."""

    code: str
    verdict: Verdict
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """All that was found of one host. is_local: also what only the machine itself knows."""

    is_local: bool
    findings: tuple[Finding, ...]
