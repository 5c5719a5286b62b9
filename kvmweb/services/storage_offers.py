"""What can be done with a pool and with a volume now, and why not when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kvmweb.access import judge
from kvmweb.core import pools
from kvmweb.core.actors import Actor
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import Users
from kvmweb.services.marks import internal


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides. users: of the volume, where it is about one."""

    pool: PoolRecord
    is_host_up: bool
    users: Users = field(default_factory=Users)


Judgement = Callable[[Facts], Obstacle]


def _stopped(facts: Facts) -> Obstacle:
    return Obstacle.POOL_ACTIVE if facts.pool.is_active else Obstacle.NONE


def _active(facts: Facts) -> Obstacle:
    return Obstacle.NONE if facts.pool.is_active else Obstacle.POOL_STOPPED


def _stored(facts: Facts) -> Obstacle:
    return Obstacle.NONE if facts.pool.is_persistent else Obstacle.POOL_TRANSIENT


def _build(facts: Facts) -> Obstacle:
    if facts.pool.type not in pools.BUILDS:
        return Obstacle.POOL_FIXED
    return _stopped(facts)


def _edit(facts: Facts) -> Obstacle:
    return _stored(facts) or _stopped(facts)


def _volume(act: str) -> Judgement:
    def judgement(facts: Facts) -> Obstacle:
        if not pools.can(facts.pool.type, act):
            return Obstacle.POOL_FIXED
        return _active(facts)

    return judgement


def _unused(act: str) -> Judgement:
    def judgement(facts: Facts) -> Obstacle:
        return _volume(act)(facts) or (Obstacle.VOLUME_USED if facts.users else Obstacle.NONE)

    return judgement


def _no_memory(judgement: Judgement) -> Judgement:
    """The memory of a snapshot stays as it is, and is nobody's disk."""

    def judged(facts: Facts) -> Obstacle:
        is_memory = any(user.is_memory for user in facts.users.seen)
        return judgement(facts) or (Obstacle.VOLUME_USED if is_memory else Obstacle.NONE)

    return judged


def _still(facts: Facts) -> Obstacle:
    """Copied while somebody writes, it would be neither the one nor the other."""
    is_written = any(user.is_active and not user.is_readonly for user in facts.users.seen)
    return _volume("clone")(facts) or (Obstacle.VOLUME_RUNNING if is_written else Obstacle.NONE)


def _looked_at(facts: Facts) -> Obstacle:
    """Its bytes come as a download's; while a guest runs with it they belong to that guest."""
    is_running = any(user.is_active for user in facts.users.seen)
    return _volume("download")(facts) or (Obstacle.VOLUME_USED_NOW if is_running else Obstacle.NONE)


OF_POOL: dict[str, Judgement] = {
    "pool.start": _stopped,
    "pool.stop": _active,
    "pool.refresh": _active,
    "pool.autostart": _stored,
    "pool.edit": _edit,
    "pool.build": _build,
    "pool.delete": lambda facts: Obstacle.NONE,
    "volume.create": _volume("create"),
    "volume.upload": _volume("upload"),
}
OF_VOLUME: dict[str, Judgement] = {
    "volume.attach": _no_memory(_active),
    "volume.download": _volume("download"),
    "volume.inspect": _looked_at,
    "volume.resize": _no_memory(_volume("resize")),
    "volume.clone": _still,
    "volume.wipe": _unused("wipe"),
    "volume.delete": _unused("delete"),
}


@internal("the noun's own service carries the mark")
def of(actor: Actor, ref: Ref, facts: Facts, table: dict[str, Judgement]) -> tuple[Offer, ...]:
    """ref: of the pool. The words of this table, each possible or with its obstacle."""
    reaches = judge.reaches(actor, table)
    return tuple(
        Offer(word, _obstacle(reaches[word].covers(ref), facts, judgement))
        for word, judgement in table.items()
    )


def _obstacle(is_allowed: bool, facts: Facts, judgement: Judgement) -> Obstacle:
    if not is_allowed:
        return Obstacle.NO_RIGHT
    return judgement(facts) if facts.is_host_up else Obstacle.HOST_AWAY
