"""Snapshots of a guest: take one, go back to one, delete one or a whole branch.

Where the disks are kept is chosen by what they support, and shown before. A slow act goes on after
the person's patience, as those of `power` do; the mirror tells when it is done.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import plain
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound, WrongState
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.core.snapshots import (
    NAME,
    NAME_MAX,
    TEXT_MAX,
    Kind,
    Memory,
    SnapshotLine,
    SnapshotRecord,
    Taking,
)
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, limits, maintenance, power_line, present, snapshot_pictures
from kvmweb.services import snapshot_rules as rules
from kvmweb.services.guard import guarded, internal
from kvmweb.services.power_line import Outcome

LIMIT_S = 1800.0
REVERT, DELETE = "guest.revert", "guest.snapshot_delete"
AFTERWARDS = ("", "running", "paused")


@guarded("guest.view")
def show(actor: Actor, ref: Ref, name: str) -> SnapshotLine:
    """One of its snapshots, with what this reader can do with it. Raises NotFound."""
    guest, host = _rows(ref)
    found = {line.record.name: line for line in lines(actor, guest, host)}
    if name not in found:
        raise NotFound(ref=str(ref))
    return found[name]


@guarded("guest.view")
def taking(actor: Actor, ref: Ref) -> Taking:
    """How a snapshot can be taken of it as it is now. Raises NotFound."""
    guest, host = _rows(ref)
    return rules.taking(present.record(guest), _version(host), is_answering=guest.is_answering)


@internal("of a guest that the caller was shown already")
def lines(
    actor: Actor, guest: mirror.Guest, host: mirror.HostMirror | None
) -> tuple[SnapshotLine, ...]:
    """The tree, parents first, each with its offers for this reader."""
    if not guest.record.get("snapshots"):
        return ()
    record, version = present.record(guest), _version(host)
    ref, resting = guest.ref, maintenance.resting()
    is_shared = _is_shared(guest, record)
    pictures, may_limit = snapshot_pictures.of(actor, ref), limits.may(actor, ref)
    may = {verb: judge.can(actor, verb, ref) for verb in (REVERT, DELETE)}

    def offer(verb: str, found: Obstacle) -> Offer:
        if not may[verb]:
            return Offer(verb, Obstacle.NO_RIGHT)
        return Offer(verb, found if host and host.is_up else Obstacle.HOST_AWAY)

    def back(it: SnapshotRecord) -> Obstacle:
        found = rules.to_revert(
            it, record, version, is_answering=guest.is_answering, is_shared=is_shared,
            may_limit=may_limit,
        )  # fmt: skip
        starts = it.is_active and not record.state.is_active and ref.host in resting
        return found or (Obstacle.MAINTENANCE if starts else Obstacle.NONE)

    return tuple(
        SnapshotLine(
            record=it,
            depth=depth,
            children=children,
            revert=offer(REVERT, back(it)),
            delete=offer(DELETE, rules.to_delete(it, version, is_answering=guest.is_answering)),
            has_picture=pictures.get(it.name, it.created_at + 1) in (None, it.created_at),
        )
        for it, depth, children in rules.tree(record.snapshot_tree)
    )


@guarded("guest.snapshot")
def take(
    actor: Actor, ref: Ref, *, name: str, description: str = "", with_memory: bool = False
) -> Outcome:
    """Keep the guest as it is now. with_memory: a running one whole, else its disks alone.

    Raises Invalid (fields), WrongState, HostDown, and what libvirt says.
    """
    guest, host = _present(ref)
    record = present.record(guest)
    description = description.replace("\r\n", "\n").strip()
    wrong = faults(record, name, description)
    if wrong:
        raise Invalid(fields=wrong)
    found = rules.taking(record, _version(host), is_answering=guest.is_answering)
    obstacle = found.with_memory if with_memory else found.disks_only
    if obstacle:
        raise WrongState(str(obstacle), name=record.name)
    arguments = _arguments(record, found, name, description, with_memory=with_memory)
    keeps = "memory" if with_memory else str(found.kind)
    audit.running().detail.update(snapshot=name, keeps=keeps)
    snapshot_pictures.keep(ref, record, name)
    return power_line.carry_out(ref, "guest.snapshot", LIMIT_S, arguments)


@guarded("guest.revert")
def revert(
    actor: Actor, ref: Ref, name: str, *, afterwards: str = "", keep_as: str = ""
) -> Outcome:
    """Go back to it. afterwards: running or paused; empty: as it was then.

    keep_as: the name of a snapshot of the present state that is taken first; empty: it is lost.
    Raises NotFound, Invalid, WrongState, Denied (to run it needs guest.start), Maintenance.
    """
    guest, host = _present(ref)
    record, snapshot = present.record(guest), _named(guest, name)
    if afterwards not in AFTERWARDS:
        raise Invalid(fields={"afterwards": _("Choose one of these.")})
    if afterwards and not judge.can(actor, "guest.start", ref):
        raise Denied(verb="guest.start", ref=str(ref))
    obstacle = rules.to_revert(
        snapshot,
        record,
        _version(host),
        is_answering=guest.is_answering,
        is_shared=_is_shared(guest, record),
        may_limit=limits.may(actor, ref),
    )
    if obstacle is Obstacle.SNAPSHOT_LIMITS:
        raise Denied(verb=limits.VERB, ref=str(ref))
    if obstacle:
        raise WrongState(str(obstacle), name=record.name)
    if not record.state.is_active and (afterwards or snapshot.is_active):
        maintenance.require_open(ref.host)
    arguments: dict[str, Any] = {"name": name, "afterwards": afterwards}
    if keep_as:
        arguments["before"] = _keeping(guest, host, record, keep_as)
        snapshot_pictures.keep(ref, record, keep_as)
    audit.running().detail.update(snapshot=plain.line(name), kept_as=keep_as, afterwards=afterwards)
    return power_line.carry_out(ref, REVERT, LIMIT_S, arguments)


@guarded("guest.snapshot_delete")
def delete(actor: Actor, ref: Ref, name: str, *, with_children: bool = False) -> Outcome:
    """What it kept goes; with_children: what was taken after it, too. Raises NotFound."""
    guest, host = _present(ref)
    version, asked = _version(host), _named(guest, name)
    obstacle = rules.to_delete(asked, version, is_answering=guest.is_answering)
    if obstacle:
        raise WrongState(str(obstacle), name=guest.name)
    audit.running().detail.update(snapshot=plain.line(name), with_children=with_children)
    arguments = {"name": name, "with_children": with_children}
    return power_line.carry_out(ref, DELETE, LIMIT_S, arguments)


@internal("a pure function")
def faults(record: GuestRecord, name: str, description: str) -> dict[str, str]:
    """What is wrong with these, field by field."""
    found: dict[str, str] = {}
    if not NAME.fullmatch(name) or len(name) > NAME_MAX:
        found["name"] = _(
            "Up to %(n)d letters, digits, dots, dashes, plus signs and underscores; the first is "
            "a letter or digit, and not all are digits."
        ) % {"n": NAME_MAX}
    elif name in {it.name for it in record.snapshot_tree}:
        found["name"] = _("There is a snapshot of this name.")
    if len(description) > TEXT_MAX:
        found["description"] = _("At most %(n)d characters.") % {"n": TEXT_MAX}
    elif any(ord(sign) < 32 and sign not in "\n\t" for sign in description):
        found["description"] = _("It holds characters that cannot be kept.")
    return found


@internal("a pure function")
def new_name(record: GuestRecord, start: str = "") -> str:
    """A name that is free: the time of now, in the person's time zone."""
    taken = {it.name for it in record.snapshot_tree}
    name = start + timezone.localtime().strftime("%Y-%m-%d_%H%M%S")
    return next(it for it in (name, *(f"{name}-{n}" for n in range(2, 200))) if it not in taken)


def _keeping(
    guest: mirror.Guest, host: mirror.HostMirror, record: GuestRecord, name: str
) -> dict[str, Any]:
    """Arguments of the snapshot that is taken first. Raises Invalid, WrongState."""
    wrong = faults(record, name, "")
    if wrong:
        raise Invalid(fields={"keep_as": wrong["name"]})
    found = rules.taking(record, _version(host), is_answering=guest.is_answering)
    if found.keeps:
        raise WrongState(str(found.keeps), name=record.name)
    said = _("Taken before a revert.")
    return _arguments(record, found, name, said, with_memory=found.is_active)


def _arguments(
    record: GuestRecord, found: Taking, name: str, description: str, *, with_memory: bool
) -> dict[str, Any]:
    kind = Kind(found.memory) if with_memory else found.kind
    is_outside = with_memory and found.memory is Memory.EXTERNAL
    return {
        "name": name,
        "description": description,
        "with_memory": with_memory,
        "disks": rules.disks_of(record, kind),
        "memory_file": rules.memory_file(record, name) if is_outside else "",
    }


def _is_shared(guest: mirror.Guest, record: GuestRecord) -> bool:
    """Whether another guest has a disk of it, or an image builds on one."""
    places = [mirror.place(disk.source) for disk in rules.written(record)]
    uses = mirror.DiskUse.objects.filter(mirror.HOLDS, host=guest.host, place__in=places)
    above = mirror.Volume.objects.filter(
        host=guest.host, backing_place__in=places, is_gone__in=[False]
    )
    return uses.exclude(guest=guest).exists() or above.exists()


def _named(guest: mirror.Guest, name: str) -> SnapshotRecord:
    found = {it.name: it for it in present.record(guest).snapshot_tree}
    if name not in found:
        raise NotFound(ref=str(guest.ref))
    return found[name]


def _rows(ref: Ref) -> tuple[mirror.Guest, mirror.HostMirror | None]:
    return present.guest(ref), mirror.HostMirror.objects.filter(host=ref.host).first()


def _present(ref: Ref) -> tuple[mirror.Guest, mirror.HostMirror]:
    """As above, of a host that answers. Raises NotFound, HostDown."""
    return present.guest(ref), present.host(ref.host)


def _version(host: mirror.HostMirror | None) -> str:
    return str((host.record or {}).get("libvirt_version", "")) if host else ""
