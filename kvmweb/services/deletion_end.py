"""The end of a deletion: the disks of a guest that is gone, also where the job was cut off.

Once a guest's definition is gone nobody is shown its disks any more: there is no way back, so they
go, whoever dies. But only those that are still what they were, and only as far as the person who
asked may still delete them; each step of the job says what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from kvmweb.access import judge
from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, HostDown, NotFound, Problem, WrongState
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.services import audit, holders, projects, works
from kvmweb.services.marks import internal
from kvmweb.services.works import Step, Work, undoes
from kvmweb.store.models import Job

FINISH = "guest.finish_purge"
VERB = "guest.delete"
VOLUME_S = 600.0

Volume = dict[str, str]
"""A `BinnedVolume` as plain JSON; once announced also its `identity` (`hypervisor.volume_acts`)."""


@internal("a part of what deletes a guest")
def deletable(actor: Actor, ref: Ref, volumes: Iterable[Volume]) -> list[Volume]:
    """Those that this actor may delete now."""
    reach = judge.reach(actor, "volume.delete")
    return [it for it in volumes if reach.covers(refs.pool(ref.host, it["pool"]))]


@internal("a part of what deletes a guest")
def announce(work: Work, ref: Ref, volumes: Iterable[Volume]) -> list[Volume]:
    """Before its definition goes, which holds them: each with what tells it from a later one."""
    held = [{**it, "identity": _identity(ref.host, it)} for it in volumes]
    mine = deletable(work.actor, ref, held)
    work.undo(FINISH, host=ref.host, volumes=mine, guest=ref.id, job=str(work.job_id))
    return held


def _identity(host: str, volume: Volume) -> str:
    """Empty where nobody can tell: then it stays. Raises HostDown."""
    try:
        found = client.call(host, "volume.look", uuid=volume["pool"], name=volume["name"])
    except HostDown:
        raise
    except Problem:
        return ""
    return str(found["identity"])


@internal("the last part of what deletes a guest for good")
def drop_all(work: Work, ref: Ref, volumes: Iterable[Volume]) -> None:
    """Each disk as announced: one that cannot go does not keep the others. Raises the first
    problem."""
    first: Problem | None = None
    for volume in volumes:
        try:
            with work.step("volume", volume["name"]):
                drop(work.actor, ref, volume["pool"], volume["name"], volume["identity"])
        except Problem as problem:
            first = first or problem
    if first:
        raise first


@internal("a part of acts that leave a guest's volume without a use")
def drop(actor: Actor, ref: Ref, pool: str, name: str, identity: str | None = None) -> None:
    """Delete a volume that this guest had. Raises Denied, Busy with its users, Conflict where it
    is not this one any more."""
    place = refs.pool(ref.host, pool)
    said = {"name": name, "guest": str(ref)}
    with holders.named(actor), audit.act(actor, "volume.delete", place, **said):
        if not judge.can(actor, "volume.delete", place):
            raise Denied(verb="volume.delete", ref=str(place))
        client.call(
            ref.host, "volume.delete", deadline_s=VOLUME_S, uuid=pool, name=name, identity=identity
        )


@undoes(FINISH)
def _finish(*, host: str, volumes: list[Volume], guest: str, job: str) -> None:
    """As far as who asked may do so now: delete the guest, and its volumes; without them nothing
    goes. While the guest is there nothing is taken from it: who asks again begins anew.
    """
    row = Job.objects.filter(pk=UUID(job)).first()
    if row is None or _is_there(host, guest):
        return
    actor, ref = works.asker(row), refs.guest(host, guest)
    ended = [(it["name"], _kept(actor, ref, it)) for it in volumes]
    projects.forget(ref)
    if row.state != JobState.RUNNING:
        _tell(row, ended)


def _is_there(host: str, uuid: str) -> bool:
    try:
        client.call(host, "guest.stored", uuid=uuid)
    except NotFound:
        return False
    except WrongState:  # it runs without a definition
        return True
    return True


def _kept(actor: Actor, ref: Ref, volume: Volume) -> Problem | None:
    """What keeps it where it cannot go. Raises HostDown: then it is tried again."""
    if not judge.can(actor, VERB, ref):
        audit.note(actor, VERB, ref, outcome=Denied.code, volume=volume["name"])
        return Denied(verb=VERB, ref=str(ref))
    try:
        drop(actor, ref, volume["pool"], volume["name"], volume.get("identity", ""))
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
    states = {step["state"] for step in job.steps}
    state = JobState.FAILED if JobState.FAILED in states else job.state
    if states == {JobState.DONE}:
        state = JobState.DONE
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
