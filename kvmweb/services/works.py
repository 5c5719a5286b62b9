"""Long work in steps: a function for each kind, and how what it made is taken back.

A kind is a function marked `@carries(verb)`; it is handed a `Work` and the arguments that were
asked for. Before it makes a thing it says by `work.undo` how to take it back; that is written to
the job's row first. When a step fails, somebody cancels, or the process dies, the functions marked
`@undoes(act)` run, newest first. They may run twice, or for a thing that was never made.

    @carries("volume.clone")
    def _clone(work: Work, arguments: Arguments) -> None:
        with work.step("copy", arguments["name"]):
            work.undo("volume.delete", host=…, pool=…, name=…)
            …
            work.report(done, total)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Cancelled, Denied, Problem
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.services import audit
from kvmweb.services.marks import internal
from kvmweb.store.models import Job

Arguments = dict[str, Any]
Carry = Callable[["Work", Arguments], None]
Undo = Callable[..., None]
Step = dict[str, Any]

KINDS: dict[str, Carry] = {}
UNDOES: dict[str, Undo] = {}


@internal("a mark for functions of services")
def carries(verb: str) -> Callable[[Carry], Carry]:
    """Mark the function that carries out the jobs of this verb; `kinds` imports its module."""

    def mark(function: Carry) -> Carry:
        KINDS[verb] = function
        return function

    return mark


@internal("a mark for functions of services")
def undoes(act: str) -> Callable[[Undo], Undo]:
    """Mark the function that takes back what `work.undo(act, …)` announced."""

    def mark(function: Undo) -> Undo:
        UNDOES[act] = function
        return function

    return mark


@internal("the first form of a job's row")
def waiting(word: str, name: str = "") -> Step:
    """A step that has not begun."""
    return {"word": word, "name": name, "state": JobState.WAITING, "done": 0, "total": 0}


@internal("the acts of a job are its person's")
def asker(job: Job) -> Actor:
    """Who asked for it; nobody with any right where that person is gone."""
    return Actor(
        person_id=0 if job.arguments.get("is_portal") else job.person_id or -1,
        name=str(job.arguments.get("actor", "")),
        session=str(job.arguments.get("session", "")),
        address=str(job.arguments.get("address", "")),
    )


@internal("whoever makes a volume where none was")
def never_made(host: str, pool: str, name: str) -> None:
    """There was no volume of this name: so jobs that have ended have none to take back.

    Without it they would, as soon as they can, delete by its name what somebody else made since.
    """
    place = {"host": host, "pool": pool, "name": name}
    for job in Job.objects.filter(ended_at__isnull=False).exclude(undo=[]):
        left = [entry for entry in job.undo if entry["args"] != place]
        if left != job.undo:
            Job.objects.filter(pk=job.pk).update(undo=left)


class Work:
    """One job under way. Its function runs in a thread; another one writes its steps."""

    def __init__(self, job: Job, actor: Actor) -> None:
        self.actor = actor
        self.job_id = job.pk
        self.steps: list[Step] = job.steps
        self.lock = threading.Lock()
        self.is_cancelled = False
        self.undone: list[dict[str, Any]] = []
        """What is still to be taken back should it fail."""
        self._step: Step | None = None

    @contextmanager
    def step(self, word: str, name: str = "") -> Iterator[None]:
        """The next step: under way within the block, failed or done after it. Raises Cancelled."""
        self.check()
        step = self._next(word, name)
        try:
            yield
        except Problem as problem:
            state = JobState.CANCELLED if isinstance(problem, Cancelled) else JobState.FAILED
            self._mark(step, state=state, problem=problem.code, detail=problem.detail[:500])
            raise
        except BaseException:
            self._mark(step, state=JobState.FAILED, problem="fault")
            raise
        self._mark(step, state=JobState.DONE)

    def report(self, done: int, total: int = 0) -> None:
        """How far the step is. Raises Cancelled when somebody asked for that."""
        self.check()
        if self._step is not None:
            self._mark(self._step, done=done, total=total)

    def check(self) -> None:
        """Go on? Raises Cancelled."""
        if self.is_cancelled:
            raise Cancelled("somebody cancelled this job")

    def require(self, verb: str, ref: Ref) -> None:
        """The right for which it was asked still stands. Raises Denied, and the audit says so."""
        if not judge.can(self.actor, verb, ref):
            audit.note(self.actor, verb, ref, outcome=Denied.code)
            raise Denied(verb=verb, ref=str(ref))

    def undo(self, act: str, **args: Any) -> None:
        """Say how to take back what is about to be made; it is written when this returns."""
        if act not in UNDOES:
            raise ValueError(f"nobody undoes {act}")
        self.undone.append({"act": act, "args": args})
        Job.objects.filter(pk=self.job_id).update(undo=self.undone)

    def withdraw(self) -> None:
        """What was announced last was not made after all: it was somebody else's already."""
        self.undone.pop()
        Job.objects.filter(pk=self.job_id).update(undo=self.undone)

    def made(self, ref: Ref) -> None:
        """What came of the job: its page leads there."""
        Job.objects.filter(pk=self.job_id).update(result=str(ref))

    def _next(self, word: str, name: str) -> Step:
        found = (s for s in self.steps if s["word"] == word and s["state"] == JobState.WAITING)
        with self.lock:
            step = next(found, None)
            if step is None:
                step = waiting(word, name)
                self.steps.append(step)
            step.update(state=JobState.RUNNING, name=name or step["name"])
            self._step = step
        return step

    def _mark(self, step: Step, **changes: Any) -> None:
        with self.lock:
            step.update(changes)
