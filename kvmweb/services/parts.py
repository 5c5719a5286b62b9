"""Parts of a host as the mirror keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from kvmweb.core import wire
from kvmweb.core.hosts import Part
from kvmweb.inventory.models import HostPart
from kvmweb.services.marks import internal

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Read(Generic[R]):
    """A part, and when the host was asked for it."""

    record: R
    at: datetime


@internal("the service of each part carries the mark")
def read(host: str, part: Part, kind: type[R]) -> Read[R] | None:
    """What was last read; None when it never was, or by an older portal that said it otherwise."""
    row = HostPart.objects.filter(host=host, part=part).first()
    if row is None:
        return None
    try:
        return Read(wire.from_plain(kind, row.record), row.read_at)
    except (TypeError, ValueError):
        return None
