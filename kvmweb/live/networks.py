"""Networks as regions: their list, and the page of one."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound
from kvmweb.core.refs import Ref
from kvmweb.live.lists import LIST_ID, Paced, listed
from kvmweb.live.regions import Cards, Region, shows
from kvmweb.services import bridges, networks, nwfilters, overview, topology
from kvmweb.ui import bridges as work
from kvmweb.ui import networks as face
from kvmweb.ui import nwfilters as rules
from kvmweb.ui import topology as wiring

HOST = re.compile(r"[a-z0-9-]{1,31}")
_PARTS = {
    "head": "networks/head.html",
    "kept": "networks/kept.html",
    **dict.fromkeys(("overview", "reach", "guests", "leases"), "networks/detail.html"),
}


@shows(r"/networks/")
def _list(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    wanted = {name: query.get(name, "") for name in ("search", "host")}

    def gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
        rev, rows = overview.revision(), networks.list_(actor, **wanted)
        context = {
            **wanted,
            "is_blind": networks.is_blind(actor),
            "may_create": bool(networks.places(actor)),
        }
        return listed("networks/list.html", rev, rows, context)

    return [Paced(frozenset({topics.NETWORKS, topics.HOSTS}), gather, LIST_ID)]


@shows(r"/networks/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/")
def _page(found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    ref = refs.network(found["host"], found["uuid"])
    wanted = {topics.of(ref), topics.of(ref.on_host), topics.GUESTS}
    return [Cards(frozenset(wanted), lambda actor: _cards(actor, ref))]


@shows(r"/networks/topology/")
def _topology(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    host = query.get("host", "")

    def gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
        found = topology.show(actor, host=host)
        context = {
            "it": found,
            "picture": wiring.draw(found.interfaces, found.networks, found.cards, found.host),
            "is_blind": topology.is_blind(actor),
        }
        html = render_to_string("networks/topology.html#wiring", context)
        return found.rev, {"topology": html.strip()}, {}

    wanted = {topics.NETWORKS, topics.INTERFACES, topics.GUESTS, topics.HOSTS}
    return [Paced(frozenset(wanted), gather)]


@shows(r"/networks/bridges/")
def _bridges(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    host = query.get("host", "")

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        it = bridges.show(actor, host=host)
        context = {
            "it": it.wiring,
            "is_blind": topology.is_blind(actor),
            **work.page(
                it.wiring.interfaces, it.wiring.networks, it.found, it.users,
                may=it.may, is_up=it.is_up, now=time.time(),
            ),
        }  # fmt: skip
        html = render_to_string("networks/bridges.html#bench", context)
        return it.wiring.rev, {"bridges": html.strip()}

    wanted = {topics.NETWORKS, topics.INTERFACES, topics.HOSTS, topics.GUESTS}
    wanted |= {topics.of(refs.host(host))} if HOST.fullmatch(host) else set()
    return [Cards(frozenset(wanted), gather)]


@shows(r"/networks/filters/")
def _filters(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    wanted = {name: query.get(name, "") for name in ("search", "host")}

    def gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
        rev, rows = overview.revision(), nwfilters.list_(actor, **wanted)
        context = {**wanted, "is_blind": nwfilters.is_blind(actor)}
        return listed("nwfilters/list.html", rev, rows, context)

    return [Paced(frozenset({topics.FILTERS, topics.HOSTS}), gather, LIST_ID)]


@shows(r"/networks/filters/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/")
def _filter(found: re.Match[str], _query: QueryDict) -> Sequence[Region]:
    ref = refs.filter_(found["host"], found["uuid"])

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        try:
            details = nwfilters.show(actor, ref)
        except NotFound:
            return 0, {}
        context = {"it": details, **rules.shown(details.record, details.host.uri)}
        html = render_to_string("nwfilters/detail.html#body", context)
        return details.rev, {f"{ref.dom_id}-body": html.strip()}

    return [Cards(frozenset({topics.of(ref), topics.FILTERS}), gather)]


def _cards(actor: Actor, ref: Ref) -> tuple[int, Mapping[str, str]]:
    """Every card. A network that is gone, or that the reader may see no more, says so."""
    try:
        details = networks.show(actor, ref)
    except NotFound:
        html = render_to_string("networks/gone.html", {"dom_id": ref.dom_id})
        return 0, {f"{ref.dom_id}-page": html.strip()}
    context = {"it": face.page(details)}
    found = {
        f"{ref.dom_id}-{name}": render_to_string(f"{template}#{name}", context).strip()
        for name, template in _PARTS.items()
    }
    return details.rev, found
