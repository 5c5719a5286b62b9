"""The host list and the host page as regions: cards, charts by the second, and their end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound, Problem
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.live.lists import LIST_ID, Paced, listed
from kvmweb.live.regions import Part, Picture, Region, part, shows
from kvmweb.services import devices, host_page, hosts, overview, secrets
from kvmweb.ui import devices as devices_face
from kvmweb.ui import hosts as face

Row = TypeVar("Row")
Listing = tuple[int, Mapping[str, str], Mapping[str, str]]
"""Revision, parts by id, rows by id, as HTML."""
_CARDS = (
    "use",
    "connection",
    "guests",
    "readiness",
    "overview",
    "hardware",
    "shelves",
    "abilities",
)


@shows(r"/hosts/")
def _list(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    search = query.get("search", "")

    def gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
        rev, rows = overview.revision(), hosts.list_(actor, search=search)
        context = {
            "search": search,
            "is_blind": hosts.is_blind(actor),
            "may_add": hosts.may_add(actor),
        }
        return listed("hosts/list.html", rev, rows, context)

    wanted = {topics.HOSTS, topics.GUESTS, topics.USE}
    return [Paced(frozenset(wanted), gather, LIST_ID)]


class HostPageRegion:
    """One reader's page of one host."""

    list_id = ""

    def __init__(self, ref: Ref, cards: Sequence[str] = _CARDS, tab: str = "overview") -> None:
        self._ref = ref
        self._cards = cards
        self._tab = tab
        self.topics = frozenset(
            {topics.HOSTS, topics.of(ref), topics.POOLS, topics.NETWORKS, topics.USE}
        )

    def look(self, actor: Actor) -> Picture:
        """Every card. A host that was removed, or that the reader may see no more, says so."""
        try:
            details = host_page.show(actor, self._ref)
        except NotFound:
            return gone(self._ref)
        context = {"it": face.page(details), "tab": self._tab}
        found = {"head": render_to_string("hosts/head.html#head", context)}
        for name in self._cards:
            found[name] = render_to_string(f"hosts/show.html#{name}", context)
        return Picture(
            details.rev,
            {f"{self._ref.dom_id}-{name}": part(html.strip()) for name, html in found.items()},
        )

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> Mapping[str, Part] | None:
        """Charts and the busiest guests, when this host has reported."""
        if not self._cards or str(self._ref) not in {notice.ref for notice in notices}:
            return {}
        try:
            use, guests = host_page.use(actor, self._ref)
        except NotFound:
            return None
        dom_id = self._ref.dom_id
        charts: dict[str, Any] = {"charts": face.charts(use), "dom_id": dom_id}
        figures: dict[str, Any] = {"figures": face.figures(use, guests), "dom_id": dom_id}
        busy: dict[str, Any] = {"busy": face.busy(guests, use.memory), "it": {"dom_id": dom_id}}
        return {
            f"{dom_id}-charts": _fresh("guests/charts.html", charts),
            f"{dom_id}-figures": _fresh("hosts/figures.html", figures),
            f"{dom_id}-running": _fresh("hosts/running.html", figures),
            f"{dom_id}-busy": _fresh("hosts/busy.html", busy),
        }


def gone(ref: Ref) -> Picture:
    """There is no such host any more, for this reader."""
    html = render_to_string("hosts/gone.html", {"dom_id": ref.dom_id})
    return Picture(0, {f"{ref.dom_id}-page": part(html.strip())})


def _fresh(template: str, context: dict[str, Any]) -> Part:
    return part(render_to_string(template, context).strip())


@shows(r"/hosts/(?!add/|test/|certificates/)(?P<host>[a-z0-9-]+)/")
def _page(found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    return [HostPageRegion(refs.host(found["host"]))]


@shows(r"/hosts/(?P<host>[a-z0-9-]+)/devices/")
def _devices(found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    ref = refs.host(found["host"])
    wanted = {name: query.get(name, "") for name in ("search", "kind")}

    def gather(actor: Actor) -> Listing:
        rev = overview.revision()
        rows = _or_none(lambda: devices.list_(actor, ref, **wanted))
        return _rows("hosts/devices.html", rev, devices_face.in_order(rows), wanted)

    heard = frozenset({topics.HOSTS, topics.of(ref), topics.GUESTS, topics.NETWORKS})
    return [HostPageRegion(ref, (), "devices"), Paced(heard, gather, LIST_ID)]


@shows(r"/hosts/(?P<host>[a-z0-9-]+)/secrets/")
def _secrets(found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    ref = refs.host(found["host"])

    def gather(actor: Actor) -> Listing:
        rev = overview.revision()
        rows = _or_none(lambda: secrets.list_(actor, ref)) if secrets.may(actor, ref) else []
        return _rows("hosts/secrets.html", rev, rows, {})

    heard = frozenset({topics.HOSTS, topics.of(ref), topics.GUESTS})
    return [HostPageRegion(ref, (), "secrets"), Paced(heard, gather, LIST_ID)]


def _or_none(look: Callable[[], list[Row]]) -> list[Row]:
    """None for a reader who may see them no more; the head of the page says the rest."""
    try:
        return look()
    except Problem:
        return []


def _rows(template: str, rev: int, rows: Sequence[Any], context: dict[str, Any]) -> Listing:
    empty = render_to_string(f"{template}#empty", {**context, "rows": rows, "read_at": True})
    return (
        rev,
        {"list-empty": empty.strip()},
        {row.dom_id: render_to_string(f"{template}#row", {"one": row}).strip() for row in rows},
    )
