"""Find things of every kind by a few letters, as far as the actor sees them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from kvmweb.access import judge
from kvmweb.core import plain, refs
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import sight
from kvmweb.services.guard import open_to_all, sifted
from kvmweb.store.models import Host

PER_KIND = 6
WORD_MAX = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found. more: what tells it from others of the same name."""

    ref: Ref
    name: str
    more: str
    state: str = ""


@open_to_all("each kind is sifted by its own function")
def find(actor: Actor, text: str) -> list[Hit]:
    """Guests first, at most `PER_KIND` of each kind; nothing for an empty text."""
    word = text.strip().casefold()[:WORD_MAX]
    if not word:
        return []
    return [
        *guests(actor, word),
        *hosts(actor, word),
        *pools(actor, word),
        *networks(actor, word),
        *volumes(actor, word),
    ]


@sifted("guest.view")
def guests(actor: Actor, word: str) -> list[Hit]:
    """By name, title, tag, address or UUID; those whose name begins with the word come first."""
    match = (
        Q(name_fold__contains=word)
        | Q(title__icontains=word)
        | Q(tags__icontains=word)
        | Q(addresses__contains=word)
        | Q(uuid__startswith=word)
    )
    found = mirror.Guest.objects.filter(sight.of_kind(actor, Kind.GUEST) & match)
    first = list(found.filter(name_fold__startswith=word).order_by("name_fold")[:PER_KIND])
    rest = found.exclude(name_fold__startswith=word).order_by("name_fold")[: PER_KIND - len(first)]
    return [Hit(row.ref, row.name, row.title or row.host, row.state) for row in [*first, *rest]]


@sifted("host.view")
def hosts(actor: Actor, word: str) -> list[Hit]:
    """By name or URI."""
    match = Q(name__icontains=word) | Q(key__contains=word) | Q(uri__icontains=word)
    found = Host.objects.filter(sight.of_hosts(actor) & match).order_by("name")[:PER_KIND]
    return [Hit(host.ref, host.name, host.uri) for host in found]


@sifted("pool.view")
def pools(actor: Actor, word: str) -> list[Hit]:
    """By name or UUID."""
    match = Q(name_fold__contains=word) | Q(uuid__startswith=word)
    found = mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL) & match)
    rows = found.order_by("name_fold")[:PER_KIND]
    return [Hit(refs.pool(row.host, row.uuid), row.name, row.host) for row in rows]


@sifted("network.view")
def networks(actor: Actor, word: str) -> list[Hit]:
    """By name or UUID."""
    match = Q(name_fold__contains=word) | Q(uuid__startswith=word)
    found = mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK) & match)
    rows = found.order_by("name_fold")[:PER_KIND]
    return [Hit(refs.network(row.host, row.uuid), row.name, row.host) for row in rows]


@sifted("pool.view")
def volumes(actor: Actor, word: str) -> list[Hit]:
    """By name, in the pools that the actor sees."""
    reach = judge.reach(actor, "pool.view")
    there = mirror.Volume.objects.filter(name_fold__contains=word, is_gone__in=[False])
    if not reach.everything:
        within = Q(host__in=reach.hosts)
        for ref in reach.objects:
            within |= Q(host=ref.host, pool=ref.id)
        there = there.filter(within)
    rows = there.order_by("name_fold").values_list("host", "uuid", "name", "format")[:PER_KIND]
    return [
        Hit(Ref(Kind.VOLUME, host, uuid), plain.line(name), image_format or host)
        for host, uuid, name, image_format in rows
    ]
