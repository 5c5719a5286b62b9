"""What the volumes of a pool come to together, and which guests use it: kept until the mirror
changes, for most pages are asked for between two changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Count, Sum

from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import Figures
from kvmweb.inventory import models as mirror
from kvmweb.services.marks import internal

KEPT_MAX = 512
T = TypeVar("T")
_kept: dict[Hashable, tuple[int, Any]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Facets:
    """formats: those that there are, by name."""

    figures: Figures
    formats: tuple[str, ...]


@internal("the noun's own service carries the mark")
def of(ref: Ref) -> Facets:
    """ref: of the pool."""
    return until_changed(("facets", ref), lambda: _read(ref))


@internal("whoever keeps something of the mirror says what it depends on by the key")
def until_changed(key: Hashable, make: Callable[[], T]) -> T:
    """What was made for this key, made again when the mirror has a newer revision."""
    rev = mirror.Revision.current()
    with _lock:
        known = _kept.get(key)
    if known and known[0] == rev:
        return known[1]  # type: ignore[no-any-return]
    made = make()
    with _lock:
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        _kept[key] = (rev, made)
    return made


@internal("for a process whose database was exchanged: tests")
def forget() -> None:
    """What this process remembers of the mirror."""
    with _lock:
        _kept.clear()


def _read(ref: Ref) -> Facets:
    there = mirror.Volume.objects.filter(host=ref.host, pool=ref.id, is_gone__in=[False])
    groups = there.order_by("format").values_list("format")
    found = list(groups.annotate(Count("pk"), Sum("capacity"), Sum("allocation")))
    figures = Figures(
        volumes=sum(row[1] for row in found),
        promised=sum(int(row[2]) for row in found),
        stored=sum(int(row[3]) for row in found),
    )
    return Facets(figures, tuple(row[0] for row in found if row[0]))
