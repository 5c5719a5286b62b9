"""The guest list as a region: the page's own service call, rows and partials."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Unknown
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.guest_lists import GuestList
from kvmweb.core.topics import Notice
from kvmweb.live.regions import Part, Picture, Region, shows, told
from kvmweb.services import guests as desk
from kvmweb.ui import guests as face

TOPICS = frozenset({topics.GUESTS, topics.HOSTS, topics.USE})
_BY_USE = frozenset({"cpu", "memory_use"})


class GuestListRegion:
    """One reader's list. Keeps which guests it shows, to ask only for their figures."""

    topics = TOPICS
    list_id = face.LIST_ID

    def __init__(self, wanted: GuestFilter) -> None:
        self._wanted = wanted
        self._hosts: dict[int, str] = {}

    def look(self, actor: Actor) -> Picture:
        """Rows, counts, pages and what is said of hosts that are away."""
        found = desk.list_(actor, self._wanted)
        seen = face.Look(found.wanted.columns)
        self._hosts = {row.line.key: row.line.ref.host for row in found.rows}
        rows: dict[str, Part] = {}
        cells: dict[str, Part] = {}
        row_of: dict[str, str] = {}
        for row in found.rows:
            dom_id = row.line.ref.dom_id
            rows[dom_id] = Part(seen.version(row), partial(seen.html, row))
            for cell_id, html in seen.cells(row.line.key, row.use):
                cells[cell_id] = Part(html, partial(str, html))
                row_of[cell_id] = dom_id
        return Picture(
            rev=found.rev,
            parts=_parts(found),
            list_id=face.LIST_ID,
            rows=rows,
            cells=cells,
            row_of=row_of,
        )

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """Figures of the rows in view whose hosts reported; a list sorted by them is looked at."""
        if self._wanted.column in _BY_USE:
            return None
        told_of = {notice.ref for notice in notices}
        keys = [key for key, host in self._hosts.items() if str(refs.host(host)) in told_of]
        if not keys:
            return {}
        seen = face.Look(self._wanted.columns)
        return {
            cell_id: Part(html, partial(str, html))
            for key, use in desk.use(actor, keys).items()
            for cell_id, html in seen.cells(key, use)
        }


@shows(r"/guests/")
def _list(_found: re.Match[str], query: QueryDict) -> list[Region]:
    given = {name: ",".join(query.getlist(name)) for name in query}
    try:
        return [GuestListRegion(GuestFilter.from_query(given))]
    except Unknown:
        return []


def _parts(found: GuestList) -> dict[str, Part]:
    """The partials beside the rows; rendered only when what they say has changed."""
    context = face.parts(found)
    wanted = found.wanted
    away = [(host.key, host.name, host.heard_at) for host in context["away"]]
    values = {
        "away": away,
        "states": (wanted, found.seen, found.states),
        "empty": (
            bool(found.rows),
            found.has_right,
            wanted.is_narrowed,
            len(found.hosts),
            context["is_none_up"],
        ),
        "pages": (wanted, found.total),
    }
    return {
        f"guest-{name}": told(value, _rendered(name, context)) for name, value in values.items()
    }


def _rendered(name: str, context: dict[str, Any]) -> Callable[[], str]:
    return lambda: render_to_string(f"guests/list.html#{name}", context).strip()
