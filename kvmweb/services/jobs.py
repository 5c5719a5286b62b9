"""Long work: ask for it, see it, cancel it. How it is carried out stands in `job_worker`, what
a kind of work is in `works`.

Who asked for a job always sees and cancels it; others see it with job.view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.jobs import JobRecord, JobState, JobStep, JobSubject
from kvmweb.core.offers import Offer
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import job_subjects, job_worker, power, presses
from kvmweb.services.guard import internal, open_to_all, sifted
from kvmweb.services.works import Step
from kvmweb.store.models import Job

MOST = 1000
CLEAN_AT_ONCE = 20
CLEAN_AGAIN_AFTER = timedelta(minutes=1)
LOST_AFTER = timedelta(seconds=15)
"""Without a beat for so long a running job has lost its worker: it beats every 2 s."""


@open_to_all("asks for nothing that the guard does not judge guest by guest when it runs")
def ask_bulk(actor: Actor, word: str, wanted: Sequence[Ref]) -> UUID:
    """One press on many guests; the job that will report on each. Raises Invalid."""
    if word not in presses.WORDS:
        raise Invalid(f"no such act: {word[:40]}")
    found = list(dict.fromkeys(ref for ref in wanted if ref.kind is Kind.GUEST))
    if not found or len(found) > MOST:
        said = _("Choose at least one guest, and at most %(most)d at once.") % {"most": MOST}
        raise Invalid(f"1 to {MOST} guests", fields={"": said})
    names = seen_names(actor, found)
    steps = [
        {"ref": str(ref), "name": names.get(ref, ""), "state": JobState.WAITING} for ref in found
    ]
    return _begin(actor, word, steps, {})


@internal("the service that asks has judged")
def ask(
    actor: Actor,
    verb: str,
    steps: Sequence[Step],
    *,
    about: Ref | None = None,
    called: str = "",
    **arguments: Any,
) -> UUID:
    """A work of the kind that is marked `@carries(verb)`; the job that will report on it.

    about: the object that it is done to, or that it makes; called: by this name.
    arguments: plain JSON without secrets, for they stay in the job's row.
    """
    kept = {"about": str(about) if about else "", "called": called}
    return _begin(actor, verb, list(steps), {**arguments, **kept})


def _begin(actor: Actor, verb: str, steps: list[Step], arguments: dict[str, Any]) -> UUID:
    who = {
        "actor": actor.name,
        "session": actor.session,
        "address": actor.address,
        "is_portal": actor.is_portal,
    }
    with transaction.atomic():
        job = Job.objects.create(
            person_id=actor.person_id or None,
            verb=verb,
            arguments={**arguments, **who},
            steps=steps,
        )
        job_worker.run.enqueue(str(job.pk))
    _tell(job.pk)
    return job.pk


@dataclass(frozen=True, slots=True)
class Offered:
    """One of the guests that were chosen, and what stands in the way of the press on it."""

    ref: Ref
    name: str
    offer: Offer


@sifted("guest.view")
def offered(actor: Actor, word: str, wanted: Sequence[Ref]) -> list[Offered]:
    """Before a press on many: which of these guests it would reach, by name."""
    names = seen_names(actor, wanted)
    offerer = power.offerer(actor)
    by_host = {row.host: row for row in mirror.HostMirror.objects.all()}
    rows = mirror.Guest.objects.filter(is_gone=False, uuid__in=[ref.id for ref in names])
    known = {row.ref: row for row in rows}
    found = []
    for ref, name in names.items():
        if ref in known:
            offers = offerer(known[ref], by_host.get(ref.host))
            found.append(Offered(ref, name, next(o for o in offers if o.verb == power.of(word))))
    return sorted(found, key=lambda one: one.name)


@sifted("guest.view")
def seen_names(actor: Actor, wanted: Sequence[Ref]) -> dict[Ref, str]:
    """The names of those of these guests that exist for this actor."""
    reach = judge.reach(actor, "guest.view")
    rows = mirror.Guest.objects.filter(
        is_gone=False,
        host__in={ref.host for ref in wanted},
        uuid__in={ref.id for ref in wanted},
    ).values_list("host", "uuid", "name")
    names = {Ref(Kind.GUEST, host, uuid): name for host, uuid, name in rows}
    return {ref: names[ref] for ref in wanted if ref in names and reach.covers(ref)}


@open_to_all("judged inside: one's own jobs, and with job.view anybody's")
def show(actor: Actor, job_id: UUID) -> JobRecord:
    """One job as it stands. Raises NotFound."""
    job = Job.objects.select_related("person").filter(_visible(actor), pk=job_id).first()
    if job is None:
        raise NotFound(ref=str(job_id))
    if _is_lost(job):
        _interrupt(job)
    return _records(actor, [job])[0]


@open_to_all("judged inside: one's own jobs, and with job.view anybody's")
def list_(actor: Actor, *, most: int = 50) -> list[JobRecord]:
    """The newest jobs first."""
    found = list(
        Job.objects.select_related("person").filter(_visible(actor)).order_by("-created_at")[:most]
    )
    for job in found:
        if _is_lost(job):
            _interrupt(job)
    return _records(actor, found)


@open_to_all("judged inside: one's own jobs; anybody's for who may change settings")
def cancel(actor: Actor, job_id: UUID) -> None:
    """Begin no further step; those under way end by themselves. Raises NotFound, Denied."""
    job = Job.objects.filter(_visible(actor), pk=job_id).first()
    if job is None:
        raise NotFound(ref=str(job_id))
    if not _may_cancel(actor, job):
        raise Denied(verb="job.cancel")
    Job.objects.filter(pk=job_id, state__in=(JobState.WAITING, JobState.RUNNING)).update(
        is_cancel_asked=True
    )
    _tell(job_id)


def _records(actor: Actor, found: Sequence[Job]) -> list[JobRecord]:
    with judge.one_look():
        subjects = job_subjects.of(actor, found)
        return [_record(job, actor, subjects[job.pk]) for job in found]


def _is_in_text(job: Job) -> bool:
    """It started an installer whose kernel was told to speak there."""
    direct = (job.arguments.get("spec") or {}).get("direct") or {}
    return "console=ttyS" in str(direct.get("arguments", ""))


def _record(job: Job, actor: Actor, subjects: tuple[JobSubject, ...]) -> JobRecord:
    """The row as its reader sees it."""
    told = judge.reach(actor, "host.details")
    host = str(job.arguments.get("host", ""))
    place = refs.host(host) if host else None
    named = _named(actor, job)
    result = Ref.parse(job.result) if job.result else None
    return JobRecord(
        id=job.pk,
        word=job.verb,
        state=JobState(job.state),
        person_name=str(job.person) if job.person else str(job.arguments.get("actor", "")),
        steps=tuple(
            _step(step, told, place, is_named=is_named)
            for step, is_named in zip(job.steps, named, strict=True)
        ),
        created_at=job.created_at,
        ended_at=job.ended_at,
        is_cancel_asked=job.is_cancel_asked,
        may_cancel=_may_cancel(actor, job) and not JobState(job.state).is_over,
        result=result if result and (_is_own(actor, job) or all(named)) else None,
        is_in_text=_is_in_text(job),
        subjects=subjects,
    )


@internal("the clockwork of every process")
def sweep() -> None:
    """Jobs whose worker died are interrupted, and what they made is taken back.

    What could not be taken back at first, such as on a host that was away, is tried again.
    """
    for job in Job.objects.filter(state=JobState.RUNNING):
        if _is_lost(job):
            _interrupt(job)
    now = timezone.now()
    before = now - CLEAN_AGAIN_AFTER
    leftover = Job.objects.filter(ended_at__isnull=False, beat_at__lt=before).exclude(undo=[])
    for job in leftover[:CLEAN_AT_ONCE]:
        if Job.objects.filter(pk=job.pk, beat_at=job.beat_at).update(beat_at=now):
            job_worker.clean.enqueue(str(job.pk))


def _tell(job_id: UUID) -> None:
    publisher.publish(*(Notice(topic, str(job_id)) for topic in (topics.JOBS, topics.job(job_id))))


def _named(actor: Actor, job: Job) -> list[bool]:
    if _is_own(actor, job):
        return [True] * len(job.steps)
    return job_subjects.named_steps(actor, job)


def _step(step: Step, told: judge.Reach, place: Ref | None, *, is_named: bool) -> JobStep:
    """told: where the reader may read libvirt's own words. place: of the job as a whole."""
    ref = Ref.parse(step["ref"]) if "ref" in step else None
    return JobStep(
        ref=ref,
        name=step.get("name", "") if is_named else "",
        state=JobState(step["state"]),
        problem=step.get("problem", ""),
        detail=step.get("detail", "") if told.covers(ref or place) else "",
        word=step.get("word", ""),
        done=step.get("done", 0),
        total=step.get("total", 0),
    )


def _visible(actor: Actor) -> Q:
    return Q() if judge.can(actor, "job.view") else Q(person_id=actor.person_id)


def _may_cancel(actor: Actor, job: Job) -> bool:
    return _is_own(actor, job) or judge.can(actor, "settings.change")


def _is_own(actor: Actor, job: Job) -> bool:
    return job.person_id is not None and job.person_id == actor.person_id


def _is_lost(job: Job) -> bool:
    if job.state != JobState.RUNNING:
        return False
    return job.beat_at is None or job.beat_at < timezone.now() - LOST_AFTER


def _interrupt(job: Job) -> None:
    """Say so once; a step that was under way may or may not have happened."""
    for step in job.steps:
        if step["state"] == JobState.RUNNING:
            step["state"] = JobState.INTERRUPTED
        elif step["state"] == JobState.WAITING:
            step["state"] = JobState.CANCELLED
    job.state, job.ended_at = JobState.INTERRUPTED, timezone.now()
    with transaction.atomic():
        was_first = Job.objects.filter(
            pk=job.pk, state=JobState.RUNNING, beat_at=job.beat_at
        ).update(state=job.state, steps=job.steps, ended_at=job.ended_at)
        if was_first and job.undo:
            job_worker.clean.enqueue(str(job.pk))
    _tell(job.pk)
