"""What the agent in a guest says: read when somebody looks, at a slow pace, never for a list.

The facts are kept in the cache for a while, one reading for all who look; a notice tells their
pages. They are the words of a guest: nothing is decided by them.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache
from django.db import connection

from kvmweb.access import judge
from kvmweb.core import topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.agent import AgentCard, AgentFacts, AgentState
from kvmweb.core.errors import Problem, WrongState
from kvmweb.core.hardware_kinds import AGENT_CHANNEL
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.core.topics import Notice
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import freezes, maintenance, power, present
from kvmweb.services.guard import guarded, internal

log = logging.getLogger(__name__)

VERB = "guest.agent"
PACE_S = 30
SILENT_PACE_S = 120
"""Whoever keeps silent is asked seldom."""
KEPT_S = 600
TURN_S = 25
_pool = ThreadPoolExecutor(8, thread_name_prefix="agents")
_ASKED = frozenset({AgentState.READING, AgentState.ANSWERING, AgentState.FROZEN, AgentState.SILENT})


@guarded("guest.view")
def card(actor: Actor, ref: Ref) -> AgentCard:
    """As far as it is known now: no question is asked. Raises NotFound."""
    guest = present.guest(ref)
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    if not judge.can(actor, VERB, ref):
        return AgentCard(ref, AgentState.NO_RIGHT)
    kept: dict[str, Any] = cache.get(_key(ref)) or {}
    frozen = freezes.of(ref)
    state = _state(guest, is_up=host is not None and host.is_up, kept=kept, is_held=bool(frozen))
    if state not in _ASKED and kept:
        cache.delete_many([_key(ref), _key(ref, "due")])  # the next run of it may say otherwise
        kept = {}
    facts = wire.from_plain(AgentFacts, kept["facts"]) if kept.get("facts") else None
    return AgentCard(
        ref=ref,
        state=state,
        facts=facts,
        read_at=datetime.fromtimestamp(kept["at"], UTC) if facts else None,
        frozen=frozen,
        offers=_offers(actor, guest, host, state),
        plug=_plug(actor, guest, host),
    )


@guarded(VERB)
def look(actor: Actor, ref: Ref) -> None:
    """Somebody looks: ask the agent again where the last answer is old. Waits for nothing."""
    if cache.get(_key(ref, "due")) is None:
        ask(ref)


@internal("an act on the guest asks for news of it")
def ask(ref: Ref) -> None:
    """Have it read soon, once for all who wish it."""
    guest = mirror.Guest.objects.filter(host=ref.host, uuid=ref.id, is_gone=False).first()
    if guest is None or not guest.record.get("is_agent_connected"):
        cache.delete_many([_key(ref), _key(ref, "due")])
        return
    if GuestState(guest.state).is_active and cache.add(_key(ref, "turn"), 1, TURN_S):
        _pool.submit(_read_beside, ref)


def _read_beside(ref: Ref) -> None:
    try:
        read(ref)
    except Exception:
        log.exception("%s: its agent could not be read", ref)
    finally:
        cache.delete(_key(ref, "turn"))
        connection.close()


@internal("runs beside, on a thread of its own")
def read(ref: Ref) -> None:
    """Ask now, keep what was said, and tell. What was known stays known while it is silent."""
    asked_at = time.time()
    known: dict[str, Any] = cache.get(_key(ref)) or {}
    try:
        said = wire.from_plain(AgentFacts, client.call(ref.host, "agent.read", uuid=ref.id))
    except Problem as problem:
        is_frozen = isinstance(problem, WrongState) and "frozen" in problem.context
        known = {**known, "state": AgentState.FROZEN if is_frozen else AgentState.SILENT}
    else:
        if said.is_frozen:
            known = {**known, "state": AgentState.FROZEN}
        else:
            freezes.is_thawed(ref, asked_at)
            known = {
                "state": AgentState.ANSWERING, "facts": wire.to_plain(said), "at": asked_at,
            }  # fmt: skip
    known["state"] = str(known["state"])
    cache.set(_key(ref), known, KEPT_S)
    is_silent = known["state"] == AgentState.SILENT
    cache.set(_key(ref, "due"), 1, SILENT_PACE_S if is_silent else PACE_S)
    publisher.publish(Notice(topics.agent(ref), str(ref)))


def _state(guest: mirror.Guest, *, is_up: bool, kept: dict[str, Any], is_held: bool) -> AgentState:
    record = guest.record
    if not is_up:
        return AgentState.AWAY
    if not record.get("has_agent_channel"):
        waiting = (it["what"] for it in record.get("pending") or () if it["field"] == "added")
        is_coming = AGENT_CHANNEL.name in waiting
        return AgentState.WAITS if is_coming else AgentState.NO_CHANNEL
    if GuestState(guest.state) not in power.RUNNING:
        return AgentState.OFF
    if not record.get("is_agent_connected"):
        return AgentState.NOT_CONNECTED
    if is_held:
        return AgentState.FROZEN
    return AgentState(kept["state"]) if kept else AgentState.READING


def _offers(
    actor: Actor, guest: mirror.Guest, host: mirror.HostMirror | None, state: AgentState
) -> tuple[Offer, ...]:
    facts = power.facts_of(guest, host, maintenance.resting())
    rows = power.AGENT.values()
    may = {row.right: judge.can(actor, row.right, guest.ref) for row in rows}
    found = []
    for row in rows:
        obstacle = power.obstacle(row, facts, may)
        if obstacle is Obstacle.NONE and (row.offer == "guest.thaw") != (
            state is AgentState.FROZEN
        ):
            is_frozen = state is AgentState.FROZEN
            obstacle = Obstacle.FROZEN if is_frozen else Obstacle.NOT_FROZEN
        found.append(Offer(row.offer, obstacle))
    return tuple(found)


def _plug(actor: Actor, guest: mirror.Guest, host: mirror.HostMirror | None) -> Obstacle:
    if not judge.can(actor, "guest.edit", guest.ref):
        return Obstacle.NO_RIGHT
    return Obstacle.NONE if host is not None and host.is_up else Obstacle.HOST_AWAY


def _key(ref: Ref, what: str = "facts") -> str:
    return f"agent-{what}-{ref.host}-{ref.id}"
