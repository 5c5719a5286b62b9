"""What an actor may see: rows of the mirror, as conditions for its tables, and libvirt's words."""

from __future__ import annotations

from django.db.models import Q

from kvmweb.access import judge
from kvmweb.access.verbs import VIEW
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Problem
from kvmweb.core.records import HostState
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import internal, sifted
from kvmweb.store.models import Host


@internal("a condition for a query; reads nothing")
def where(reach: judge.Reach) -> Q:
    """The objects of a host's table that lie within this reach."""
    if reach.everything:
        return Q()
    found = Q(host__in=reach.hosts)
    single: dict[str, list[str]] = {}
    for ref in reach.objects:
        single.setdefault(ref.host, []).append(ref.id)
    for host, ids in single.items():  # one condition a host: SQLite takes no thousand in a row
        found |= Q(host=host, uuid__in=ids)
    return found


@internal("a condition for a query; reads nothing")
def of_kind(actor: Actor, kind: Kind) -> Q:
    """The living objects of this kind that exist for this actor."""
    # "IN (0)", for SQLite finds no index for the "NOT is_gone" that is_gone=False becomes.
    return where(judge.reach(actor, VIEW[kind])) & Q(is_gone__in=[False])


@internal("a condition for a query; reads nothing")
def of_hosts(actor: Actor, field: str = "key") -> Q:
    """The hosts that exist for this actor. field: the column that holds the host's key."""
    reach = judge.reach(actor, VIEW[Kind.HOST])
    return Q() if reach.everything else Q(**{f"{field}__in": reach.hosts})


@internal("a part of every page of an object on a host")
def host_line(actor: Actor, ref: Ref, seen: mirror.HostMirror | None = None) -> HostLine:
    """The host of this object, as its page names it. seen: its row, where it was read already.

    uri: it stands in command lines; empty for who may not see the host itself (ADR 0006).
    """
    stored = Host.objects.filter(key=ref.host).first()
    if seen is None:
        seen = mirror.HostMirror.objects.filter(host=ref.host).only("state", "heard_at").first()
    may_see = judge.can_see(actor, ref.on_host)
    return HostLine(
        ref=ref.on_host,
        name=stored.name if stored else ref.host,
        uri=stored.uri if stored and may_see else "",
        state=HostState(seen.state) if seen else HostState.CONNECTING,
        heard_at=seen.heard_at if seen else None,
    )


@sifted("host.details")
def told(actor: Actor, problem: Problem, about: Ref | None = None) -> str:
    """libvirt's own words in this problem, empty for who may not read them (ADR 0006).

    about: what it happened to; without it, the host that the problem names.
    """
    if problem.detail == problem.code:
        return ""
    named = problem.context.get("host", "")
    place = about or (refs.host(named) if named else None)
    return problem.detail if judge.can(actor, "host.details", place) else ""
