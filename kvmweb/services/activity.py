"""Read the audit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.services import audit
from kvmweb.services.guard import guarded_portal
from kvmweb.store.models import AuditEntry

PAGE = 100
EXPORT_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; empty means all. about: a part of the object's name, or its identity."""

    person: str = ""
    about: str = ""
    verb: str = ""
    outcome: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """As the address of the page says; what is no date there is left out."""
        moments = {name: _moment(query.get(name, "")) for name in ("since", "until")}
        words = {name: query.get(name, "") for name in ("person", "about", "verb", "outcome")}
        return cls(**words, **moments)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One act as the audit page shows it."""

    id: int
    at: dt.datetime
    person: str
    address: str
    verb: str
    ref: str
    name: str
    outcome: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return f"audit-{self.id}"

    @property
    def version(self) -> str:
        """Another one when the row looks different: only the outcome ever changes."""
        return f"{self.id}-{self.outcome}"


@guarded_portal("audit.view")
def search(actor: Actor, wanted: Filter, number: int = 1) -> tuple[list[EntryRow], Page[Any]]:
    """One page of a hundred, newest first, and where it stands among the others."""
    page = Paginator(_found(wanted), PAGE).get_page(number)
    return [_row(entry) for entry in page.object_list], page


@guarded_portal("audit.view")
def one(actor: Actor, entry_id: int, wanted: Filter) -> EntryRow | None:
    """This entry if the filter lets it through: what an open page is sent."""
    entry = _found(wanted).filter(pk=entry_id).first()
    return _row(entry) if entry else None


@guarded_portal("audit.view")
def verbs(actor: Actor) -> list[str]:
    """Those that occur, for the filter."""
    return sorted(AuditEntry.objects.order_by().values_list("verb", flat=True).distinct())


@guarded_portal("audit.view")
def export(actor: Actor, wanted: Filter) -> Iterator[list[EntryRow]]:
    """All of it, newest first, a few at a time; that it was taken out is written down as well.

    Every part is a query of its own: whoever reads slowly holds nothing open. It ends where the
    right does.
    """
    audit.note(actor, "audit.export")
    return _parts(actor, wanted)


def _parts(actor: Actor, wanted: Filter) -> Iterator[list[EntryRow]]:
    found, last = _found(wanted), None
    while judge.can(actor, "audit.view"):
        older = found if last is None else found.filter(pk__lt=last)
        rows = [_row(entry) for entry in older[:EXPORT_AT_ONCE]]
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment and moment.tzinfo is None else moment


def _found(wanted: Filter) -> QuerySet[AuditEntry]:
    found = AuditEntry.objects.order_by("-pk")
    if wanted.person:
        found = found.filter(person_name__icontains=wanted.person)
    if wanted.about:
        found = found.filter(Q(ref_name__icontains=wanted.about) | Q(ref=wanted.about))
    if wanted.verb:
        found = found.filter(verb=wanted.verb)
    if wanted.outcome:
        found = found.filter(outcome=wanted.outcome)
    if wanted.since:
        found = found.filter(at__gte=wanted.since)
    if wanted.until:
        found = found.filter(at__lt=wanted.until)
    return found


def _row(entry: AuditEntry) -> EntryRow:
    return EntryRow(
        id=entry.pk,
        at=entry.at,
        person=entry.person_name,
        address=entry.address,
        verb=entry.verb,
        ref=entry.ref,
        name=entry.ref_name,
        outcome=entry.outcome,
        detail=entry.detail,
    )
