"""A look inside a disk as a region: starting, open, ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.template.loader import render_to_string

from kvmweb.core import errors, refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.inside import Choice, Place
from kvmweb.core.refs import Kind, Ref
from kvmweb.live.regions import UNVERSIONED, Cards, Region, shows
from kvmweb.services import inside
from kvmweb.ui import inside as face

DISK = (
    r"/guests/(?P<host>[a-z0-9-]+)/(?P<guest>[0-9a-f-]{36})/disks/(?P<target>[^/]{1,255})/inside/"
)
VOLUME = (
    r"/storage/(?P<host>[a-z0-9-]+)/(?P<pool>[0-9a-f-]{36})"
    r"/volumes/(?P<volume>[0-9a-f-]{36})/inside/"
)


@shows(DISK)
def _of_disk(found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    return [_region(found, query)]


@shows(VOLUME)
def _of_volume(found: re.Match[str], query: QueryDict) -> Sequence[Region]:
    return [_region(found, query)]


def _region(found: re.Match[str], query: QueryDict) -> Region:
    """A guest's listens to looks of the whole host: which volume a disk is, nobody knows yet."""
    wanted = Choice.from_query({name: str(query[name]) for name in query})

    def gather(actor: Actor) -> tuple[int, Mapping[str, str]]:
        try:
            it = face.page(inside.show(actor, place(actor, found), wanted))
        except errors.Problem as problem:
            html = render_to_string("inside/gone.html", {"problem": problem})
            return UNVERSIONED, {"inside-body": html.strip()}
        html = render_to_string("inside/show.html#body", {"it": it})
        return UNVERSIONED, {"inside-body": html.strip()}

    ref = _ref(found)
    looks = topics.looks_of(ref.on_host)
    if ref.kind is Kind.POOL:
        looks = topics.look(Ref(Kind.VOLUME, ref.host, found["volume"]))
    listened = {looks, topics.of(ref), topics.of(ref.on_host)}
    return Cards(frozenset(listened), gather)


def _ref(found: re.Match[str]) -> Ref:
    groups = found.groupdict()
    if "guest" in groups:
        return Ref(Kind.GUEST, groups["host"], groups["guest"])
    return Ref(Kind.POOL, groups["host"], groups["pool"])


def place(actor: Actor, found: re.Match[str]) -> Place:
    """What an address of one of these two forms names. Raises as the services do."""
    ref = _ref(found)
    if ref.kind is Kind.GUEST:
        return inside.of_guest(actor, ref, found["target"])
    return inside.of_volume(actor, refs.pool(ref.host, ref.id), found["volume"])
