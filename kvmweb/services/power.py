"""Power: what can be done with a guest now, and doing it.

One table says for every verb which right it needs, what the worker calls it, how long it may take
and what stands in its way. List, page, socket and API offer the same.
A slow act (a stuck QEMU is forced off in 11 s, a save writes all memory) answers `ASKED` after
`PATIENCE_S` and goes on; its audit entry gets its outcome when it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, linked, maintenance, power_line, present
from kvmweb.services.guard import guarded, open_to_all
from kvmweb.services.power_line import Outcome

OFF = frozenset({GuestState.SHUT_OFF, GuestState.NO_STATE})
RUNNING = frozenset({GuestState.RUNNING, GuestState.BLOCKED})


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about offers, of one guest."""

    state: GuestState
    is_answering: bool = True
    is_persistent: bool = True
    has_saved_state: bool = False
    has_snapshots: bool = False
    is_template: bool = False
    is_agent_connected: bool = False
    is_host_up: bool = True
    is_host_resting: bool = False
    """In maintenance."""
    unsupported: frozenset[str] = frozenset()
    """Worker verbs that this host was seen not to have."""


Judgement = Callable[[Facts], Obstacle]


def _in_the_way(facts: Facts) -> Obstacle:
    """Why an act that needs a running, answering guest is not possible."""
    if facts.state in OFF:
        return Obstacle.NOT_RUNNING
    blocking = {
        GuestState.PAUSED: Obstacle.PAUSED,
        GuestState.SHUTTING_DOWN: Obstacle.SHUTTING_DOWN,
        GuestState.SUSPENDED: Obstacle.SUSPENDED,
        GuestState.CRASHED: Obstacle.CRASHED,
    }
    if facts.state in blocking:
        return blocking[facts.state]
    return Obstacle.NONE if facts.is_answering else Obstacle.NOT_ANSWERING


def _to_start(facts: Facts) -> Obstacle:
    if facts.state in OFF:
        return Obstacle.TEMPLATE if facts.is_template else Obstacle.NONE
    kept = {GuestState.PAUSED: Obstacle.PAUSED, GuestState.CRASHED: Obstacle.CRASHED}
    return kept.get(facts.state, Obstacle.RUNNING)


def _to_restore(facts: Facts) -> Obstacle:
    found = _to_start(facts)
    if found is Obstacle.NONE and not facts.has_saved_state:
        return Obstacle.NO_SAVED_STATE
    return found


def _to_use_agent(facts: Facts) -> Obstacle:
    found = _in_the_way(facts)
    if found is Obstacle.NONE and not facts.is_agent_connected:
        return Obstacle.NO_AGENT
    return found


def _to_reset(facts: Facts) -> Obstacle:
    """A paused or crashed guest can be reset too: its process is there."""
    if facts.state in OFF:
        return Obstacle.NOT_RUNNING
    if facts.state is GuestState.SUSPENDED:
        return Obstacle.SUSPENDED
    return Obstacle.NONE if facts.is_answering else Obstacle.NOT_ANSWERING


def _to_destroy(facts: Facts) -> Obstacle:
    """Whatever has a process can be forced off: the one act that needs no answer of QEMU."""
    return Obstacle.NOT_RUNNING if facts.state in OFF else Obstacle.NONE


def _to_resume(facts: Facts) -> Obstacle:
    """From a pause, and out of the sleep that a guest put itself into."""
    if facts.state in (GuestState.PAUSED, GuestState.SUSPENDED):
        return Obstacle.NONE if facts.is_answering else Obstacle.NOT_ANSWERING
    return Obstacle.NOT_RUNNING if facts.state in OFF else Obstacle.NOT_PAUSED


def _to_save(facts: Facts) -> Obstacle:
    if not facts.is_persistent:
        return Obstacle.TRANSIENT
    found = _in_the_way(facts)
    return Obstacle.NONE if found is Obstacle.PAUSED and facts.is_answering else found


def _to_discard(facts: Facts) -> Obstacle:
    if facts.has_saved_state:
        return Obstacle.NONE
    return Obstacle.NO_SAVED_STATE if facts.state in OFF else Obstacle.RUNNING


def _to_keep(facts: Facts) -> Obstacle:
    """Settings that live in the stored definition."""
    return Obstacle.NONE if facts.is_persistent else Obstacle.TRANSIENT


def _to_switch(facts: Facts) -> Obstacle:
    """Whether it starts with the host."""
    return Obstacle.TEMPLATE if facts.is_template else _to_keep(facts)


def _to_template(facts: Facts) -> Obstacle:
    """Its disks are at rest, and stay so."""
    if facts.is_template:
        return Obstacle.TEMPLATE
    return Obstacle.SAVED_STATE if facts.has_saved_state else _to_rest(facts)


def _from_template(facts: Facts) -> Obstacle:
    return Obstacle.NONE if facts.is_template else Obstacle.NO_TEMPLATE


def _to_snapshot(facts: Facts) -> Obstacle:
    """Whether at all; what its disks allow is said in the question."""
    if facts.is_template:
        return Obstacle.TEMPLATE
    if not facts.is_persistent:
        return Obstacle.TRANSIENT
    return Obstacle.NONE if facts.is_answering else Obstacle.NOT_ANSWERING


def _to_clone(facts: Facts) -> Obstacle:
    """Off, or with a QEMU that answers, which copies the disks as they are at one moment."""
    if facts.state in RUNNING or facts.state is GuestState.PAUSED:
        if not facts.is_persistent:
            return Obstacle.TRANSIENT
        return Obstacle.NONE if facts.is_answering else Obstacle.NOT_ANSWERING
    return _to_rest(facts)


def _to_rest(facts: Facts) -> Obstacle:
    """Its disks are at rest only while it is off."""
    if not facts.is_persistent:
        return Obstacle.TRANSIENT
    return Obstacle.NONE if facts.state in OFF else Obstacle.NOT_OFF


def _to_rename(facts: Facts) -> Obstacle:
    """libvirt refuses a saved state (9.0); it takes snapshots, whose definitions keep the old name
    and would bring it back by a revert."""
    found = _to_rest(facts)
    if found is not Obstacle.NONE:
        return found
    if facts.has_saved_state:
        return Obstacle.SAVED_STATE
    return Obstacle.SNAPSHOTS if facts.has_snapshots else Obstacle.NONE


def _always(_facts: Facts) -> Obstacle:
    return Obstacle.NONE


@dataclass(frozen=True, slots=True)
class Power:
    """One verb. offer: the word of its control. right: what the guard judges.

    limit_s: how long the worker may take at all; the person waits `PATIENCE_S` at most.
    """

    offer: str
    right: str
    worker: str
    judge: Judgement
    limit_s: float = 40.0

    @property
    def is_start(self) -> bool:
        """Whether a guest comes to run by it that did not."""
        return self.worker == "guest.start"


TABLE: dict[str, Power] = {
    power.offer: power
    for power in (
        Power("guest.start", "guest.start", "guest.start", _to_start, 120.0),
        Power("guest.start_paused", "guest.start", "guest.start", _to_start, 120.0),
        Power("guest.restore", "guest.start", "guest.start", _to_restore, 600.0),
        Power("guest.start_fresh", "guest.discard", "guest.start", _to_restore, 120.0),
        Power("guest.shutdown", "guest.shutdown", "guest.shutdown", _in_the_way),
        Power("guest.shutdown_acpi", "guest.shutdown", "guest.shutdown", _in_the_way),
        Power("guest.shutdown_agent", "guest.shutdown", "guest.shutdown", _to_use_agent),
        Power("guest.reboot", "guest.reboot", "guest.reboot", _in_the_way),
        Power("guest.reboot_agent", "guest.reboot", "guest.reboot", _to_use_agent),
        Power("guest.suspend", "guest.suspend", "guest.suspend", _in_the_way),
        Power("guest.resume", "guest.resume", "guest.resume", _to_resume),
        Power("guest.save", "guest.save", "guest.save", _to_save, 1800.0),
        Power("guest.discard", "guest.discard", "guest.discard_saved", _to_discard),
        Power("guest.reset", "guest.reset", "guest.reset", _to_reset),
        Power("guest.nmi", "guest.nmi", "guest.nmi", _in_the_way),
        Power("guest.destroy", "guest.destroy", "guest.destroy", _to_destroy, 60.0),
        Power("guest.autostart", "guest.autostart", "guest.autostart", _to_switch),
        Power("guest.describe", "guest.describe", "guest.describe", _always),
        Power("guest.resize", "guest.edit", "guest.resize", _to_keep),
        Power("guest.snapshot", "guest.snapshot", "guest.snapshot", _to_snapshot, 1800.0),
        Power("guest.clone", "guest.clone", "guest.clone", _to_clone),
        Power("guest.template", "guest.template", "guest.template", _to_template),
        Power("guest.untemplate", "guest.template", "guest.template", _from_template),
        Power("guest.rename", "guest.rename", "guest.rename", _to_rename),
        Power("guest.delete", "guest.delete", "guest.delete", _to_keep),
    )
}
AGENT: dict[str, Power] = {
    power.offer: power
    for power in (
        Power("guest.password", "guest.password", "agent.password", _to_use_agent),
        Power("guest.keys", "guest.keys", "agent.change_keys", _to_use_agent),
        Power("guest.trim", "guest.trim", "agent.trim", _to_use_agent, 320.0),
        Power("guest.time", "guest.time", "agent.time", _to_use_agent),
        Power("guest.freeze", "guest.freeze", "agent.freeze", _to_use_agent),
        Power("guest.thaw", "guest.thaw", "agent.thaw", _to_use_agent),
    )
}
"""What the agent is asked for: offered on its card, not in the menus of lists."""
POSITIONS = {"guest.autostart_on": "guest.autostart", "guest.autostart_off": "guest.autostart"}
"""Presses that are two positions of one offer."""
RIGHTS = tuple(dict.fromkeys(power.right for power in TABLE.values()))
Offerer = Callable[[mirror.Guest, mirror.HostMirror | None], tuple[Offer, ...]]


@open_to_all("says what the judge would say of a guest that the caller was shown already")
def offerer(actor: Actor) -> Offerer:
    """`offers` for many guests with one look at the actor's rights."""
    reaches = judge.reaches(actor, RIGHTS)
    resting = maintenance.resting()

    def offered(guest: mirror.Guest, host: mirror.HostMirror | None) -> tuple[Offer, ...]:
        facts, ref = facts_of(guest, host, resting), guest.ref
        may = {right: reach.covers(ref) for right, reach in reaches.items()}
        return tuple(Offer(power.offer, obstacle(power, facts, may)) for power in TABLE.values())

    return offered


@open_to_all("says what the judge would say of a guest that the caller was shown already")
def offers(actor: Actor, guest: mirror.Guest, host: mirror.HostMirror | None) -> tuple[Offer, ...]:
    """Every power verb in the order of menus, with what stands in its way for this actor."""
    return offerer(actor)(guest, host)


@open_to_all("a pure function")
def facts_of(
    guest: mirror.Guest, host: mirror.HostMirror | None, resting: Collection[str] = ()
) -> Facts:
    """What the mirror knows that decides about offers. resting: hosts in maintenance."""
    record = guest.record
    probes: dict[str, bool] = (host.record.get("capabilities") or {}) if host else {}
    return Facts(
        state=GuestState(guest.state),
        is_answering=guest.is_answering,
        is_persistent=bool(record.get("is_persistent", True)),
        has_saved_state=bool(record.get("has_saved_state")),
        has_snapshots=bool(record.get("snapshots")),
        is_template=bool(record.get("template")),
        is_agent_connected=bool(record.get("is_agent_connected")),
        is_host_up=host is not None and host.is_up,
        is_host_resting=guest.host in resting,
        unsupported=frozenset(verb for verb, has in probes.items() if not has),
    )


@open_to_all("a pure function")
def obstacle(power: Power, facts: Facts, may: dict[str, bool]) -> Obstacle:
    """The first thing that stands in the way: rights, then the host, then the guest."""
    is_allowed = may[power.right] and (
        power.offer != "guest.start_fresh" or may.get("guest.start", False)
    )
    if not is_allowed:
        return Obstacle.NO_RIGHT
    if not facts.is_host_up:
        return Obstacle.HOST_AWAY
    if power.worker in facts.unsupported:
        return Obstacle.NOT_SUPPORTED
    found = power.judge(facts)
    if found is Obstacle.NONE and power.is_start and facts.is_host_resting:
        return Obstacle.MAINTENANCE
    return found


@open_to_all("a pure function")
def of(word: str) -> str:
    """The offer that a press of this word takes up."""
    return POSITIONS.get(word, word)


@guarded("guest.start")
def start(actor: Actor, ref: Ref, *, paused: bool = False, reset_saved: bool = False) -> Outcome:
    """Power on, or go on from a saved state. reset_saved: throw that state away first.

    Raises: Denied (reset_saved needs guest.discard as well), Invalid (a linked clone builds on it),
    HostDown, and what libvirt says.
    """
    if reset_saved and not judge.can(actor, "guest.discard", ref):
        raise Denied(verb="guest.discard", ref=str(ref))
    linked.require_apart(actor, ref)
    word = "guest.start_fresh" if reset_saved else "guest.start"
    return _do(ref, word, paused=paused, reset_saved=reset_saved)


@guarded("guest.shutdown")
def shutdown(actor: Actor, ref: Ref, *, mode: str = "") -> Outcome:
    """Ask the guest to shut down. mode: acpi, agent, or empty for libvirt's choice."""
    return _do(ref, "guest.shutdown", mode=mode)


@guarded("guest.reboot")
def reboot(actor: Actor, ref: Ref, *, mode: str = "") -> Outcome:
    """Ask the guest to reboot. mode: as for `shutdown`."""
    return _do(ref, "guest.reboot", mode=mode)


@guarded("guest.reset")
def reset(actor: Actor, ref: Ref) -> Outcome:
    """As the reset button: no warning to the guest."""
    return _do(ref, "guest.reset")


@guarded("guest.destroy")
def destroy(actor: Actor, ref: Ref) -> Outcome:
    """Force off: as pulling the plug."""
    return _do(ref, "guest.destroy")


@guarded("guest.suspend")
def suspend(actor: Actor, ref: Ref) -> Outcome:
    """Stop the virtual CPUs; memory stays."""
    return _do(ref, "guest.suspend")


@guarded("guest.resume")
def resume(actor: Actor, ref: Ref) -> Outcome:
    """Let the virtual CPUs run on."""
    return _do(ref, "guest.resume")


@guarded("guest.save")
def save(actor: Actor, ref: Ref, *, paused: bool = False) -> Outcome:
    """Write memory to the host's disk and power off. paused: it will come back paused."""
    return _do(ref, "guest.save", paused=paused)


@guarded("guest.discard")
def discard(actor: Actor, ref: Ref) -> Outcome:
    """Throw the saved state away: the next start boots."""
    return _do(ref, "guest.discard")


@guarded("guest.nmi")
def nmi(actor: Actor, ref: Ref) -> Outcome:
    """Send a non-maskable interrupt."""
    return _do(ref, "guest.nmi")


@guarded("guest.autostart")
def autostart(actor: Actor, ref: Ref, *, enabled: bool) -> Outcome:
    """Whether the host starts the guest when it boots."""
    return _do(ref, "guest.autostart", enabled=enabled)


def _do(ref: Ref, word: str, **arguments: Any) -> Outcome:
    """Raises NotFound for a guest that the mirror has not, HostDown at once for a host away, and
    Maintenance before a guest would start where none may.
    """
    present.reachable(ref)
    power = TABLE[word]
    if power.is_start:
        maintenance.require_open(ref.host)
    audit.running().detail.update(arguments)
    return power_line.carry_out(ref, power.worker, power.limit_s, arguments)
