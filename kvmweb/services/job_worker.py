"""Carry jobs out, inside `manage.py db_worker`.

A job is claimed by one statement, so that it runs once; its row is its progress, and beats while
it runs. A worker that dies leaves a job without a beat, which its next reader, or the clockwork of
any process, calls interrupted; what it had made is then taken back.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django_tasks import task

from kvmweb.core import topics
from kvmweb.core.errors import Cancelled, Fault, Problem
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.services import presses, works
from kvmweb.services.works import Step, Work
from kvmweb.store.models import Job

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Steps under way on one host; libvirt starts guests little faster with more."""
BEAT_S = 0.5
LIST_PACE_S = 2.0


@task
def run(job_id: str) -> None:
    """The whole job, once. Never raises: what went wrong stands in its steps."""
    now = timezone.now()
    claimed = Job.objects.filter(pk=job_id, state=JobState.WAITING).update(
        state=JobState.RUNNING, beat_at=now
    )
    if claimed:
        job = Job.objects.get(pk=job_id)
        kind = _Presses if job.verb in presses.WORDS else _Steps
        kind(job).carry_out()


@task
def clean(job_id: str) -> None:
    """Take back what a job made that died or could not clean up; what fails stays for later."""
    job = Job.objects.filter(pk=job_id).exclude(state=JobState.RUNNING).first()
    if job:
        _take_back(job.pk, job.undo)


class _Run:
    """One job under way: it works in threads, and this one writes what they report."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.work = Work(job, works.asker(job))
        self._told: list[Step] = []
        self._told_list_at = 0.0

    def carry_out(self) -> None:
        """All of it, and a beat until it has ended."""
        self._beat()
        pools: list[ThreadPoolExecutor] = []
        futures = self.begin(pools)
        while futures:
            _, futures = wait(futures, timeout=BEAT_S)
            self._beat()
        for pool in pools:
            pool.shutdown()
        state = self.outcome()
        self._end(state)

    def begin(self, pools: list[ThreadPoolExecutor]) -> set[Future[None]]:
        """Set the work going, in threads of these pools."""
        raise NotImplementedError

    def outcome(self) -> JobState:
        """What became of the whole."""
        states = {step["state"] for step in self.work.steps}
        if JobState.CANCELLED in states:
            return JobState.CANCELLED
        return JobState.FAILED if JobState.FAILED in states else JobState.DONE

    def _beat(self) -> None:
        """Write progress, and look whether somebody asked to cancel."""
        with self.work.lock:
            steps = [dict(step) for step in self.work.steps]
        mine = Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING)
        mine.update(steps=steps, beat_at=timezone.now())
        asked = mine.values_list("is_cancel_asked", flat=True).first()
        self.work.is_cancelled = asked is not False
        if steps != self._told:
            self._told = steps
            self._tell()

    def _tell(self) -> None:
        """The job's own page at once; the list of all jobs not at every step."""
        job = str(self.job.pk)
        found = [Notice(topics.job(job), job)]
        if time.monotonic() - self._told_list_at >= LIST_PACE_S:
            self._told_list_at = time.monotonic()
            found.append(Notice(topics.JOBS, job))
        publisher.publish(*found)

    def _end(self, state: JobState) -> None:
        Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING).update(
            state=state, steps=self.work.steps, ended_at=timezone.now()
        )
        self._told_list_at = 0.0
        self._tell()


class _Presses(_Run):
    """One press on many guests: each a step of its own, those of a host a few at a time."""

    def begin(self, pools: list[ThreadPoolExecutor]) -> set[Future[None]]:
        by_host: defaultdict[str, list[Step]] = defaultdict(list)
        for step in self.work.steps:
            by_host[Ref.parse(step["ref"]).host].append(step)
        threads = {host: ThreadPoolExecutor(AT_ONCE, "job") for host in by_host}
        pools.extend(threads.values())
        return {
            threads[host].submit(_closing, self._press, step)
            for host, steps in by_host.items()
            for step in steps
        }

    def _press(self, step: Step) -> None:
        if self.work.is_cancelled:
            self._mark(step, JobState.CANCELLED)
            return
        self._mark(step, JobState.RUNNING)
        try:
            outcome = presses.press(self.work.actor, Ref.parse(step["ref"]), self.job.verb)
            self._mark(step, JobState(outcome))
        except Problem as problem:
            self._mark(step, JobState.FAILED, problem.code, problem.detail[:500])
        except Exception:
            log.exception("a step of job %s failed", self.job.pk)
            self._mark(step, JobState.FAILED, Fault.code)

    def _mark(self, step: Step, state: JobState, problem: str = "", detail: str = "") -> None:
        with self.work.lock:
            step.update(state=state, problem=problem, detail=detail)


class _Steps(_Run):
    """A work of several steps; what it made is taken back when it does not come to its end."""

    def begin(self, pools: list[ThreadPoolExecutor]) -> set[Future[None]]:
        importlib.import_module("kvmweb.services.kinds")
        pools.append(ThreadPoolExecutor(1, "job"))
        return {pools[0].submit(_closing, self._carry)}

    def _carry(self) -> None:
        try:
            works.KINDS[self.job.verb](self.work, self.job.arguments)
        except Exception as error:
            if not isinstance(error, Problem):
                log.exception("job %s failed", self.job.pk)
            self._fail(error)
            _take_back(self.job.pk, self.work.undone)
        else:
            Job.objects.filter(pk=self.job.pk).update(undo=[])

    def _fail(self, error: Exception) -> None:
        """What was not begun never will be; a fault outside every step has one of its own."""
        steps = self.work.steps
        with self.work.lock:
            for step in steps:
                if step["state"] == JobState.WAITING:
                    step["state"] = JobState.CANCELLED
            if not any(step.get("problem") for step in steps):
                problem = error if isinstance(error, Problem) else Fault()
                state = JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED
                ended = {"state": state, "problem": problem.code, "detail": problem.detail[:500]}
                steps.append({**works.waiting("prepare"), **ended})

    def outcome(self) -> JobState:
        """Failed where a step did: the rest was cancelled because of it."""
        if any(step["state"] == JobState.FAILED for step in self.work.steps):
            return JobState.FAILED
        return super().outcome()


def _take_back(job_id: UUID, undo: list[dict[str, Any]]) -> None:
    """Newest first. The first that cannot be undone now, and all before it, stay in the row."""
    importlib.import_module("kvmweb.services.kinds")
    left = list(undo)
    while left:
        entry = left[-1]
        try:
            works.UNDOES[entry["act"]](**entry["args"])
        except Exception:
            log.warning("job %s: %s could not be undone now", job_id, entry["act"], exc_info=True)
            break
        left.pop()
        Job.objects.filter(pk=job_id).update(undo=left)


def _closing(act: Callable[..., None], *args: object) -> None:
    """In a thread: its database connection is not left behind."""
    try:
        act(*args)
    finally:
        connection.close()
