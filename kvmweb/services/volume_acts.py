"""What is done to volumes at once: made, resized, deleted. Rights are those of their pool.

The mirror names the users for the person; the worker looks again in every definition when it acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import pools as types
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Invalid, NotFound
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import Users
from kvmweb.core.volumes import PREALLOCATIONS
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    holders,
    image_locks,
    jobs,
    volume_reach,
    volume_users,
    volumes,
    works,
)
from kvmweb.services.guard import guarded, internal, open_to_all
from kvmweb.services.works import waiting

NAME_BYTES = 255
SIZE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A volume to be made. base: the volume that it builds on, on the same host.

    may_promise: it may be larger than the whole pool, for it is thin.
    """

    name: str
    capacity: int
    format: str = ""
    preallocation: str = "off"
    base: Ref | None = None
    may_promise: bool = False


@guarded("volume.create")
def create(actor: Actor, ref: Ref, wanted: Wanted) -> UUID | None:
    """Make it; one that is filled as a whole is a job. Raises Invalid (fields), Exists.

    Source: virStorageVolCreateXML.
    """
    wrong = faults_in(ref, wanted)
    base = _base(actor, ref, wanted, wrong) if wanted.base else None
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(volume=wanted.name, capacity=wanted.capacity)
    arguments: dict[str, Any] = {
        "name": wanted.name,
        "capacity": wanted.capacity,
        "image_format": wanted.format,
        "preallocation": wanted.preallocation,
        "backing": base.record["path"] if base else "",
        "backing_format": (base.format or "raw") if base else "",
    }
    if wanted.preallocation == "full":
        steps = [waiting("fill", wanted.name)]
        return jobs.ask(
            actor, "volume.create", steps, about=refs.volume(ref.host, ref.id, wanted.name),
            called=wanted.name, host=ref.host, pool=ref.id, wanted=arguments,
        )  # fmt: skip
    client.call(ref.host, "volume.create", uuid=ref.id, **arguments)
    works.never_made(ref.host, ref.id, wanted.name)
    return None


@guarded("volume.resize")
def resize(actor: Actor, ref: Ref, volume: str, *, capacity: int, shrink: bool = False) -> str:
    """Answers `volume`, or `guest` where a running guest was told its disk's new size too.

    Raises: Invalid (fields), Busy when it shrinks and anybody needs it, NotFound.
    """
    row = _fit_row(ref, volume)
    volume_users.refuse_kept(actor, volumes.pool_row(ref), row)
    if not 0 < capacity <= SIZE_MAX:
        raise Invalid(fields={"capacity": _("A size is greater than zero.")})
    if capacity == row.capacity:
        raise Invalid(fields={"capacity": _("This is its size already.")})
    if capacity < row.capacity and not shrink:
        sentence = _("This is smaller than it is. Say that you mean it: what is beyond is cut off.")
        raise Invalid(fields={"capacity": sentence})
    if capacity < row.capacity:
        _refuse_while_used(actor, ref, row)
    audit.running().detail.update(volume=row.name, before=row.capacity, after=capacity)
    return str(
        client.call(
            ref.host, "volume.resize", uuid=ref.id, name=row.name, capacity=capacity,
            shrink=capacity < row.capacity,
        )
    )  # fmt: skip


@guarded("volume.delete")
def delete(actor: Actor, ref: Ref, volume: str) -> None:
    """Raises Busy with its users: guests, and images that build on it. NotFound."""
    row = _fit_row(ref, volume)
    _refuse_while_used(actor, ref, row)
    audit.running().detail.update(volume=row.name, capacity=row.capacity)
    client.call(ref.host, "volume.delete", uuid=ref.id, name=row.name)


@guarded("volume.wipe")
def wipe(actor: Actor, ref: Ref, volume: str, *, algorithm: str = "zero") -> UUID:
    """The job that overwrites all of it. Raises Busy with its users."""
    row = _fit_row(ref, volume)
    _refuse_while_used(actor, ref, row)
    audit.running().detail.update(volume=row.name, algorithm=algorithm)
    return jobs.ask(
        actor, "volume.wipe", [waiting("wipe", row.name)], about=row.ref, called=row.name,
        host=ref.host, pool=ref.id, name=row.name, algorithm=algorithm,
    )  # fmt: skip


@guarded("volume.clone")
def clone(
    actor: Actor, ref: Ref, volume: str, *, into: Ref, name: str, image_format: str = ""
) -> UUID:
    """The job that copies it into this pool of the same host, in this format.

    Raises: Invalid (fields), NotFound for a pool that the actor may not fill, Busy.
    """
    row = _fit_row(ref, volume)
    if into.host != ref.host or not judge.can(actor, "volume.create", into):
        raise NotFound(ref=str(into))
    wrong = faults_in(into, Wanted(name, row.capacity, image_format, may_promise=True))
    if wrong:
        raise Invalid(fields=wrong)
    volume_reach.require(actor, ref, row, "volume.clone")
    volume_reach.require_honest(forged=volumes.show(actor, ref, volume).forged)
    _refuse_while_written(actor, ref, row)
    audit.running().detail.update(volume=row.name, name=name, pool=str(into))
    return jobs.ask(
        actor, "volume.clone", [waiting("copy", name)], about=row.ref, called=row.name,
        host=ref.host, pool=into.id, name=name,
        source_pool=ref.id, source=row.name, image_format=image_format,
        source_format=row.record["format"],
    )  # fmt: skip


@internal("a part of acts that make volumes")
def faults_in(ref: Ref, wanted: Wanted) -> dict[str, str]:
    """As `faults`, and a name that is taken in this pool. Raises NotFound."""
    found = faults(wire.from_plain(PoolRecord, volumes.pool_row(ref).record), wanted)
    if volumes.all_of(ref).filter(name=wanted.name).exists():
        found["name"] = _("A volume of this name is in the pool already.")
    return found


@open_to_all("a pure function")
def faults(pool: PoolRecord | None, wanted: Wanted) -> dict[str, str]:
    """Field to the sentence that says what is wrong with it. pool: None while none is chosen."""
    found: dict[str, str] = {}
    if sentence := _name_fault(wanted.name):
        found["name"] = sentence
    formats = types.VOLUME_FORMATS.get(pool.type, ("raw",)) if pool else ()
    if pool and wanted.format and wanted.format not in formats:
        found["format"] = _("A pool of this type holds no such format.")
    if wanted.preallocation not in PREALLOCATIONS:
        found["preallocation"] = _("There is no such choice.")
    elif wanted.preallocation == "metadata" and wanted.format != "qcow2":
        found["preallocation"] = _("Only qcow2 has metadata to allocate.")
    if wanted.base and wanted.format != "qcow2":
        found["format"] = _("Only qcow2 builds on another volume.")
    if not 0 < wanted.capacity <= SIZE_MAX:
        found["capacity"] = _("A size is greater than zero.")
    elif sentence := _space_fault(pool, wanted) if pool else "":
        found["capacity"] = sentence
    return found


def _name_fault(name: str) -> str:
    if not name or name in (".", "..") or len(name.encode()) > NAME_BYTES:
        return _("A name has 1 to 255 bytes.")
    if "/" in name or not name.isprintable():
        return _("A name has no slash and no control characters.")
    if name.startswith("-"):
        return _("A name does not begin with a dash: command lines take it for an option.")
    return ""


def _space_fault(pool: PoolRecord, wanted: Wanted) -> str:
    is_thin = wanted.preallocation != "full" and pool.type in ("dir", "fs", "netfs", "rbd")
    if not pool.capacity or not pool.is_active:
        return ""
    if not is_thin and wanted.capacity > pool.available:
        return _("The pool has less free space than this.")
    if is_thin and wanted.capacity > pool.capacity and not wanted.may_promise:
        return _("This is more than the whole pool holds. Allow it below if you mean it.")
    return ""


def _base(actor: Actor, ref: Ref, wanted: Wanted, wrong: dict[str, str]) -> mirror.Volume | None:
    """The volume to build on. Raises NotFound for one in a pool that the actor may not use.

    What is made on it reads all of it.
    """
    base = wanted.base
    if base is None or base.host != ref.host:
        raise NotFound(ref=str(base))
    pool = volumes.pool_of(actor, base)
    if not judge.can(actor, "volume.attach", pool):
        raise NotFound(ref=str(base))
    row = _fit_row(pool, base.id)
    volume_reach.require(actor, pool, row, "volume.attach")
    shown = volumes.show(actor, pool, base.id)
    if shown.forged:
        wrong["base"] = _("This volume looks like another format than it was made as.")
    elif row.capacity > wanted.capacity:
        wrong["capacity"] = _("This is smaller than the volume that it builds on.")
    return row


def _fit_row(ref: Ref, volume: str) -> mirror.Volume:
    """The volume, unless it is an image that is still coming in, or was refused.

    Raises NotFound, Busy, Invalid.
    """
    row = volumes.volume_row(ref, volume)
    image_locks.require_fit(ref, row.name)
    return row


def _users(actor: Actor, ref: Ref, row: mirror.Volume) -> Users:
    pool = volumes.pool_row(ref)
    found = volume_users.of_volumes(actor, ref.host, pool.name, [row])
    return found.get(row.uuid, Users())


def _refuse_while_used(actor: Actor, ref: Ref, row: mirror.Volume) -> None:
    users = _users(actor, ref, row)
    if users:
        names = [volume_users.label(user) for user in users.seen]
        raise Busy(users=holders.in_short(names, users.hidden))


def _refuse_while_written(actor: Actor, ref: Ref, row: mirror.Volume) -> None:
    users = _users(actor, ref, row)
    writers = [user.name for user in users.seen if user.is_active and not user.is_readonly]
    if writers:
        raise Busy(users=holders.in_short(writers, 0))
