"""Bridges of a host: what could be changed and by what, and the change itself, on trial."""

from __future__ import annotations

import logging
from typing import Any

import libvirt

from kvmweb.core import bridges, errors, wire
from kvmweb.core.bridges import BridgesRecord, HostBridge, HostPort
from kvmweb.hypervisor import (
    bridge_ifupdown,
    bridge_libvirt,
    bridge_netplan,
    bridge_nm,
    bridge_place,
    bridge_trial,
    connections,
    interfaces,
)
from kvmweb.hypervisor.bridge_place import Place
from kvmweb.hypervisor.bridge_ways import Plan, Way, Wish

log = logging.getLogger(__name__)

_TAPS = ("vnet", "macvtap", "tap")
BACK_LEAST_S, BACK_MOST_S = 2, 600


def read(connection: libvirt.virConnect, uri: str) -> BridgesRecord:
    """What is there, and what can be done about it from here."""
    try:
        place = _place(uri)
    except errors.NotSupported as problem:
        return BridgesRecord(obstacle=problem.detail)
    trial = bridge_trial.read(place)
    ways = _held(place, _ways(connection, uri))
    if not ways:
        return BridgesRecord(obstacle="no-tool", trial=trial)
    addresses = interfaces.sight(uri).addresses()
    own = _of_libvirt(connection)
    cards = {name: _Card(place, name) for name in _names(place)}
    return BridgesRecord(
        ways=tuple(ways),
        ports=tuple(
            _port(ways, card, addresses.get(card.name, ()))
            for card in cards.values()
            if card.is_port
        ),
        bridges=tuple(
            _bridge(ways, card)
            for card in cards.values()
            if card.is_bridge and card.name not in own
        ),
        trial=trial,
    )


def plan(
    connection: libvirt.virConnect, *, uri: str, act: str, bridge: str, device: str = ""
) -> dict[str, Any]:
    """What a change would do; nothing is done. Raises as `change`."""
    place, _wish, made = _planned(connection, uri, act, bridge, device)
    return dict(wire.to_plain(made.shown(place)))


def change(
    connection: libvirt.virConnect,
    *,
    uri: str,
    act: str,
    bridge: str,
    device: str = "",
    digest: str,
    back_s: int,
) -> dict[str, Any]:
    """Begin it, on trial. digest: of the plan that the person saw; back_s: until it returns.

    Raises: Invalid, NotSupported, WrongState, Exists, Busy, Conflict when the host changed.
    """
    if not BACK_LEAST_S <= back_s <= BACK_MOST_S:
        raise errors.Invalid("not a time to wait")
    place, wish, made = _planned(connection, uri, act, bridge, device)
    if made.shown(place).digest != digest:
        raise errors.Conflict("the network of the host changed meanwhile", name=bridge)
    return dict(wire.to_plain(bridge_trial.begin(place, wish, made, back_s)))


def settle(
    connection: libvirt.virConnect,  # noqa: ARG001 - every act of a worker is given it
    *,
    uri: str,
    trial: str,
    is_kept: bool,
) -> dict[str, Any]:
    """Keep it, or have the former state back at once. Raises NotFound, WrongState, NotSupported.

    Nothing is asked of the host's tools first: a second of it may be all the time that is left.
    """
    place = _place(uri)
    return dict(wire.to_plain(bridge_trial.settle(place, trial, is_kept=is_kept)))


class _Card:
    """What the kernel says of an interface."""

    def __init__(self, place: Place, name: str) -> None:
        folder = place.path(f"/sys/class/net/{name}")
        self.name = name
        self.is_bridge = (folder / "bridge").is_dir()
        self.is_member = (folder / "brport").is_dir()
        self.is_wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
        self.members = tuple(sorted(it.name for it in folder.glob("brif/*")))
        is_ethernet = place.text(f"/sys/class/net/{name}/type").strip() == "1"
        self.is_port = is_ethernet and not self.is_bridge and not name.startswith(_TAPS)


def _names(place: Place) -> list[str]:
    try:
        return sorted(it.name for it in place.path("/sys/class/net").iterdir())
    except OSError:
        return []


Held = dict[str, set[str]]
"""Tool to the interfaces that it sets up, in the order in which tools are asked."""


def _ways(connection: libvirt.virConnect, uri: str) -> tuple[Way, ...]:
    """The first that holds an interface changes it; the first there is takes what nobody holds."""
    return (
        bridge_libvirt.Driver(uri, is_offered=interfaces.can_define(connection)),
        bridge_netplan,
        bridge_nm,
        bridge_ifupdown,
    )


def _held(place: Place, ways: tuple[Way, ...]) -> Held:
    """Of the tools that are there; one that stumbles over its own files changes nothing."""
    found: Held = {}
    for way in ways:
        try:
            if way.is_there(place):
                found[way.key] = way.held(place)
        except errors.Problem as problem:
            log.warning("%s does not say what it sets up: %s", way.key, problem)
    return found


def _port(ways: Held, card: _Card, addresses: tuple[str, ...]) -> HostPort:
    holder = next((key for key, held in ways.items() if card.name in held), "")
    obstacle = ""
    if not bridges.NAME.fullmatch(card.name):
        obstacle = "name"
    elif card.is_member:
        obstacle = "member"
    elif card.is_wireless:
        obstacle = "wireless"
    elif not holder and addresses:
        obstacle = "unknown"
    way = "" if obstacle else holder or next(iter(ways))
    return HostPort(card.name, way, obstacle, addresses)


def _bridge(ways: Held, card: _Card) -> HostBridge:
    ports = tuple(
        name for name in card.members if not name.startswith(_TAPS) and bridges.NAME.fullmatch(name)
    )
    holder = next((key for key, held in ways.items() if card.name in held), "")
    if not holder or not bridges.NAME.fullmatch(card.name):
        return HostBridge(card.name, ports, obstacle="unknown")
    return HostBridge(card.name, ports, holder)


def _of_libvirt(connection: libvirt.virConnect) -> set[str]:
    """Bridges that libvirt makes and removes itself."""
    found = set()
    for network in connection.listAllNetworks(0):
        try:
            found.add(network.bridgeName())
        except libvirt.libvirtError:
            continue  # a network without a bridge
    return found


def _place(uri: str) -> Place:
    """Where the host's own files and commands are. Raises NotSupported: an obstacle."""
    if connections.is_test(uri):
        raise errors.NotSupported("demo")
    daemon = interfaces.daemon(uri)
    if not daemon:
        raise errors.NotSupported("elsewhere")
    place = bridge_place.of(daemon)
    if not bridge_place.may_change(place):
        raise errors.NotSupported("no-right")
    return place


def _planned(
    connection: libvirt.virConnect, uri: str, act: str, bridge: str, device: str
) -> tuple[Place, Wish, Plan]:
    found = read(connection, uri)
    if found.obstacle:
        raise errors.NotSupported(found.obstacle)
    known = {it.name: it for it in found.bridges}
    port = {it.name: it for it in found.ports}.get(device)
    place = _place(uri)
    _fit(act, bridge, device, is_new=not place.path(f"/sys/class/net/{bridge}").exists())
    there = known.get(bridge)
    if act in (bridges.CREATE, bridges.ATTACH):
        if port is None or port.obstacle:
            raise errors.WrongState(f"{device} cannot be used", state="in use")
        way = port.way if act == bridges.CREATE or there is None else there.way
    else:
        way = there.way if there else ""
    if act != bridges.CREATE and (there is None or not there.way):
        raise errors.NotFound(f"no bridge {bridge} that can be changed")
    if act == bridges.DETACH and there is not None and device not in there.ports:
        raise errors.NotFound(f"{device} is not in {bridge}")
    tool = next(it for it in _ways(connection, uri) if it.key == way)
    told = interfaces.sight(uri).addresses()
    is_taken = act in (bridges.CREATE, bridges.ATTACH)
    addresses = told.get(device if is_taken else bridge, ())
    wish = Wish(act, bridge, device, there.ports if there else (), addresses)
    return place, wish, tool.plan(place, wish)


def _fit(act: str, bridge: str, device: str, *, is_new: bool) -> None:
    """Names go into scripts and files: nothing but letters, digits, dots and dashes gets there."""
    named = [bridge, *([device] if act != bridges.DELETE else [])]
    if act not in bridges.ACTS or not all(bridges.NAME.fullmatch(name) for name in named):
        raise errors.Invalid("not the name of an interface")
    if act == bridges.CREATE and not is_new:
        raise errors.Exists(name=bridge)
