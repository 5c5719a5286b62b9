"""Limits of a guest's disks and interfaces: a right of its own.

They are set against those who use the guest, by who answers for its host: who may change a guest
sees its limits, and neither sets nor lifts them, nor takes away what has one to add it without, nor
adds a second one beside it that has none.
"""

from __future__ import annotations

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.services.marks import internal

VERB = "guest.limits"


@internal("a part of acts on devices that may be limited")
def may(actor: Actor, ref: Ref) -> bool:
    """Whether this actor may set and lift limits of this guest."""
    return judge.can(actor, VERB, ref)


@internal("a part of acts that take a device away")
def judged(actor: Actor, ref: Ref, record: GuestRecord, seen: str, *, is_limited: bool) -> str:
    """The hash of the definition that it may be taken out of. is_limited: as the record says.

    seen: the hash that the person was shown, if any. Raises Denied.
    """
    if may(actor, ref):
        return seen
    if is_limited:
        raise Denied(verb=VERB, ref=str(ref))
    return seen or record.definition_hash


@internal("a part of acts that add a device")
def judged_beside(actor: Actor, ref: Ref, *, is_limited: bool) -> bool:
    """Whether it may be added beside limited ones of its kind, should there be any by then.

    Decided: who may not limit adds no disk to a guest with a limited disk, and no interface to one
    with a limited interface. A copy of the limit on the new one would not do: libvirt counts each
    device by itself, so two together pass twice as much, and ten, ten times. A CD-ROM counts as a
    disk; a medium in a drive that is there does not.
    is_limited: as the record says; the host looks again when it adds. Raises Denied.
    """
    is_free = may(actor, ref)
    if is_limited and not is_free:
        raise Denied(verb=VERB, ref=str(ref))
    return is_free
