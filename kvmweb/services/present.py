"""Guests and hosts as the mirror has them now, for a service that is about to act on one.

No right is judged here: the guard of the service did it.
"""

from __future__ import annotations

from kvmweb.core import wire
from kvmweb.core.errors import Conflict, HostDown, NotFound
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.marks import internal


@internal("a part of acts on guests")
def guest(ref: Ref, *beside: str) -> mirror.Guest:
    """beside: what is read along with it. Raises NotFound for one that is gone."""
    rows = mirror.Guest.objects.filter(host=ref.host, uuid=ref.id, is_gone=False)
    row = (rows.select_related(*beside) if beside else rows).first()
    if row is None:
        raise NotFound(ref=str(ref))
    return row


@internal("a part of acts on guests")
def record(row: mirror.Guest) -> GuestRecord:
    """Without the definition, which is kept beside it."""
    return wire.from_plain(GuestRecord, {**row.record, "xml": ""})


@internal("a part of acts on guests")
def stored(row: mirror.Guest) -> str:
    """The definition that the next start brings; the only one of a transient guest, or empty."""
    kept = mirror.GuestDefinition.objects.filter(guest=row).first()
    return (kept.stored_xml or kept.xml) if kept else ""


@internal("a part of acts on what a host has")
def host(key: str) -> mirror.HostMirror:
    """Raises HostDown at once for one that cannot be asked."""
    row = mirror.HostMirror.objects.filter(host=key).first()
    if row is None or not row.is_up:
        raise HostDown(host=key)
    return row


@internal("a part of acts on guests")
def reachable(ref: Ref) -> mirror.Guest:
    """The guest, on a host that answers. Raises NotFound, HostDown."""
    row = guest(ref)
    host(ref.host)
    return row


@internal("a part of acts that are judged by a guest's definition")
def require_shown(seen: str, judged: str, name: str) -> None:
    """seen: the hash of the definition that a person was shown, if it is known.

    What is judged now is what is done: another one that was shown never takes its place.
    Raises Conflict.
    """
    if seen and seen != judged:
        raise Conflict("the definition changed meanwhile", name=name)
