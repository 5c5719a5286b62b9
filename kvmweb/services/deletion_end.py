"""The end of a deletion that was cut off: forward, for there is no way back.

Once a guest's definition is gone nobody is shown its disks any more; so they go, whoever dies, and
each step of the job says what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kvmweb.access import judge
from kvmweb.core import refs, topics
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.errors import HostDown, NotFound, Problem, WrongState
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.services import audit
from kvmweb.services.marks import internal
from kvmweb.services.works import Step, Work, undoes
from kvmweb.store.models import Job

FINISH = "guest.finish_purge"
VOLUME_S = 600.0

Volume = dict[str, str]
"""A `BinnedVolume` as plain JSON."""


@internal("a part of what deletes a guest")
def deletable(actor: Actor, ref: Ref, volumes: Iterable[Volume]) -> list[Volume]:
    """Those that this actor may delete now: nobody judges later."""
    reach = judge.reach(actor, "volume.delete")
    return [it for it in volumes if reach.covers(refs.pool(ref.host, it["pool"]))]


@internal("a part of what deletes a guest")
def announce(work: Work, ref: Ref, volumes: Iterable[Volume]) -> None:
    """Before its definition goes."""
    mine = deletable(work.actor, ref, volumes)
    work.undo(FINISH, host=ref.host, volumes=mine, guest=ref.id, job=str(work.job_id))


@undoes(FINISH)
def _finish(*, host: str, volumes: list[Volume], guest: str = "", job: str = "") -> None:
    """While the guest is there nothing is taken from it: who asks again begins anew."""
    if guest and _is_there(host, guest):
        return
    ended = [(it["name"], _kept(host, it)) for it in volumes]
    found = Job.objects.filter(pk=UUID(job)).exclude(state=JobState.RUNNING) if job else None
    row = found.first() if found else None
    if row is not None:
        _tell(row, ended)


def _is_there(host: str, uuid: str) -> bool:
    try:
        client.call(host, "guest.stored", uuid=uuid)
    except NotFound:
        return False
    except WrongState:  # it runs without a definition
        return True
    return True


def _kept(host: str, volume: Volume) -> Problem | None:
    """What keeps it where it cannot go. Raises HostDown: then it is tried again."""
    place, name = refs.pool(host, volume["pool"]), volume["name"]
    try:
        with audit.act(PORTAL, "volume.delete", place, name=name):
            client.call(host, "volume.delete", deadline_s=VOLUME_S, uuid=place.id, name=name)
    except HostDown:
        raise
    except NotFound:
        return None
    except Problem as problem:
        return problem
    return None


def _tell(job: Job, ended: list[tuple[str, Problem | None]]) -> None:
    """What is still there stands in the steps of the job, and nothing else."""
    left = list(ended)
    for step in job.steps:
        if step["word"] == "undefine":
            _mark(step, None)
        found = next((it for it in left if it[0] == step["name"]), None)
        if step["word"] == "volume" and found is not None:
            left.remove(found)
            _mark(step, found[1])
    is_done = all(step["state"] == JobState.DONE for step in job.steps)
    state = JobState.DONE if is_done else job.state
    Job.objects.filter(pk=job.pk, state=job.state).update(steps=job.steps, state=state)
    told = str(job.pk)
    publisher.publish(Notice(topics.JOBS, told), Notice(topics.job(told), told))


def _mark(step: Step, problem: Problem | None) -> None:
    detail = problem.detail[:500] if problem else ""
    step.update(
        state=JobState.FAILED if problem else JobState.DONE,
        problem=problem.code if problem else "",
        detail=detail,
    )
