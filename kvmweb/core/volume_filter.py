"""What a reader asked a pool's list of volumes for: search, filters, order and page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kvmweb.core import list_filter
from kvmweb.core.list_filter import ListFilter

SORTS = ("name", "format", "capacity", "allocation")
USES = ("used", "unused")


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFilter(ListFilter):
    """use: used or unused."""

    READERS: ClassVar = {
        "q": list_filter.text,
        "use": list_filter.one_of(*USES),
        "format": list_filter.text,
        "sort": list_filter.sort(*SORTS),
        "page": list_filter.page,
    }
    BESIDE: ClassVar = frozenset({"dialog", "part"})
    NARROWING: ClassVar = ("q", "use", "format")

    use: str = ""
    format: str = ""
