"""What is learned of guests beside their XML: addresses, sizes of disks that are not in use."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.core.records import GuestRecord
from kvmweb.hypervisor import agent, faults

Addresses = dict[str, tuple[str, ...]]
"""MAC to addresses."""
Told = dict[str, dict[str, str]]
"""MAC to address to who said it."""
Sizes = dict[str, tuple[int, int]]
"""Disk target to capacity and allocation."""
ADDRESSES_MAX = 16
"""Of one interface; a guest may claim any number."""


def leased(connection: libvirt.virConnect, uuid: str) -> Addresses:
    """From libvirt's own DHCP server; empty when there is nothing to learn."""
    return _addresses(connection, uuid, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)


def resolved(connection: libvirt.virConnect, uuid: str) -> Addresses | None:
    """From the ARP table of the host; None where libvirt cannot read it."""
    source = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP
    try:
        return _of_cards(connection.lookupByUUIDString(uuid).interfaceAddresses(source, 0))
    except libvirt.libvirtError as error:
        found = faults.problem(error)
        if isinstance(found, errors.HostDown):
            raise
        return {} if isinstance(found, errors.NotFound | errors.WrongState) else None


def reported(connection: libvirt.virConnect, uuid: str) -> Addresses | None:
    """From the agent in the guest, which may take seconds to stay silent: None."""
    source = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
    try:
        with agent.asking(connection, uuid) as domain:
            return _of_cards(domain.interfaceAddresses(source, 0))
    except errors.HostDown:
        raise
    except errors.Problem:
        return None


def sizes(connection: libvirt.virConnect, uuid: str, targets: Iterable[str]) -> Sizes:
    """Capacity and allocation of these disks of a shut off guest, where they can be read."""
    found: Sizes = {}
    try:
        domain = connection.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return found
        raise
    for target in targets:
        try:
            capacity, allocation, _physical = domain.blockInfo(target, 0)
        except libvirt.libvirtError as error:
            if isinstance(faults.problem(error), errors.HostDown):
                raise
            continue  # a missing file or an empty drive has no size
        found[target] = (int(capacity), int(allocation))
    return found


def local_targets(record: GuestRecord) -> list[str]:
    """The disks whose size a shut off guest can be asked for."""
    return [disk.target for disk in record.disks if disk.source.startswith("/")]


def _addresses(connection: libvirt.virConnect, uuid: str, source: int) -> Addresses:
    try:
        cards = connection.lookupByUUIDString(uuid).interfaceAddresses(source, 0)
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.HostDown):
            raise
        return {}
    return _of_cards(cards)


def _of_cards(cards: dict[str, Any] | None) -> Addresses:
    found: Addresses = {}
    for card in list((cards or {}).values())[:64]:
        mac = str(card.get("hwaddr") or "").lower()
        known = [str(address.get("addr", "")) for address in (card.get("addrs") or [])[:64]]
        if mac:
            found[mac] = tuple(filter(_is_worth_showing, known))[:ADDRESSES_MAX]
    return found


def _is_worth_showing(address: str) -> bool:
    """Guests report what they like: only real addresses that somebody could reach."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)
