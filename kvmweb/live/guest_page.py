"""The guest page as a region: its cards, its charts by the second, and its end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.live.agent import AgentRegion
from kvmweb.live.regions import Part, Picture, Region, part, shows
from kvmweb.services import guest_page
from kvmweb.ui import charts
from kvmweb.ui import guest_page as face

_CARDS = ("overview", "use", "description", "disks", "interfaces")
_PLACES = dict.fromkeys(_CARDS, "guests/detail.html") | {
    "pending": "guests/pending_card.html",
    "hardware": "guests/hardware.html",
    "tuning": "guests/tuning_card.html",
    "snapshots": "guests/snapshots.html",
}


class GuestPageRegion:
    """One reader's page of one guest."""

    list_id = ""

    def __init__(self, ref: Ref) -> None:
        self._ref = ref
        self.topics = frozenset({topics.of(ref), topics.of(ref.on_host), topics.USE})

    def look(self, actor: Actor) -> Picture:
        """Every card. A guest that is gone, or that the reader may see no more, says so."""
        try:
            details = guest_page.show(actor, self._ref)
        except NotFound:
            html = render_to_string("guests/gone.html", {"dom_id": self._ref.dom_id})
            return Picture(0, {f"{self._ref.dom_id}-page": part(html.strip())})
        context = {"it": face.page(details)}
        found = {"head": render_to_string("guests/head.html#head", context)}
        for name, template in _PLACES.items():
            found[name] = render_to_string(f"{template}#{name}", context)
        return Picture(
            details.rev,
            {f"{self._ref.dom_id}-{name}": part(html.strip()) for name, html in found.items()},
        )

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """The charts alone, when this guest's host has reported."""
        if str(self._ref.on_host) not in {notice.ref for notice in notices}:
            return {}
        try:
            use = guest_page.use(actor, self._ref)
        except NotFound:
            return None
        dom_id = f"{self._ref.dom_id}-charts"
        context = {"charts": charts.of(use), "dom_id": self._ref.dom_id}
        return {dom_id: part(render_to_string("guests/charts.html", context).strip())}


@shows(r"/guests/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/")
def _page(found: re.Match[str], _query: QueryDict) -> list[Region]:
    ref = refs.guest(found["host"], found["uuid"])
    return [GuestPageRegion(ref), AgentRegion(ref)]
