"""The audit: who did what, filtered, a hundred a page, as CSV."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from kvmweb.core import plain
from kvmweb.services import activity
from kvmweb.ui import acts
from kvmweb.web import respond
from kvmweb.web.forms import Strict

COLUMNS = ["at", "person", "address", "verb", "ref", "name", "outcome", "detail"]
MOMENT = {"type": "datetime-local", "step": "60"}


class FilterForm(Strict):
    """What to look for; everything may stay empty."""

    person = forms.CharField(label=_("Person"), max_length=100, required=False)
    about = forms.CharField(label=_("Object"), max_length=200, required=False)
    verb = forms.ChoiceField(label=_("Action"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    since = forms.DateTimeField(label=_("From"), required=False, widget=forms.DateTimeInput(MOMENT))
    until = forms.DateTimeField(
        label=_("Until"), required=False, widget=forms.DateTimeInput(MOMENT)
    )
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)

    def __init__(self, data: Any = None, *, actor: Any, **rest: Any) -> None:
        super().__init__(data, **rest)
        verbs = activity.verbs(actor)
        for name, found, label in (
            ("verb", verbs, acts.label),
            ("outcome", acts.OUTCOMES, acts.outcome),
        ):
            choices = [("", _("Any")), *((word, label(word)) for word in found)]
            self.fields[name].choices = choices  # type: ignore[attr-defined]
            self.fields[name].validators = []


@require_safe
def list_(request: HttpRequest) -> HttpResponse:
    """One page."""
    form = FilterForm(request.GET, actor=request.actor)  # type: ignore[attr-defined]
    form.full_clean()
    wanted = activity.Filter.from_query(request.GET)
    number = form.cleaned_data.get("page") or 1
    kept = request.GET.copy()
    kept.pop("page", None)
    entries, pages = activity.search(request.actor, wanted, number)  # type: ignore[attr-defined]
    context = {
        "form": form,
        "entries": entries,
        "pages": pages,
        "query": kept.urlencode(),
    }
    return respond.page(request, "audit/list.html", context, part="entries")


@require_safe
def export(request: HttpRequest) -> HttpResponseBase:
    """All that the filter lets through, as CSV that no spreadsheet takes for formulas."""
    FilterForm(request.GET, actor=request.actor)  # type: ignore[attr-defined]
    wanted = activity.Filter.from_query(request.GET)
    rows = activity.export(request.actor, wanted)  # type: ignore[attr-defined]
    stamp = timezone.now().strftime("%Y-%m-%d")
    return StreamingHttpResponse(
        _streamed(_lines(rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="kvmweb-audit-{stamp}.csv"'},
    )


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        """The line."""
        return line


def _lines(parts: Iterator[list[activity.EntryRow]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for rows in parts:
        yield "".join(writer.writerow(_cells(row)) for row in rows)


def _cells(row: activity.EntryRow) -> list[str]:
    values = [getattr(row, name) for name in COLUMNS[1:-1]]
    detail = json.dumps(row.detail, ensure_ascii=False)
    cells = [plain.cell(value) for value in [*values, detail]]
    return [row.at.isoformat(timespec="seconds"), *cells]


async def _streamed(lines: Iterator[str]) -> AsyncIterator[str]:
    """Each as soon as it is read: Django would gather those of a plain iterator in memory."""
    following = sync_to_async(functools.partial(next, lines, None))
    while (line := await following()) is not None:
        yield line


urlpatterns = [
    path("", list_, name="audit"),
    path("export/", export, name="audit_export"),
]
