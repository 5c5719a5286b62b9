"""One storage pool in words: how full, how much was promised, what can be done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import PoolDetails
from kvmweb.ui import controls, links, storage_commands, volumes, words
from kvmweb.ui.controls import Control
from kvmweb.ui.volumes import UserLine
from kvmweb.ui.words import Text

_QUESTIONS: dict[str, Text] = {
    "pool.start": _("Start %(name)s?"),
    "pool.stop": _("Stop %(name)s?"),
    "pool.refresh": _("Refresh %(name)s?"),
    "pool.build": _("Build %(name)s?"),
    "pool.delete": _("Delete the pool %(name)s?"),
}
_WARNINGS: dict[str, Text] = {
    "pool.stop": _(
        "Nothing is deleted. Running guests go on, but none of these can be started, and no volume "
        "be made, until the pool is started again."
    ),
}
_MAIN = ("pool.start", "volume.create", "pool.refresh")
_MENU = (
    ("pool.start", "pool.stop", "pool.refresh"),
    ("pool.edit", "pool.build", "pool.delete"),
)


@dataclass(frozen=True, slots=True)
class PoolPage:
    """Context of `storage/detail.html`."""

    details: PoolDetails
    dom_id: str
    url: str
    shown: words.State
    is_stale: bool
    guests: tuple[UserLine, ...]
    by_verb: dict[str, Control]
    main: tuple[Control, ...]
    menu: tuple[tuple[Control, ...], ...]

    @property
    def autostart(self) -> Control:
        """The switch."""
        return self.by_verb["pool.autostart"]

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
        return _share(self.details.figures.promised, self.record.capacity)


def page(details: PoolDetails) -> PoolPage:
    """Everything ready for the templates, in the language that is active now."""
    ref, record = details.ref, details.record
    found = {
        offer.verb: controls.of(
            replace(offer, command=storage_commands.pool(details.host.uri, offer.verb, record)), ref
        )
        for offer in details.offers
    }
    wanted = _MAIN[1:] if record.is_active else _MAIN[:1]
    return PoolPage(
        details=details,
        dom_id=details.ref.dom_id,
        url=links.of(details.ref),
        shown=words.activity(details.record.is_active),
        is_stale=not details.host.is_up,
        guests=tuple(volumes.user_line(user) for user in details.guests.seen),
        by_verb=found,
        main=tuple(found[verb] for verb in wanted if verb in found),
        menu=tuple(tuple(found[verb] for verb in group if verb in found) for group in _MENU),
    )


def question(verb: str, name: str) -> str:
    """What a dialog asks before this verb."""
    return str(_QUESTIONS[verb]) % {"name": name}


def warning(verb: str) -> Text:
    """What it means; empty for the harmless verbs."""
    return _WARNINGS.get(verb, "")


def typed(record: PoolRecord) -> dict[str, Any]:
    """A pool's record as its form shows it."""
    host, colon, rest = record.source.partition(":")
    is_remote = record.type in ("netfs", "iscsi", "iscsi-direct", "rbd", "gluster") and colon
    what = rest if is_remote else record.source
    by_device = record.type in ("fs", "disk", "iscsi", "iscsi-direct")
    return {
        "target": record.path,
        "hosts": host if is_remote else "",
        "source": "" if by_device else what,
        "devices": what if by_device else "",
        "adapter": what if record.type == "scsi" else "",
        "format": record.format,
        "autostart": record.has_autostart,
    }


@dataclass(frozen=True, slots=True)
class PoolLine:
    """One row of the list of pools. promised: what its volumes may grow to, of what it holds."""

    ref: Ref
    dom_id: str
    name: str
    host_name: str
    record: PoolRecord
    is_away: bool
    is_active: bool
    promised: float | None


def lines(rows: Iterable[Any], promised: dict[Ref, int]) -> list[PoolLine]:
    """The rows of the list."""
    return [
        PoolLine(
            ref=row.ref,
            dom_id=row.dom_id,
            name=volumes.shown_name(row.name),
            host_name=row.host_name,
            record=row.record,
            is_away=row.is_away,
            is_active=row.is_active,
            promised=(
                100 * promised.get(row.ref, 0) / row.record.capacity
                if row.record.capacity
                else None
            ),
        )
        for row in rows
    ]


def _share(part: int, whole: int) -> float | None:
    """In percent, also beyond 100; None of nothing."""
    return 100 * part / whole if whole else None
