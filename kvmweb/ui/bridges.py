"""A change of a host's bridges in words: what can be done, what it means, what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core import bridges as core
from kvmweb.core.bridges import BridgesRecord, Plugged, Trial
from kvmweb.core.networks import HostInterface
from kvmweb.core.records import NetworkRecord
from kvmweb.core.refs import Ref
from kvmweb.ui.words import Text

ACTS: dict[str, Text] = {
    core.CREATE: _("Create a bridge"),
    core.ATTACH: _("Attach an interface"),
    core.DETACH: _("Detach an interface"),
    core.DELETE: _("Delete the bridge"),
}
TOOLS = {
    "ifupdown": "ifupdown",
    "nm": "NetworkManager",
    "netplan": "netplan",
    "libvirt": "libvirt",
}
_OBSTACLES: dict[str, Text] = {
    "demo": _("libvirt's test driver has no network of a host."),
    "elsewhere": _(
        "This host is another machine: who cuts it off from here could not bring it back. "
        "Follow the steps below on the host itself."
    ),
    "no-right": _(
        "The portal does not run as root on this host, so it cannot change its network. "
        "Follow the steps below."
    ),
    "no-tool": _(
        "Neither NetworkManager nor netplan nor ifupdown sets up this host's network, as far as "
        "can be seen. Follow the steps below."
    ),
    "right": _("You do not have the right “Change the network of the host itself” here."),
    "unread": _("The host has not told yet what sets its network up."),
    "away": _("The host is not connected."),
}
_PORTS: dict[str, Text] = {
    "member": _("in a bridge already"),
    "wireless": _("wireless: an access point lets no bridge in"),
    "unknown": _("its addresses were set up by something else"),
    "name": _("its name has unusual characters"),
}
_TRIALS: dict[str, tuple[str, Text]] = {
    core.SWITCHING: ("busy", _("Switching over…")),
    core.ON_TRIAL: ("warn", _("The change works now, on trial. Keep it if all is well.")),
    core.RETURNING: ("busy", _("The former state is coming back…")),
    core.KEPT: ("good", _("The change was kept.")),
    core.RETURNED: ("warn", _("Nobody kept the change: the former state is back.")),
    core.FAILED: ("bad", _("The change did not work. The former state is back.")),
}


def obstacle(found: BridgesRecord | None, *, may: bool, is_up: bool) -> Text:
    """Why nothing can be changed from here; empty: it can."""
    if found is None:
        return _OBSTACLES["unread"]
    if found.obstacle:
        return _OBSTACLES.get(found.obstacle, found.obstacle)
    if not may:
        return _OBSTACLES["right"]
    return "" if is_up else _OBSTACLES["away"]


def tools(found: BridgesRecord | None) -> str:
    """What sets the network up."""
    return ", ".join(TOOLS.get(key, key) for key in found.ways) if found else ""


def ports(found: BridgesRecord, act: str, bridge: str) -> list[tuple[str, str]]:
    """Interfaces for a select, with what stands in the way of each; only possible ones are kept."""
    if act == core.DETACH:
        own = next((it for it in found.bridges if it.name == bridge), None)
        return [(name, name) for name in (own.ports if own else ())]
    return [
        (it.name, f"{it.name} · {', '.join(it.addresses)}" if it.addresses else it.name)
        for it in found.ports
        if it.way
    ]


def impossible(found: BridgesRecord) -> list[tuple[str, Text]]:
    """Interfaces that cannot be put into a bridge, and why."""
    return [(it.name, _PORTS.get(it.obstacle, it.obstacle)) for it in found.ports if it.obstacle]


@dataclass(frozen=True, slots=True)
class Shown:
    """A trial as the page shows it. left: seconds until the former state returns."""

    trial: Trial
    tone: str
    sentence: Text
    title: Text
    left: int


def shown(trial: Trial | None, now: float) -> Shown | None:
    """The last change of this host's network."""
    if trial is None:
        return None
    tone, sentence = _TRIALS.get(trial.state, ("info", trial.state))
    title = ACTS.get(trial.act, trial.act)
    return Shown(trial, tone, sentence, title, max(0, round(trial.ends_at - now)))


def warning(act: str, bridge: str, device: str, lost: tuple[str, ...]) -> str:
    """What it means, before it is done."""
    values = {"bridge": bridge, "device": device, "lost": ", ".join(lost)}
    if lost:
        said = _now(
            "%(device)s loses its addresses %(lost)s: they do not move to %(bridge)s. Who reaches "
            "the portal by them is cut off, and the former state returns."
        )
        return said % values
    said = {
        core.CREATE: _now("%(bridge)s gets the addresses of %(device)s, if it has any."),
        core.ATTACH: _now("%(device)s becomes part of %(bridge)s."),
        core.DETACH: _now("%(device)s leaves %(bridge)s and stays without addresses."),
        core.DELETE: _now("Its first interface gets the addresses of %(bridge)s, if it has any."),
    }[act]
    return said % values


@dataclass(frozen=True, slots=True)
class Row:
    """A bridge as the list shows it. is_own: of a virtual network. obstacle: why it stays."""

    interface: HostInterface
    users: tuple[Plugged, ...]
    is_own: bool
    may_change: bool
    ports: tuple[str, ...]


def page(
    interfaces: Iterable[HostInterface],
    networks: Iterable[tuple[Ref, NetworkRecord]],
    found: BridgesRecord | None,
    users: Mapping[str, tuple[Plugged, ...]],
    *,
    may: bool,
    is_up: bool,
    now: float,
) -> dict[str, object]:
    """What the live parts of the page are made of. users: of each bridge."""
    why = obstacle(found, may=may, is_up=is_up)
    own = {record.bridge for _ref, record in networks if record.forward != "bridge"}
    known = {one.name: one for one in found.bridges} if found else {}
    trial = shown(found.trial if found else None, now)
    return {
        "obstacle": why,
        "tools": tools(found),
        "trial": trial,
        "may_settle": may,
        "is_free": not why and not (trial and trial.trial.is_open),
        "rows": [
            Row(
                one,
                users.get(one.name, ()),
                one.name in own,
                bool(known.get(one.name) and known[one.name].way),
                known[one.name].ports if one.name in known else one.members,
            )
            for one in interfaces
            if one.type == "bridge"
        ],
    }
