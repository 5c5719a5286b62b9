"""What of a guest's devices is so now, and what its next start changes, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.utils.translation import gettext_lazy

from kvmweb.core.hardware import When
from kvmweb.core.records import DiskRecord, GuestRecord, InterfaceRecord
from kvmweb.ui.words import Text

Record = TypeVar("Record", DiskRecord, InterfaceRecord)

WORDS: dict[When, tuple[Text, Text]] = {
    When.NOW: ("", ""),
    When.ADDED: (gettext_lazy("at the next start"), "info"),
    When.CHANGED: (gettext_lazy("changes at the next start"), "info"),
    When.REMOVED: (gettext_lazy("gone at the next start"), "warn"),
}
"""And their tone; empty for what is so now and later."""
_LEAVING = gettext_lazy("It goes at the next start: nothing of it can be changed any more.")


@dataclass(frozen=True, slots=True)
class Row(Generic[Record]):
    """A device in its table. no_change: why nothing of it can be changed any more."""

    it: Record
    when: Text
    tone: Text
    no_change: Text


def disks(record: GuestRecord) -> list[Row[DiskRecord]]:
    """Those that are there, then those that the next start brings."""
    return _rows(record, "disk", record.disks, record.next_disks, lambda disk: disk.target)


def interfaces(record: GuestRecord) -> list[Row[InterfaceRecord]]:
    """Those that are there, then those that the next start brings."""
    cards = record.interfaces, record.next_interfaces
    return _rows(record, "interface", *cards, lambda card: card.mac)


def _rows(
    record: GuestRecord,
    what: str,
    now: Iterable[Record],
    then: Iterable[Record],
    key: Callable[[Record], str],
) -> list[Row[Record]]:
    there: dict[str, Record] = {key(it): it for it in now}
    later: dict[str, Record] = {key(it): it for it in then}
    changed = {change.name for change in record.pending if change.what == what}

    def when(name: str) -> When:
        if name not in later:
            return When.REMOVED
        if name not in there:
            return When.ADDED
        return When.CHANGED if name in changed else When.NOW

    names = [*there, *(name for name in later if name not in there)]
    found = [(there.get(name) or later[name], when(name)) for name in names]
    return [Row(it, *WORDS[at], _LEAVING if at is When.REMOVED else "") for it, at in found]
