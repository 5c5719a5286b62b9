"""What can be done with a virtual network: start, stop, define, edit, reserve, re-attach.

libvirt has no event for autostart, updates and ports: whoever acts reads the network afterwards.
"""

from __future__ import annotations

import contextlib
import uuid as uuids
from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.networks import DnsText, NetworkSpec
from kvmweb.definitions import elements, network_edits, network_updates, nwfilters
from kvmweb.definitions import networks as xml
from kvmweb.definitions.network_updates import Update
from kvmweb.hypervisor import faults, networks
from kvmweb.hypervisor.actions import find

_COMMANDS = {
    "add": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
    "delete": libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
    "modify": libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY,
}
_SECTIONS = {
    "ip-dhcp-host": libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
    "ip-dhcp-range": libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
    "dns-host": libvirt.VIR_NETWORK_SECTION_DNS_HOST,
    "dns-txt": libvirt.VIR_NETWORK_SECTION_DNS_TXT,
    "dns-srv": libvirt.VIR_NETWORK_SECTION_DNS_SRV,
    "portgroup": libvirt.VIR_NETWORK_SECTION_PORTGROUP,
}
_NUDGE = DnsText("kvmweb-restart", "now")
"""A TXT record that comes and goes: libvirt starts a new dnsmasq for it, guests stay plugged in."""


def start(connection: libvirt.virConnect, uuid: str) -> bool:
    """Start it. False when it was active already."""
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        if network.isActive():
            return False
        network.create()
        return True


def stop(connection: libvirt.virConnect, uuid: str) -> bool:
    """Stop it: every guest on it loses its link. False when it was inactive already."""
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        if not network.isActive():
            return False
        network.destroy()
        return True


def autostart(connection: libvirt.virConnect, uuid: str, *, enabled: bool) -> bool:
    """Start with the host, or not."""
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        if bool(network.autostart()) == enabled:
            return False
        network.setAutostart(int(enabled))
        return True


def delete(connection: libvirt.virConnect, uuid: str) -> None:
    """Stop it and forget its definition."""
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        is_persistent = network.isPersistent()
        if network.isActive():
            network.destroy()
        if is_persistent:
            network.undefine()


def define(
    connection: libvirt.virConnect, *, spec: dict[str, Any], start: bool, autostart: bool
) -> dict[str, str]:
    """A new network. When it cannot be started as asked, nothing of it stays.

    Raises: Exists, Invalid, and what libvirt says.
    """
    wanted = wire.from_plain(NetworkSpec, spec)
    with faults.translated():
        network = _define(connection, network_edits.build(wanted))
        try:
            if start:
                network.create()
            if autostart:
                network.setAutostart(1)
        except libvirt.libvirtError:
            with contextlib.suppress(libvirt.libvirtError):
                network.undefine()
            raise
        return {"uuid": network.UUIDString()}


def edit(
    connection: libvirt.virConnect, uuid: str, *, spec: dict[str, Any], definition_hash: str
) -> dict[str, bool]:
    """Write the definition, and change at once what can be changed while it runs.

    Answers `{"live": some of it works already, "pending": some waits for the next start}`.
    Raises: Conflict when the definition is no longer the one that the person saw.
    """
    wanted = wire.from_plain(NetworkSpec, spec)
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        stored = _seen(network, definition_hash)
        fresh = network_edits.edit(stored, wanted)
        _define(connection, fresh)
        if not network.isActive():
            return {"live": False, "pending": False}
        steps = network_updates.steps(xml.parse(network.XMLDesc(0)).spec, wanted)
        _update(network, steps, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
        is_same = xml.is_same(network.XMLDesc(0), networks.stored(network))
        return {"live": bool(steps), "pending": not is_same}


def amend(
    connection: libvirt.virConnect, uuid: str, *, steps: list[dict[str, Any]], definition_hash: str
) -> None:
    """A few changes that work at once and from now on: reservations.

    Raises: Conflict when the definition is no longer the one that the person saw.
    """
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        _seen(network, definition_hash)
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE if network.isActive() else 0
        flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG if network.isPersistent() else 0
        _update(network, [wire.from_plain(Update, step) for step in steps], flags)


def restart_dhcp(connection: libvirt.virConnect, uuid: str) -> None:
    """Start DHCP and DNS of a running network anew; no guest is unplugged."""
    text = network_edits.dns_text(_NUDGE)
    steps = [Update("add", "dns-txt", -1, text), Update("delete", "dns-txt", -1, text)]
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        _update(network, steps, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)


def reattach(connection: libvirt.virConnect, uuid: str, *, guests: dict[str, list[str]]) -> None:
    """Plug these interfaces of running guests into the network again.

    guests: UUID to MACs. An update to what libvirt believes to be so already does nothing
    (measured, 9.0.0): the way leads over a network that nobody else is on, and that is gone
    afterwards. Raises what went wrong with the first guest that could not be re-attached.
    """
    with faults.translated():
        name = connection.networkLookupByUUIDString(uuid).name()
        aside = f"{networks.DETOUR}{uuids.uuid4().hex[:8]}"
        detour = connection.networkCreateXML(network_edits.build(NetworkSpec(name=aside)))
    problems: list[errors.Problem] = []
    try:
        for guest, macs in guests.items():
            for mac in macs:
                try:
                    _replug(find(connection, guest), mac, aside, name)
                except errors.NotFound:
                    continue  # it ended, or lost this interface meanwhile
                except errors.Problem as problem:
                    problems.append(problem)
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            detour.destroy()
    if problems:
        raise problems[0]


def restart(connection: libvirt.virConnect, uuid: str, *, guests: dict[str, list[str]]) -> None:
    """Stop it, start it by its stored definition, and plug the guests in again."""
    with faults.translated():
        network = connection.networkLookupByUUIDString(uuid)
        if not network.isPersistent():
            raise errors.WrongState("a transient network is gone when it stops")
        if network.isActive():
            network.destroy()
        network.create()
    if guests:
        reattach(connection, uuid, guests=guests)


def _replug(domain: libvirt.virDomain, mac: str, aside: str, network: str) -> None:
    with faults.translated():
        if not domain.isActive():
            return
        before = domain.XMLDesc(0)
        live = libvirt.VIR_DOMAIN_AFFECT_LIVE
        domain.updateDeviceFlags(nwfilters.interface_on(before, mac, aside), live)
        domain.updateDeviceFlags(nwfilters.interface_on(before, mac, network), live)


def _seen(network: libvirt.virNetwork, definition_hash: str) -> str:
    """The stored definition, which must be the one that the person saw. Raises Conflict."""
    stored = networks.stored(network)
    if elements.fingerprint(stored) != definition_hash:
        raise errors.Conflict("the definition changed meanwhile", name=network.name())
    return stored


def _define(connection: libvirt.virConnect, text: str) -> libvirt.virNetwork:
    try:
        return connection.networkDefineXMLFlags(text, libvirt.VIR_NETWORK_DEFINE_VALIDATE)
    except libvirt.libvirtError as error:
        if not isinstance(faults.problem(error), errors.NotSupported):
            raise
        return connection.networkDefineXML(text)  # an old daemon, or the test driver


def _update(network: libvirt.virNetwork, steps: list[Update], flags: int) -> None:
    for step in steps:
        command, section = _COMMANDS[step.command], _SECTIONS[step.section]
        network.update(command, section, step.index, step.xml, flags)
