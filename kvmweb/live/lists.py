"""The overview as a region, and what small lists share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.topics import Notice
from kvmweb.live.regions import Part, Picture, Region, part, shows
from kvmweb.services import overview
from kvmweb.ui import overview as face

LIST_ID = "rows"
PACE_S = 2.0
"""Figures of a hundred hosts arrive fifty times a second; nobody reads them faster than this."""
_NAMES = ("search", "host")

Gather = Callable[[Actor], tuple[int, Mapping[str, str], Mapping[str, str]]]
"""Revision, parts by id, rows by id, as HTML."""


@dataclass(slots=True)
class Paced:
    """A small list, or a few cards, looked at as a whole; for figures alone not too often."""

    topics: frozenset[str]
    gather: Gather
    list_id: str = ""
    looked_at: float = field(default=0.0, init=False)

    def look(self, actor: Actor) -> Picture:
        """All of it."""
        self.looked_at = time.monotonic()
        rev, parts, rows = self.gather(actor)
        return Picture(
            rev,
            parts={dom_id: part(html) for dom_id, html in parts.items()},
            list_id=self.list_id,
            rows={dom_id: part(html) for dom_id, html in rows.items()},
        )

    def glance(self, _actor: Actor, _notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """Figures alone: as for any other notice, at its own pace."""
        return None if time.monotonic() - self.looked_at >= PACE_S else {}


@shows(r"/")
def _overview(_found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    wanted = {topics.GUESTS, topics.POOLS, topics.NETWORKS, topics.HOSTS, topics.AUDIT, topics.USE}
    return [Paced(frozenset(wanted), _overview_parts)]


def _overview_parts(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
    """The whole of it: a handful of cards that are changed in place."""
    context = {**overview.glance(actor), **face.states(overview.guests_by_state(actor))}
    return context["live_rev"], {"overview": _html("overview/show.html#body", context)}, {}


def listed(
    template: str, rev: int, rows: Sequence[Any], context: dict[str, Any]
) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
    """What a small list looks like: its partials `row` and `empty`."""
    empty = _html(f"{template}#empty", {**context, "rows": rows})
    return (
        rev,
        {"list-empty": empty},
        {row.ref.dom_id: _html(f"{template}#row", {"it": row}) for row in rows},
    )


def _html(template: str, context: dict[str, Any]) -> str:
    return render_to_string(template, context).strip()
