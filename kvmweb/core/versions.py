"""The definitions that a guest had, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kvmweb.core.errors import NotFound
from kvmweb.core.refs import Ref


@dataclass(frozen=True, slots=True)
class Version:
    """One definition. who, verb: of the act that brought it; empty verb: outside the portal.

    is_first: the oldest that was ever seen.
    """

    id: int
    number: int
    seen_at: datetime
    name: str
    xml: str
    who: str
    verb: str
    is_first: bool
    is_newest: bool


@dataclass(frozen=True, slots=True)
class History:
    """Newest first. may_restore: whether this person may write XML. name: as it is called now."""

    ref: Ref
    name: str
    versions: tuple[Version, ...]
    may_restore: bool

    def find(self, version: int) -> Version:
        """Raises NotFound."""
        found = next((it for it in self.versions if it.id == version), None)
        if found is None:
            raise NotFound(ref=f"{self.ref}/{version}")
        return found
