"""Carry the move of a disk out: copied, switched over, and the old volume deleted if asked.

The new volume is announced before it is made. What takes it back looks first whether the guest
uses it by then: a process that died just after the switch loses nothing.
"""

from __future__ import annotations

import time
from typing import Any

from kvmweb.core import refs, wire
from kvmweb.core.disk_moves import CopyProgress
from kvmweb.core.errors import Conflict, Exists, NotFound, Problem
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, deletion_end, volume_works, works
from kvmweb.services.disk_moves import VERB
from kvmweb.services.works import Arguments, Work, carries, undoes

LOOK_S = 0.5
MAKE_S = 600.0
SWITCH_S = 60.0


@carries(VERB)
def _move(work: Work, arguments: Arguments) -> None:
    """All of it, or the disk stays where it is."""
    ref = Ref.parse(arguments["guest"])
    source = refs.pool(ref.host, arguments["source_pool"])
    into = refs.pool(ref.host, arguments["pool"])
    try:
        work.require("guest.disks", ref)
        work.require("volume.clone", source)
        for verb in ("volume.create", "volume.attach"):
            work.require(verb, into)
        act = _running if arguments["is_active"] else _resting
        act(work, ref, arguments)
    except Problem as problem:
        audit.note(work.actor, "guest.disks", ref, outcome=problem.code, act="move",
                   disk=arguments["target"])  # fmt: skip
        raise
    audit.note(work.actor, "guest.disks", ref, act="move", disk=arguments["target"],
               source=arguments["before"], name=arguments["name"])  # fmt: skip
    if arguments["delete"]:
        with work.step("volume", arguments["source"]):
            deletion_end.drop(work.actor, ref, arguments["source_pool"], arguments["source"])


def _running(work: Work, ref: Ref, arguments: Arguments) -> None:
    """Mirrored by QEMU itself until nothing is missing, then the guest goes on with the copy."""
    place = {
        "uuid": ref.id, "target": arguments["target"], "source": arguments["before"],
        "pool": arguments["pool"], "volume": arguments["name"],
        "image_format": arguments["image_format"],
    }  # fmt: skip
    with work.step("copy", arguments["name"]):
        _make(work, ref, arguments)
        client.call(ref.host, "guest.copy_disk", deadline_s=MAKE_S, **place)
        while not (found := _progress(ref, arguments["target"])).is_ready:
            work.report(found.done, found.total)
            time.sleep(LOOK_S)
        work.report(found.total, found.total)
    with work.step("switch", arguments["target"]):
        client.call(ref.host, "guest.pivot_disk", deadline_s=SWITCH_S, **place)


def _resting(work: Work, ref: Ref, arguments: Arguments) -> None:
    """Copied by libvirt, then the definition names the copy. Raises Conflict if it ran meanwhile:
    what it wrote then is not in the copy."""
    with work.step("copy", arguments["name"]):
        before = _measured(ref, arguments)
        volume_works.copy(work, {**arguments, "host": ref.host}, _undo(ref, arguments))
    with work.step("switch", arguments["target"]):
        if _measured(ref, arguments) != before:
            raise Conflict("the guest wrote to its disk while it was copied")
        client.call(
            ref.host, "guest.repoint_disk", deadline_s=SWITCH_S, uuid=ref.id,
            target=arguments["target"], pool=arguments["pool"], volume=arguments["name"],
            image_format=arguments["image_format"], definition_hash=arguments["definition_hash"],
        )  # fmt: skip


def _make(work: Work, ref: Ref, arguments: Arguments) -> None:
    """The empty volume that the copy goes into. Raises Exists."""
    try:
        client.call(ref.host, "volume.look", uuid=arguments["pool"], name=arguments["name"])
    except NotFound:
        works.never_made(ref.host, arguments["pool"], arguments["name"])
        act, args = _undo(ref, arguments)
        work.undo(act, **args)
    else:
        raise Exists(name=arguments["name"])
    client.call(
        ref.host, "volume.create", deadline_s=MAKE_S, uuid=arguments["pool"],
        name=arguments["name"], capacity=arguments["capacity"],
        image_format=arguments["image_format"],
    )  # fmt: skip


def _progress(ref: Ref, target: str) -> CopyProgress:
    found = client.call(ref.host, "guest.copy_progress", uuid=ref.id, target=target)
    return wire.from_plain(CopyProgress, found)


def _measured(ref: Ref, arguments: Arguments) -> Any:
    """What changes when somebody writes to the volume."""
    found = client.call(
        ref.host, "volume.measure", uuid=arguments["source_pool"], name=arguments["source"]
    )
    return [found["size"], found["allocation"], found["modified_at"]]


def _undo(ref: Ref, arguments: Arguments) -> volume_works.Announced:
    return "guest.abandon_move", {
        "host": ref.host, "uuid": ref.id, "target": arguments["target"],
        "pool": arguments["pool"], "volume": arguments["name"],
    }  # fmt: skip


@undoes("guest.abandon_move")
def _abandon(*, host: str, uuid: str, target: str, pool: str, volume: str) -> None:
    client.call(
        host, "guest.abandon_move", deadline_s=MAKE_S, uuid=uuid, target=target, pool=pool,
        volume=volume,
    )  # fmt: skip
