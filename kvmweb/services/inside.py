"""Look inside a disk: begin, see how far it is, go through its folders, take a file out.

A place is a disk of a guest (`guest.inspect`) or a volume of a pool (`volume.inspect`); each of the
two functions that name one asks for its right, and every act on a place asks for it again. Nothing
is ever written to a disk; what it holds is a stranger's, and stays text or bytes (`core.inside`).
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, HostDown, NotFound, NotSupported, Problem, WrongState
from kvmweb.core.inside import FORMATS, Choice, Entry, File, Folder, Look, LookState, Place, Shown
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import HostState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    deletion,
    image_locks,
    present,
    volume_reach,
    volume_users,
    volumes,
)
from kvmweb.services.downloads import Download
from kvmweb.services.guard import guarded, internal, open_to_all
from kvmweb.store.models import AuditEntry

BEGIN_S = 20.0
ASK_S = 35.0
_JUDGED = "judged inside: by the right that the place was named with"


@guarded("guest.inspect", is_audited=False)
def of_guest(actor: Actor, ref: Ref, target: str) -> Place:
    """A disk of this guest. Raises NotFound, NotSupported for what is no volume of a pool."""
    record = present.record(present.guest(ref))
    disk = next((it for it in record.disks if it.target == target and it.source), None)
    if disk is None:
        raise NotFound(ref=f"{ref}/{target}")
    found = deletion.choices(actor, ref, (disk,))[0]
    if not found.volume:
        raise NotSupported("the disk is no volume of a pool that is started")
    pool = refs.pool(ref.host, found.pool)
    row = volumes.volume_row(pool, found.volume)
    image_locks.require_fit(pool, row.name)
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    way = obstacle(actor, ref, is_active=record.state.is_active, host=host)
    chain = _chain(row) if disk.format == "qcow2" else ()
    return Place(
        ref=ref, verb="guest.inspect", which=target, title=target, owner=record.name,
        pool=found.pool, volume=row.ref, name=row.name, path=row.record["path"],
        format=disk.format, chain=chain,
        obstacle=way or _of_image(row, disk.format, chain),
    )  # fmt: skip


@internal("a part of the guest's page")
def obstacle(
    actor: Actor, ref: Ref, *, is_active: bool, host: mirror.HostMirror | None
) -> Obstacle:
    """What stands in the way of looking inside a disk of this guest."""
    if not judge.can(actor, "guest.inspect", ref):
        return Obstacle.NO_RIGHT
    if is_active:
        return Obstacle.NOT_OFF
    return Obstacle.NONE if host is not None and host.is_up else Obstacle.HOST_AWAY


@guarded("volume.inspect", is_audited=False)
def of_volume(actor: Actor, ref: Ref, volume: str) -> Place:
    """A volume of this pool. Raises NotFound, Invalid (it reads what the actor may not), Busy."""
    row = volumes.volume_row(ref, volume)
    image_locks.require_fit(ref, row.name)
    volume_reach.require(actor, ref, row, "volume.inspect")
    shown = volumes.show(actor, ref, volume)
    runs = any(user.is_active for user in shown.users.seen)
    is_up = mirror.HostMirror.objects.filter(host=ref.host, state=HostState.UP).exists()
    way = Obstacle.VOLUME_USED_NOW if runs else Obstacle.NONE if is_up else Obstacle.HOST_AWAY
    image_format = "raw" if shown.forged else row.record["format"]
    chain = _chain(row) if image_format == "qcow2" else ()
    return Place(
        ref=ref, verb="volume.inspect", which=volume, title=row.name,
        owner=volumes.pool_row(ref).name, pool=ref.id, volume=row.ref, name=row.name,
        path=row.record["path"], format=image_format, chain=chain,
        obstacle=way or _of_image(row, image_format, chain),
    )  # fmt: skip


@open_to_all(_JUDGED)
def show(actor: Actor, place: Place, wanted: Choice | None = None) -> Shown:
    """How far a look is, and the folder that is wanted once it is ready."""
    _require(actor, place)
    wanted = wanted or Choice()
    may_read = judge.can(actor, "host.details", place.ref)
    try:
        look = wire.from_plain(Look, _call(place, "inside.state"))
    except HostDown:
        return Shown(place, Look(), wanted, problem=HostDown.code, may_read_details=may_read)
    if look.state is not LookState.READY or not wanted.device:
        return Shown(place, look, wanted, may_read_details=may_read)
    _witness(actor, place, look)
    try:
        folder = _folder(place, wanted)
    except Problem as problem:
        return Shown(place, look, wanted, None, problem.code, problem.detail, may_read)
    return Shown(place, look, wanted, folder, may_read_details=may_read)


@open_to_all(_JUDGED)
def begin(actor: Actor, place: Place) -> Look:
    """Start the appliance; answers at once, and its progress is told by notices.

    Raises: WrongState, NotSupported (`libguestfs`, format), Busy, Invalid, Conflict, HostDown.
    """
    _require(actor, place)
    with audit.act(actor, place.verb, place.ref, **_said(place)):
        if place.obstacle is not Obstacle.NONE:
            raise WrongState(place.obstacle.value)
        found = _call(place, "inside.begin", BEGIN_S)
    return wire.from_plain(Look, found)


@open_to_all(_JUDGED)
def end(actor: Actor, place: Place) -> None:
    """Give back what it takes. It is as if nobody had looked."""
    _require(actor, place)
    with audit.act(actor, place.verb, place.ref, act="end", **_said(place)):
        _call(place, "inside.end", BEGIN_S)


@open_to_all(_JUDGED)
def measure(actor: Actor, place: Place, device: str, path: str) -> Download:
    """What a download of this file would be. Raises NotFound, Invalid, Conflict, HostDown."""
    _require(actor, place)
    found = wire.from_plain(File, _call(place, "inside.measure", ASK_S, device=device, path=path))
    said = (str(place.volume), device, found.path, found.size, found.modified_at)
    etag = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    name = found.path.rpartition("/")[2]
    return Download(name, found.size, f'"{etag}"', "raw")


@open_to_all(_JUDGED)
def open_(
    actor: Actor, place: Place, device: str, path: str, offset: int, length: int
) -> socket.socket:
    """A descriptor of frames (`core.flows`) with these bytes of a file. Raises as `measure`.

    Written to the audit before a byte leaves.
    """
    _require(actor, place)
    said: dict[str, Any] = {"file_system": device, "file": path, "offset": offset, "length": length}
    audit.note(actor, place.verb, place.ref, act="download", **_said(place), **said)
    line, _ = client.take(
        place.ref.host, "inside.open", deadline_s=ASK_S, **place.image, device=device, path=path,
        offset=offset, length=length,
    )  # fmt: skip
    return line


def _require(actor: Actor, place: Place) -> None:
    """Rights may have gone since the place was named."""
    if not judge.can(actor, place.verb, place.ref):
        raise Denied(verb=place.verb, ref=str(place.ref))


def _call(place: Place, verb: str, deadline_s: float = 4.0, **args: Any) -> Any:
    return client.call(place.ref.host, verb, deadline_s=deadline_s, **place.image, **args)


def _folder(place: Place, wanted: Choice) -> Folder:
    found = wire.from_plain(
        Folder, _call(place, "inside.list", ASK_S, device=wanted.device, path=wanted.path)
    )
    entries = sorted(found.entries, key=_KEYS[wanted.sort], reverse=wanted.is_descending)
    folders_first = sorted(entries, key=lambda it: not it.is_folder)
    return Folder(found.path, tuple(folders_first), found.left_out)


def _by_name(it: Entry) -> Any:
    return (it.name.casefold(), it.name)


_KEYS: dict[str, Callable[[Entry], Any]] = {
    "name": _by_name,
    "size": lambda it: (it.size, _by_name(it)),
    "modified": lambda it: (it.modified_at, _by_name(it)),
}


def _said(place: Place) -> dict[str, str]:
    said = {"volume": place.name}
    return said | ({"disk": place.which} if place.ref.kind is refs.Kind.GUEST else {})


def _witness(actor: Actor, place: Place, look: Look) -> None:
    """Whoever goes on with another person's look is in the audit as well, once for each look."""
    since = datetime.fromtimestamp(look.began_at or 0.0, UTC)
    mine = AuditEntry.objects.filter(
        person_id=actor.person_id, verb=place.verb, ref=str(place.ref), at__gte=since
    )
    if not mine.filter(detail__volume=place.name).exists():
        audit.note(actor, place.verb, place.ref, **_said(place))


def _of_image(row: mirror.Volume, image_format: str, chain: tuple[str, ...]) -> Obstacle:
    """What the mirror knows of it already; the worker looks again."""
    if image_format not in FORMATS:
        return Obstacle.INSIDE_FORMAT
    if FORMATS[image_format] == "raw":
        return Obstacle.NONE
    if row.record["is_encrypted"]:
        return Obstacle.INSIDE_ENCRYPTED
    there = mirror.Volume.objects.filter(host=row.host, place__in=chain, is_gone__in=[False])
    known = set(there.values_list("place", flat=True))
    is_whole = known.issuperset(chain) and bool(chain) == bool(row.record["backing"])
    return Obstacle.NONE if is_whole else Obstacle.INSIDE_CHAIN


def _chain(row: mirror.Volume) -> tuple[str, ...]:
    return volume_users.chains(row.host, [row]).get(row.uuid, ())
