"""Bridges of a host: what can be done about them from here, doing it on trial, and keeping it.

The network of the host itself changes, over which people reach the portal: nothing lasts that
nobody confirmed afterwards (ADR 0013).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import bridges, refs, wire
from kvmweb.core.actors import PORTAL, Actor
from kvmweb.core.bridges import BridgePlan, BridgesRecord, Plugged, Trial
from kvmweb.core.errors import Busy, Fault, HostDown, Invalid, NotFound
from kvmweb.core.hosts import Part
from kvmweb.core.records import HostState, NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, networks, parts, topology
from kvmweb.services.guard import guarded, internal, open_to_all, sifted
from kvmweb.services.topology import Topology
from kvmweb.store.models import AuditEntry

RETURN = "network-return"


@dataclass(frozen=True, slots=True)
class Workbench:
    """A host's wiring, what its worker found of its bridges, and whether the reader may change it.

    found: None until the worker has said it. users: of each bridge.
    """

    wiring: Topology
    found: BridgesRecord | None
    may: bool
    users: dict[str, tuple[Plugged, ...]]

    @property
    def is_up(self) -> bool:
        """What is known of the host is current."""
        return bool(self.wiring.host and self.wiring.host.is_up)


@sifted("network.view")
def show(actor: Actor, *, host: str = "") -> Workbench:
    """Of this host, or of the first one that the actor sees any network of."""
    wiring = topology.show(actor, host=host)
    if wiring.host is None:
        return Workbench(wiring, None, may=False, users={})
    key = wiring.host.ref.host
    found = parts.read(key, Part.BRIDGES, BridgesRecord)
    names = [it.name for it in wiring.interfaces if it.type == "bridge"]
    return Workbench(
        wiring,
        found.record if found else None,
        may=judge.can(actor, "host.network", refs.host(key)),
        users={name: _users(actor, key, name) for name in names},
    )


@guarded("host.network", is_audited=False)
def plan(actor: Actor, ref: Ref, act: str, *, bridge: str, device: str = "") -> BridgePlan:
    """What a change would do to the host; nothing is done. Raises as `change`."""
    _fit(actor, ref, act, bridge, device)
    answer = _call(ref, "host.network_plan", act=act, bridge=bridge, device=device)
    return wire.from_plain(BridgePlan, answer)


@guarded("host.network")
def change(
    actor: Actor, ref: Ref, act: str, *, bridge: str, device: str = "", digest: str
) -> Trial:
    """Begin it: it is on trial until it is kept, or returns by itself. digest: of its plan.

    Raises: Invalid (fields), Busy while it is used or another change is open, Conflict when the
    host changed since the plan, NotFound, Exists, WrongState, NotSupported, HostDown.
    """
    audit.running().detail.update(act=f"bridge-{act}", bridge=bridge, interface=device)
    _fit(actor, ref, act, bridge, device)
    answer = _call(
        ref, "host.network", act=act, bridge=bridge, device=device, digest=digest, back_s=back_s()
    )
    return wire.from_plain(Trial, answer)


@guarded("host.network")
def settle(actor: Actor, ref: Ref, *, trial: str, is_kept: bool) -> Trial:
    """Keep what is on trial, or have the former state back now. Raises NotFound, WrongState."""
    audit.running().detail.update(act="network-keep" if is_kept else RETURN)
    return wire.from_plain(Trial, _call(ref, "host.network_settle", trial=trial, is_kept=is_kept))


@internal("the clock runs it")
def sweep() -> None:
    """Write down what came of a change by itself: nobody kept it, or it failed."""
    for key in mirror.HostPart.objects.filter(part=Part.BRIDGES).values_list("host", flat=True):
        found, ref = parts.read(key, Part.BRIDGES, BridgesRecord), refs.host(key)
        trial = found.record.trial if found else None
        if trial is None or trial.state not in (bridges.RETURNED, bridges.FAILED):
            continue
        known = AuditEntry.objects.filter(
            verb="host.network", ref=str(ref), at__gte=_began(trial), detail__act=RETURN
        )
        if not known.exists():
            outcome = "ok" if trial.state == bridges.RETURNED else Fault.code
            told = {"bridge": trial.bridge, "interface": trial.device}
            audit.note(PORTAL, "host.network", ref, outcome=outcome, act=RETURN, **told)


@guarded("host.network", is_audited=False)
def look(actor: Actor, ref: Ref) -> None:
    """Have the worker look again; what it finds comes as a notice. Raises HostDown."""
    _call(ref, "host.bridges")


@open_to_all("a setting of the portal, no secret")
def back_s() -> int:
    """Seconds until a change that nobody keeps is taken back."""
    return int(settings.KVMWEB_NETWORK_BACK_S)


def _began(trial: Trial) -> dt.datetime:
    """Its identity begins with the moment that it was made at, in nanoseconds."""
    return dt.datetime.fromtimestamp(int(trial.id.partition("-")[0]) / 1e9, dt.UTC)


def _fit(actor: Actor, ref: Ref, act: str, bridge: str, device: str) -> None:
    """What can be told without asking the host. Raises Invalid (fields), Busy, NotFound."""
    if act not in bridges.ACTS:
        raise NotFound(ref=str(ref))
    wrong = {}
    said = _("At most 15 letters, digits, dots and dashes; a letter first.")
    if not bridges.NAME.fullmatch(bridge):
        wrong["bridge"] = said
    elif act == bridges.CREATE and bridge in _names(ref.host):
        wrong["bridge"] = _("There is an interface of this name already.")
    if act != bridges.DELETE and not bridges.NAME.fullmatch(device):
        wrong["device"] = _("Choose an interface of the host.")
    if wrong:
        raise Invalid(fields=wrong)
    if act == bridges.DELETE and (users := _users(actor, ref.host, bridge)):
        raise Busy(bridge, users=", ".join(it.name for it in users[:5]))


def _names(host: str) -> set[str]:
    rows = mirror.Interface.objects.filter(host=host, is_gone=False)
    return set(rows.values_list("name", flat=True))


def _users(actor: Actor, host: str, bridge: str) -> tuple[Plugged, ...]:
    """Guests whose interface is plugged in, and networks that lead there."""
    plugged = {
        it.ref: it.name
        for it in networks.cards(host)
        if it.card.type == "bridge" and it.card.source == bridge
    }
    rows = mirror.Network.objects.filter(host=host, is_gone=False, record__bridge=bridge)
    for row in rows:
        if wire.from_plain(NetworkRecord, row.record).forward == "bridge":
            plugged[row.ref] = row.name
    hidden = Plugged(None, _("something that you do not see"))
    return tuple(
        Plugged(ref, name) if judge.can_see(actor, ref) else hidden for ref, name in plugged.items()
    )


def _call(ref: Ref, verb: str, **arguments: Any) -> dict[str, Any]:
    """Raises HostDown at once for a host away, and the worker's problems."""
    state = mirror.HostMirror.objects.filter(host=ref.host).values_list("state", flat=True).first()
    if state != HostState.UP:
        raise HostDown(host=ref.host)
    return dict(client.call(ref.host, verb, deadline_s=20.0, **arguments) or {})
