"""Asking the agent inside a guest, which may be slow, silent or hostile.

Measured (libvirt 9.0): without a time limit of its own, a command waits for ever for an agent that
answers the greeting and then nothing. So every question here sets one; at most one is asked of a
guest at a time, so that a guest never holds more than one line. While file systems are frozen the
agent refuses everything but a thaw.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

import libvirt

from kvmweb.core import agent as core
from kvmweb.core import errors, plain
from kvmweb.hypervisor import actions, faults

ANSWER_S = 3
BUDGET_S = 8.0
"""For all questions of one reading."""
TURN_S = 8.0
"""How long the question before may keep one waiting."""
LEFT_S = 60
"""The limit that is left behind for others, such as virsh, who set none."""
DETAIL_MAX = 300
_FROZEN = "frozen state"
_REFUSED = re.compile(r"unable to execute QEMU agent command '[a-z-]+': (.*)")
_QUESTIONS = (
    ("system", "VIR_DOMAIN_GUEST_INFO_OS"),
    ("hostname", "VIR_DOMAIN_GUEST_INFO_HOSTNAME"),
    ("timezone", "VIR_DOMAIN_GUEST_INFO_TIMEZONE"),
    ("file_systems", "VIR_DOMAIN_GUEST_INFO_FILESYSTEM"),
    ("users", "VIR_DOMAIN_GUEST_INFO_USERS"),
    ("links", "VIR_DOMAIN_GUEST_INFO_INTERFACES"),
)
_guard = threading.Lock()
_turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()


class _Turn:
    """One guest's. A class, for a bare lock cannot be referred to weakly."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


@contextlib.contextmanager
def asking(
    connection: libvirt.virConnect, uuid: str, answer_s: int = ANSWER_S
) -> Iterator[libvirt.virDomain]:
    """The guest, whose agent has so long for each answer.

    Raises: AgentSilent, WrongState with `frozen`, Busy behind another question, NotFound.
    """
    domain = actions.find(connection, uuid)
    with _guard:
        turn = _turns.setdefault(uuid, _Turn())
    if not turn.lock.acquire(timeout=TURN_S):
        raise errors.Busy("another question to the agent is not answered yet")
    try:
        _limit(domain, answer_s)
        yield domain
    except libvirt.libvirtError as error:
        raise told(error) from error
    finally:
        try:
            _limit(domain, LEFT_S)
        finally:
            turn.lock.release()


def told(error: libvirt.libvirtError) -> errors.Problem:
    """The problem, cut to size: a guest may put anything in its words.

    Invalid with `refused`: the agent did not do it, and said so. WrongState with `frozen`.
    """
    found = faults.problem(error)
    found.detail = plain.line(found.detail, DETAIL_MAX)
    if _FROZEN in found.detail:
        return errors.WrongState(found.detail, frozen="yes")
    refused = _REFUSED.search(found.detail)
    return errors.Invalid(found.detail, refused=refused[1]) if refused else found


def read(connection: libvirt.virConnect, uuid: str) -> core.AgentFacts:
    """Everything that the card shows, as far as the agent answers within the budget.

    Raises: AgentSilent where it answers nothing, Busy, WrongState, NotFound, HostDown.
    """
    reading = _Reading(time.monotonic() + BUDGET_S)
    with asking(connection, uuid) as domain:
        for name, kind in _QUESTIONS:
            reading.ask(domain, name, kind)
        clock = None if reading.is_over else _clock_off(domain)
    if not (reading.answers or reading.is_frozen) and clock is None:
        raise errors.AgentSilent("it answers nothing that it is asked")
    facts = core.without(core.read(reading.answers), reading.missing, is_frozen=reading.is_frozen)
    return replace(facts, clock_off_s=clock)


@dataclass(slots=True)
class _Reading:
    """until: the monotonic time after which nothing more is asked."""

    until: float
    answers: dict[str, object] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    is_frozen: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_frozen or time.monotonic() >= self.until

    def ask(self, domain: libvirt.virDomain, name: str, kind: str) -> None:
        """One question. Raises: HostDown, NotFound."""
        if self.is_over or not hasattr(libvirt, kind):
            self.missing.append(name)
            return
        began, said = time.monotonic(), dict[str, object]()
        try:
            said = dict(domain.guestInfo(getattr(libvirt, kind), 0))
        except libvirt.libvirtError as error:
            found = told(error)
            if isinstance(found, errors.HostDown | errors.NotFound):
                raise found from error
            self.missing.append(name)
            self.is_frozen = "frozen" in found.context
            if isinstance(found, errors.AgentSilent):
                self.until = 0.0
        # libvirt takes a silent agent for one that knows nothing of its system.
        if not said and time.monotonic() - began >= ANSWER_S:
            self.until = 0.0
        self.answers |= said


def _clock_off(domain: libvirt.virDomain) -> float | None:
    began = time.time()
    try:
        said = domain.getTime(0)
    except libvirt.libvirtError:
        return None
    guest = float(said.get("seconds", 0)) + float(said.get("nseconds", 0)) / 1e9
    off = guest - (began + time.time()) / 2
    return off if abs(off) < 10 * 365 * 86_400 * 10 else None


def _limit(domain: libvirt.virDomain, seconds: int) -> None:
    try:
        domain.agentSetResponseTimeout(seconds, 0)
    except libvirt.libvirtError as error:
        # A guest that stopped meanwhile, or a libvirt before 5.10, which knows no such limit.
        if faults.is_lost(error):
            raise told(error) from error
