"""Shut a guest down and start it again, so that what waits for its next start becomes so.

A reboot from inside is not enough: the process on the host goes on with what it was started with.
"""

from __future__ import annotations

import time
from uuid import UUID

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, WrongState
from kvmweb.core.records import GuestRecord, GuestState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, jobs, maintenance, present, works
from kvmweb.services.guard import guarded
from kvmweb.services.works import Arguments, Work, carries

VERB = "guest.cycle"
PATIENCE_S = 180.0
"""For the guest to shut down; it is told to the person, who may force it off meanwhile."""
START_S = 120.0
LOOK_S = 0.5


@guarded("guest.shutdown")
def cycle(actor: Actor, ref: Ref) -> UUID:
    """Ask for it; the job that does it.

    Raises: Denied without the right to start it, WrongState for one that does not run or would be
    gone when it stops, Maintenance, HostDown.
    """
    if not judge.can(actor, "guest.start", ref):
        raise Denied(verb="guest.start", ref=str(ref))
    record = present.record(present.reachable(ref))
    maintenance.require_open(ref.host)
    if record.state is not GuestState.RUNNING or not record.is_persistent:
        raise WrongState(state=record.state.value)
    steps = [works.waiting("shut-down", record.name), works.waiting("start", record.name)]
    job = jobs.ask(
        actor, VERB, steps, about=ref, called=record.name, guest=str(ref), name=record.name
    )
    audit.running().detail.update(job=str(job), and_start=True)
    return job


@carries(VERB)
def _cycle(work: Work, arguments: Arguments) -> None:
    ref, name = Ref.parse(arguments["guest"]), arguments["name"]
    for verb in ("guest.shutdown", "guest.start"):
        work.require(verb, ref)
    with work.step("shut-down", name):
        client.call(ref.host, "guest.shutdown", uuid=ref.id)
        _wait(work, ref)
    with work.step("start", name):
        work.require("guest.start", ref)
        maintenance.require_open(ref.host)
        with audit.act(work.actor, "guest.start", ref):
            client.call(ref.host, "guest.start", deadline_s=START_S, uuid=ref.id)


def _wait(work: Work, ref: Ref) -> None:
    """Until the mirror says that it is off. Raises WrongState when that takes too long."""
    until = time.monotonic() + PATIENCE_S
    while _record(ref).state is not GuestState.SHUT_OFF:
        if time.monotonic() > until:
            raise WrongState("the guest did not shut down", state=GuestState.RUNNING.value)
        work.check()
        time.sleep(LOOK_S)


def _record(ref: Ref) -> GuestRecord:
    return present.record(present.guest(ref))
