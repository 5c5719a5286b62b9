"""The audit as a region: its first page, with the filter of its address."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied
from kvmweb.core.topics import Notice
from kvmweb.live.regions import UNVERSIONED, Part, Picture, Region, part, shows
from kvmweb.services import activity

LIST_ID = "rows"


class AuditRegion:
    """The newest hundred entries that this filter lets through."""

    topics = frozenset({topics.AUDIT})
    list_id = LIST_ID

    def __init__(self, wanted: activity.Filter) -> None:
        self._wanted = wanted

    def look(self, actor: Actor) -> Picture:
        """Nothing at all for whom the right was taken away meanwhile."""
        try:
            entries, _page = activity.search(actor, self._wanted)
        except Denied:
            entries = []
        rows = {it.dom_id: Part(it.version, _row(it)) for it in entries}
        empty = render_to_string("audit/list.html#empty", {"entries": entries}).strip()
        return Picture(UNVERSIONED, {"list-empty": part(empty)}, LIST_ID, rows)

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part]:
        """Statistics change nothing here."""
        return {}


@shows(r"/activity/audit/")
def _audit(_found: re.Match[str], query: QueryDict) -> list[Region]:
    if query.get("page", "1") != "1":
        return []
    return [AuditRegion(activity.Filter.from_query(query))]


def _row(entry: activity.EntryRow) -> Callable[[], str]:
    return lambda: render_to_string("audit/list.html#row", {"it": entry}).strip()
