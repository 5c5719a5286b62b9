"""Storage pages as regions: the pools, one pool with its volumes, one volume."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound, Unknown
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.core.volume_filter import VolumeFilter
from kvmweb.live.lists import LIST_ID, Paced, listed
from kvmweb.live.regions import Cards, Part, Picture, Region, part, shows
from kvmweb.services import overview, pool_making, pools, volumes
from kvmweb.ui import pools as face
from kvmweb.ui import volumes as volume_face

_NAMES = ("search", "host")
_POOL = r"/storage/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/"


@shows(r"/storage/")
def _list(_found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    wanted = {name: query.get(name, "") for name in _NAMES}

    def gather(actor: Actor) -> tuple[int, Mapping[str, str], Mapping[str, str]]:
        rev = overview.revision()
        rows = face.lines(pools.list_(actor, **wanted), pools.promised(actor, host=wanted["host"]))
        context = {**wanted, "is_blind": pools.is_blind(actor)}
        missing = {"without_default": pool_making.without_default(actor)}
        _rev, parts, lines = listed("storage/list.html", rev, rows, context)
        offer = render_to_string("storage/list.html#missing", missing).strip()
        return rev, {**parts, "pool-missing": offer}, lines

    return [Paced(frozenset({topics.POOLS, topics.HOSTS}), gather, LIST_ID)]


class PoolPageRegion:
    """One reader's page of one pool: its cards and one page of its volumes."""

    list_id = LIST_ID

    def __init__(self, ref: Ref, wanted: VolumeFilter) -> None:
        self._ref = ref
        self._wanted = wanted
        self.topics = frozenset(
            {
                topics.of(ref),
                topics.volumes_of(ref),
                topics.uploads_of(ref),
                topics.of(ref.on_host),
                topics.GUESTS,
            }
        )

    def look(self, actor: Actor) -> Picture:
        """Everything. A pool that is gone, or that the reader may see no more, says so."""
        try:
            details = pools.show(actor, self._ref)
            found = volumes.list_(actor, self._ref, self._wanted)
        except NotFound:
            html = render_to_string("storage/gone.html", {"dom_id": self._ref.dom_id})
            return Picture(0, {f"{self._ref.dom_id}-page": part(html.strip())}, LIST_ID)
        listing = volume_face.listing(self._ref, found)
        context = {"it": face.page(details), **listing}
        parts = {
            f"{self._ref.dom_id}-head": "storage/head.html#head",
            "list-empty": "storage/volumes.html#empty",
            "volume-pages": "storage/volumes.html#pages",
        }
        return Picture(
            details.rev,
            {key: part(render_to_string(name, context).strip()) for key, name in parts.items()},
            LIST_ID,
            {it.dom_id: Part(it.version, _given(it.html)) for it in listing["rows"]},
        )

    def glance(self, actor: Actor, notices: Sequence[Notice]) -> None:
        """Nothing here changes by the second."""


def _given(html: str) -> Callable[[], str]:
    return lambda: html


@shows(_POOL)
def _pool(found: re.Match[str], query: QueryDict) -> list[Region]:
    try:
        wanted = VolumeFilter.from_query({name: str(query[name]) for name in query})
    except Unknown:
        return []
    return [PoolPageRegion(refs.pool(found["host"], found["uuid"]), wanted)]


@shows(_POOL + r"volumes/(?P<volume>[0-9a-f-]{36})/")
def _volume(found: re.Match[str], _query: QueryDict) -> list[Region]:
    ref, identity = refs.pool(found["host"], found["uuid"]), found["volume"]
    dom_id = f"{Ref(refs.Kind.VOLUME, ref.host, identity).dom_id}-body"

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        rev = overview.revision()
        try:
            row = volumes.show(actor, ref, identity)
            details = pools.show(actor, ref)
            offers = volumes.offers(actor, ref, identity)
        except NotFound:
            return rev, {dom_id: render_to_string("storage/volume_gone.html", {"dom_id": dom_id})}
        it = volume_face.page(ref, row, offers, details)
        context = {"it": it, "pool": face.page(details)}
        return rev, {dom_id: render_to_string("storage/volume.html#body", context).strip()}

    wanted = {topics.of(ref), topics.volumes_of(ref), topics.of(ref.on_host), topics.GUESTS}
    return [Cards(frozenset(wanted), gather)]
