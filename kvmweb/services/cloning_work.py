"""Carry a clone out: each disk, then the definition; and take each of them back.

As in a creation, what a step makes is announced before it is made.
"""

from __future__ import annotations

from typing import Any

from kvmweb.core import refs
from kvmweb.core.cloning import Way
from kvmweb.core.creation import NewVolume
from kvmweb.core.errors import Problem
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import (
    audit,
    creation_volumes,
    live_copying,
    maintenance,
    projects,
    seeding,
    volume_works,
)
from kvmweb.services.works import Arguments, Work, carries, undoes

VERB = "guest.clone"
START_S = 60.0
DEFINE_S = 120.0
"""With the copy of the firmware's variables."""


@carries(VERB)
def _clone(work: Work, arguments: Arguments) -> None:
    """The whole clone, or nothing of it."""
    host, original = str(arguments["host"]), Ref.parse(arguments["guest"])
    made = refs.guest(host, str(arguments["uuid"]))
    try:
        work.require(VERB, original)
        work.require("guest.create", refs.host(host))
        maintenance.require_open(host)
        if arguments.get("answers"):
            work.undo("guest.unsay", job=str(work.job_id))
        live = [disk for disk in arguments["disks"] if disk.get("is_live")]
        if live:
            _live(work, original, live, arguments)
        for disk in arguments["disks"]:
            if not disk.get("is_live"):
                _disk(work, host, disk)
        if arguments.get("seed"):
            seeding.lay(work, host, arguments["seed"], arguments["answers"])
        with work.step("define", arguments["name"]):
            _define(work, arguments, original, made)
        if arguments.get("is_started"):
            with work.step("start", arguments["name"]):
                client.call(host, "guest.start", deadline_s=START_S, uuid=made.id)
    except Problem as problem:
        audit.note(work.actor, VERB, original, outcome=problem.code, name=arguments["name"])
        raise
    finally:
        seeding.unsay(job=str(work.job_id))
    work.made(made)
    audit.note(work.actor, VERB, made, name=arguments["name"], of=str(original))


def _live(work: Work, original: Ref, disks: list[dict[str, Any]], arguments: Arguments) -> None:
    """Those that a running guest writes to, all at once."""
    for disk in disks:
        work.require("volume.clone", refs.pool(original.host, disk["source_pool"]))
        work.require("volume.create", refs.pool(original.host, disk["pool"]))
    names = ", ".join(disk["name"] for disk in disks)
    with work.step("copy-live", names):
        is_running = arguments["running"] == "running"
        how = live_copying.copy(work, original, disks, is_running=is_running)
    audit.note(work.actor, VERB, original, act=f"held-{how}", name=arguments["name"])


def _disk(work: Work, host: str, disk: dict[str, Any]) -> None:
    """Copied or linked; one that stays empty needs nothing."""
    source = refs.pool(host, disk["source_pool"])
    if disk["way"] == Way.COPY:
        work.require("volume.clone", source)
        work.require("volume.create", refs.pool(host, disk["pool"]))
        with work.step("copy", disk["name"]):
            volume_works.copy(work, {**disk, "host": host})
    elif disk["way"] == Way.LINK:
        work.require("volume.attach", source)
        work.require("volume.create", refs.pool(host, disk["pool"]))
        with work.step("link", disk["name"]):
            wanted = NewVolume(
                disk["pool"], "", disk["name"], disk["capacity"], "qcow2",
                backing_pool=disk["source_pool"], backing=disk["source"],
                backing_format=disk["source_format"],
            )  # fmt: skip
            creation_volumes.make(work, host, wanted)


def _define(work: Work, arguments: Arguments, original: Ref, made: Ref) -> None:
    projects.welcome(work, made, arguments.get("project", 0))
    work.undo("guest.unclone", host=made.host, uuid=made.id)
    client.call(
        made.host,
        "guest.clone",
        deadline_s=DEFINE_S,
        uuid=made.id,
        source=original.id,
        name=arguments["name"],
        definition_hash=arguments["definition_hash"],
        disks=[
            {
                "target": disk["target"],
                "pool": disk["pool"],
                "volume": disk["name"],
                "format": disk.get("image_format", ""),
            }
            for disk in arguments["disks"]
        ],
        seed=_seed(arguments.get("seed")),
        mac=arguments.get("mac", ""),
        is_running=bool(arguments.get("running")),
    )


def _seed(seed: dict[str, Any] | None) -> dict[str, str] | None:
    return {"pool": seed["pool"], "volume": seed["name"], "format": "raw"} if seed else None


@undoes("guest.unclone")
def _unclone(*, host: str, uuid: str) -> None:
    client.call(host, "guest.unclone", deadline_s=DEFINE_S, uuid=uuid)
