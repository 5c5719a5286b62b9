"""One storage pool in words: how full, how much was promised, what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.records import PoolRecord
from kvmweb.core.volume_lists import PoolDetails
from kvmweb.ui import links, volumes, words
from kvmweb.ui.volumes import UserLine


@dataclass(frozen=True, slots=True)
class PoolPage:
    """Context of `storage/detail.html`."""

    details: PoolDetails
    dom_id: str
    url: str
    shown: words.State
    is_stale: bool
    guests: tuple[UserLine, ...]

    @property
    def record(self) -> PoolRecord:
        """Shorter in templates."""
        return self.details.record

    @property
    def is_promising(self) -> bool:
        """Its volumes may grow to more than it holds."""
        return self.details.figures.promised > self.record.capacity > 0

    @property
    def promised_percent(self) -> float | None:
        """What the volumes may grow to, of what the pool holds."""
        held = self.record.capacity
        return 100 * self.details.figures.promised / held if held else None


def page(details: PoolDetails) -> PoolPage:
    """Everything ready for the templates, in the language that is active now."""
    return PoolPage(
        details=details,
        dom_id=details.ref.dom_id,
        url=links.of(details.ref),
        shown=words.activity(details.record.is_active),
        is_stale=not details.host.is_up,
        guests=tuple(volumes.user_line(user) for user in details.guests.seen),
    )
