"""Reading virtual networks and their leases."""

from __future__ import annotations

import logging

import libvirt

from kvmweb.core import errors
from kvmweb.core.records import NetworkRecord
from kvmweb.definitions import networks as xml
from kvmweb.hypervisor import faults

log = logging.getLogger(__name__)


def read_all(connection: libvirt.virConnect) -> list[NetworkRecord]:
    """Every virtual network of this host; none where the driver has none."""
    try:
        networks = connection.listAllNetworks(0)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return []
        raise
    found = (_or_gone(network) for network in networks)
    return [record for record in found if record is not None]


def read(connection: libvirt.virConnect, uuid: str) -> NetworkRecord | None:
    """One network; None when it is gone."""
    try:
        return _or_gone(connection.networkLookupByUUIDString(uuid))
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return None
        raise


def leases(connection: libvirt.virConnect) -> dict[str, tuple[str, ...]]:
    """MAC to addresses, of every lease of every active network: one call a network."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        networks = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    except libvirt.libvirtError:
        return found
    for network in networks:
        try:
            known = network.DHCPLeases()
        except libvirt.libvirtError:
            continue  # a driver or mode without leases: its guests simply have none
        for lease in known:
            mac, address = str(lease.get("mac") or "").lower(), str(lease.get("ipaddr") or "")
            if mac and address:
                found[mac] = tuple(dict.fromkeys((*found.get(mac, ()), address)))
    return found


def _or_gone(network: libvirt.virNetwork) -> NetworkRecord | None:
    try:
        return _record(network)
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, errors.Invalid) or not faults.is_lost(error):
            log.debug("network left out: %s", error)
            return None
        raise


def _record(network: libvirt.virNetwork) -> NetworkRecord:
    definition = xml.parse(network.XMLDesc(0))
    is_persistent = bool(network.isPersistent())
    return NetworkRecord(
        uuid=network.UUIDString(),
        name=network.name(),
        forward=definition.forward,
        bridge=definition.bridge,
        subnets=definition.subnets,
        has_dhcp=definition.has_dhcp,
        is_active=bool(network.isActive()),
        is_persistent=is_persistent,
        has_autostart=bool(is_persistent and network.autostart()),
    )
