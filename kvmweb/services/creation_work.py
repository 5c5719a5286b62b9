"""Carry a creation out: disks, seed, kernel, definition, start; and take each of them back.

What a step makes is announced before it is made, so that nothing stays behind when the process
dies. A volume that was there before is never touched: making it fails, and what was announced is
withdrawn.
"""

from __future__ import annotations

from dataclasses import replace

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.creation import NewVolume
from kvmweb.core.errors import Denied, Problem
from kvmweb.core.specs import GuestSpec
from kvmweb.hostlink import client
from kvmweb.services import audit, creation_tree, creation_volumes, maintenance, projects, seeding
from kvmweb.services.works import Arguments, Work, carries, undoes

VERB = "guest.create"
DEFINE_S = 30.0
START_S = 60.0


@carries(VERB)
def _create(work: Work, arguments: Arguments) -> None:
    """The whole guest, or nothing of it. What it was comes to the audit either way."""
    host, spec = str(arguments["host"]), wire.from_plain(GuestSpec, arguments["spec"])
    guest = refs.guest(host, spec.uuid)
    try:
        if not judge.can(work.actor, VERB, refs.host(host)):
            raise Denied(verb=VERB)
        maintenance.require_open(host)
        work.undo("guest.unsay", job=str(work.job_id))
        _carry(work, arguments, host, spec)
    except Problem as problem:
        audit.note(work.actor, VERB, guest, outcome=problem.code, name=spec.name)
        raise
    finally:
        seeding.unsay(job=str(work.job_id))
    work.made(guest)
    audit.note(work.actor, VERB, guest, name=spec.name)


def _carry(work: Work, arguments: Arguments, host: str, spec: GuestSpec) -> None:
    for plain in arguments["volumes"]:
        volume = wire.from_plain(NewVolume, plain)
        with work.step("disk", volume.name):
            creation_volumes.make(work, host, volume)
    if arguments["seed"]:
        seeding.lay(work, host, arguments["seed"], arguments["answers"])
    if spec.direct:
        spec = creation_tree.lay(work, host, arguments, spec)
    with work.step("define", spec.name):
        projects.welcome(work, refs.guest(host, spec.uuid), arguments.get("project", 0))
        work.undo("guest.forget", host=host, uuid=spec.uuid)
        plain = wire.to_plain(replace(spec, direct=None))
        client.call(host, "guest.define", deadline_s=DEFINE_S, uuid=spec.uuid, spec=plain)
        if arguments["has_autostart"]:
            client.call(host, "guest.autostart", uuid=spec.uuid, enabled=True)
    if arguments["is_started"]:
        with work.step("start", spec.name):
            if spec.direct:
                creation_tree.start(host, spec)
            else:
                client.call(host, "guest.start", deadline_s=START_S, uuid=spec.uuid)


@undoes("guest.forget")
def _forget(*, host: str, uuid: str) -> None:
    client.call(host, "guest.forget", deadline_s=DEFINE_S, uuid=uuid)
