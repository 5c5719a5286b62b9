"""Carry one act to the worker: wait a little, and see a slow one through to its end.

An act that outlasts the person's patience goes on in its thread, which then closes the audit entry
and publishes a notice, so that pages learn of a late failure too. At most `AT_ONCE` acts of one
host are under way from one process: a frozen host cannot use up the threads.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from enum import StrEnum
from typing import Any

from django.db import connection

from kvmweb.core import topics
from kvmweb.core.errors import Busy, Fault, HostDown, Problem
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import Notice
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.services import audit
from kvmweb.services.marks import internal

log = logging.getLogger(__name__)

PATIENCE_S = 3.5
AT_ONCE = 8
WITHOUT_EVENT = frozenset({"guest.shutdown", "guest.reboot", "guest.reset", "guest.nmi"})
"""What libvirt answers before the guest does anything, or never tells of."""
_rooms: defaultdict[str, threading.BoundedSemaphore] = defaultdict(
    lambda: threading.BoundedSemaphore(AT_ONCE)
)


class Outcome(StrEnum):
    """How far an act came. UNCHANGED: it was so already. ASKED: it is still under way."""

    DONE = "done"
    UNCHANGED = "unchanged"
    ASKED = "asked"


@internal("the guarded functions of power and descriptions call it")
def carry_out(ref: Ref, verb: str, limit_s: float, arguments: dict[str, Any]) -> Outcome:
    """Inside a guarded service: do it to this guest or pool and name the outcome in the audit.

    Raises: Busy when too much is under way on this host, HostDown, and the worker's problems.
    """
    try:
        outcome = _carry_out(ref, verb, limit_s, arguments)
    except Problem:
        _tell(ref)
        raise
    if outcome is not Outcome.DONE or verb in WITHOUT_EVENT:
        _tell(ref)
    return outcome


def _carry_out(ref: Ref, verb: str, limit_s: float, arguments: dict[str, Any]) -> Outcome:
    act = audit.running()
    room = _rooms[ref.host]
    if not room.acquire(blocking=False):
        raise Busy(host=ref.host)
    future: Future[Any] = Future()
    errand = _Errand(ref, verb, limit_s, arguments, act, future, room)
    threading.Thread(target=errand.run, name=f"power-{ref.host}", daemon=True).start()
    try:
        answer = future.result(timeout=PATIENCE_S)
    except TooLate:
        return errand.leave()
    if is_unchanged(answer):
        act.outcome = Outcome.UNCHANGED
        return Outcome.UNCHANGED
    return Outcome.DONE


def _tell(ref: Ref) -> None:
    """Have every page look again: no event of the guest's own will make it."""
    listed = {Kind.POOL: topics.POOLS, Kind.NETWORK: topics.NETWORKS}.get(ref.kind, topics.GUESTS)
    publisher.publish(Notice(topics.of(ref), str(ref)), Notice(listed, str(ref)))


@internal("a pure function")
def is_unchanged(answer: object) -> bool:
    """Whether the worker says that it was so already."""
    return isinstance(answer, dict) and answer.get("changed") is False


class _Errand:
    """One call in a thread of its own, and who closes its audit entry."""

    def __init__(
        self,
        ref: Ref,
        verb: str,
        limit_s: float,
        arguments: dict[str, Any],
        act: audit.Act,
        future: Future[Any],
        room: threading.BoundedSemaphore,
    ) -> None:
        self.ref, self.verb, self.limit_s, self.arguments = ref, verb, limit_s, arguments
        self.act, self.future, self.room = act, future, room
        self._lock = threading.Lock()
        self._is_over = False

    def run(self) -> None:
        """On the errand's thread: call, then close the entry if nobody waits any more."""
        problem: Problem | None = None
        answer: Any = None
        try:
            answer = client.call(
                self.ref.host,
                self.verb,
                deadline_s=self.limit_s,
                uuid=self.ref.id,
                **self.arguments,
            )
        except Problem as found:
            problem = found
        except Exception as found:
            log.exception("%s on %s failed", self.verb, self.ref)
            problem = Fault(str(found))
        finally:
            self.room.release()
        with self._lock:
            self._is_over = True
            is_left = self.act.is_kept
        if is_left:
            self._close(answer, problem)
        elif problem:
            self.future.set_exception(problem)
        else:
            self.future.set_result(answer)

    def leave(self) -> Outcome:
        """The person waits no longer. Raises what the act raised in this very moment."""
        with self._lock:
            self.act.is_kept = not self._is_over
        if self.act.is_kept:
            self._see_that_the_worker_lives()
            return Outcome.ASKED
        answer = self.future.result(timeout=1)
        return Outcome.UNCHANGED if is_unchanged(answer) else Outcome.DONE

    def _see_that_the_worker_lives(self) -> None:
        """An act under way on a worker that answers is slow; on one that does not, it is lost."""
        try:
            client.call(self.ref.host, "host.ping", deadline_s=0.5)
        except HostDown:
            with self._lock:
                if self._is_over:
                    return
                self.act.is_kept = False
            raise

    def _close(self, answer: Any, problem: Problem | None) -> None:
        try:
            if problem:
                detail = {**self.act.detail, "problem": problem.detail[:500]}
                audit.end(self.act.entry, problem.code, **detail)
            else:
                outcome = Outcome.UNCHANGED if is_unchanged(answer) else "ok"
                audit.end(self.act.entry, outcome, **self.act.detail)
            _tell(self.ref)
        finally:
            connection.close()
