"""Carry jobs out, inside `manage.py db_worker`.

A job is claimed by one statement, so that it runs once; its row is its progress, and beats while
it runs. A worker that dies leaves a job without a beat, which its next reader calls interrupted.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from django.db import connection
from django.utils import timezone
from django_tasks import task

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Fault, Problem
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import JOBS, Notice
from kvmweb.hub import publisher
from kvmweb.services import presses
from kvmweb.store.models import Job

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Steps under way on one host; libvirt starts guests little faster with more."""
BEAT_S = 0.5


@task
def run(job_id: str) -> None:
    """The whole job, once. Never raises: what went wrong stands in its steps."""
    now = timezone.now()
    claimed = Job.objects.filter(pk=job_id, state=JobState.WAITING).update(
        state=JobState.RUNNING, beat_at=now
    )
    if claimed:
        _Run(Job.objects.get(pk=job_id)).carry_out()


class _Run:
    """One job under way. Its steps are changed by several threads, written by one."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.actor = Actor(
            person_id=job.person_id or -1,
            name=str(job.arguments.get("actor", "")),
            session=str(job.arguments.get("session", "")),
            address=str(job.arguments.get("address", "")),
        )
        self._lock = threading.Lock()
        self._is_cancelled = False

    def carry_out(self) -> None:
        """Every host's steps in a few threads of its own, and a beat until all have ended."""
        self._beat()
        by_host: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for step in self.job.steps:
            by_host[Ref.parse(step["ref"]).host].append(step)
        pools = {host: ThreadPoolExecutor(AT_ONCE, "job") for host in by_host}
        futures: set[Future[None]] = {
            pools[host].submit(self._do, step) for host, steps in by_host.items() for step in steps
        }
        while futures:
            _, futures = wait(futures, timeout=BEAT_S)
            self._beat()
        for pool in pools.values():
            pool.shutdown()
        self._end()

    def _do(self, step: dict[str, Any]) -> None:
        if self._is_cancelled:
            self._mark(step, JobState.CANCELLED)
            return
        self._mark(step, JobState.RUNNING)
        try:
            outcome = presses.press(self.actor, Ref.parse(step["ref"]), self.job.verb)
            self._mark(step, JobState(outcome))
        except Problem as problem:
            self._mark(step, JobState.FAILED, problem.code, problem.detail[:500])
        except Exception:
            log.exception("a step of job %s failed", self.job.pk)
            self._mark(step, JobState.FAILED, Fault.code)
        finally:
            connection.close()

    def _mark(
        self, step: dict[str, Any], state: JobState, problem: str = "", detail: str = ""
    ) -> None:
        with self._lock:
            step.update(state=state, problem=problem, detail=detail)

    def _beat(self) -> None:
        """Write progress, and look whether somebody asked to cancel."""
        with self._lock:
            steps = [dict(step) for step in self.job.steps]
        mine = Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING)
        mine.update(steps=steps, beat_at=timezone.now())
        self._is_cancelled = mine.values_list("is_cancel_asked", flat=True).first() is not False
        publisher.publish(Notice(JOBS, str(self.job.pk)))

    def _end(self) -> None:
        states = {step["state"] for step in self.job.steps}
        if JobState.CANCELLED in states:
            state = JobState.CANCELLED
        else:
            state = JobState.FAILED if JobState.FAILED in states else JobState.DONE
        Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING).update(
            state=state, steps=self.job.steps, ended_at=timezone.now()
        )
        publisher.publish(Notice(JOBS, str(self.job.pk)))
