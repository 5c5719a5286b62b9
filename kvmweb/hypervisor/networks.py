"""Reading virtual networks, their leases and their ports."""

from __future__ import annotations

import logging
from collections.abc import Callable

import libvirt

from kvmweb.core import errors
from kvmweb.core import networks as core
from kvmweb.core.networks import Lease
from kvmweb.core.records import NetworkRecord
from kvmweb.definitions import elements
from kvmweb.definitions import networks as xml
from kvmweb.hypervisor import faults

log = logging.getLogger(__name__)

DETOUR = "kvmweb-detour-"
"""Networks of this name live for a second, while a guest is re-attached; nobody is shown them."""
DNS_PORT = 53


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


def leases(connection: libvirt.virConnect) -> dict[str, tuple[Lease, ...]]:
    """UUID to its leases, of every active network: one call a network."""
    return {network.UUIDString(): _leases(network) for network in _active(connection)}


def ports(connection: libvirt.virConnect) -> frozenset[str] | None:
    """The ports of all active networks; None where the driver counts none.

    libvirt forgets them when it stops a network: a guest that names another one is unplugged.
    """
    found: set[str] = set()
    for network in _active(connection):
        try:
            found.update(port.UUIDString() for port in network.listAllPorts(0))
        except libvirt.libvirtError as error:
            if faults.is_gone(error) or isinstance(faults.problem(error), errors.WrongState):
                continue
            return None
    return frozenset(found)


def stored(network: libvirt.virNetwork) -> str:
    """The definition of its next start; the only one where there is no other."""
    if network.isActive() and network.isPersistent():
        try:
            return str(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
        except libvirt.libvirtError as error:
            if not isinstance(faults.problem(error), errors.Invalid | errors.NotSupported):
                raise  # the test driver keeps one definition and knows no flags
    return str(network.XMLDesc(0))


def is_silent(record: NetworkRecord, is_heard: Callable[[str, int], bool]) -> bool:
    """Its DNS and DHCP server should listen on its address, and nobody does.

    is_heard: whether somebody on the host listens on this address and UDP port.
    """
    spec = record.spec
    if not record.is_active or spec.mode not in core.OWN_BRIDGE or not spec.has_dns:
        return False
    return any(not is_heard(block.address, DNS_PORT) for block in spec.ips[:1])


def _active(connection: libvirt.virConnect) -> list[libvirt.virNetwork]:
    try:
        return list(connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return []
        raise


def _leases(network: libvirt.virNetwork) -> tuple[Lease, ...]:
    """A driver or mode without leases has none."""
    try:
        known = network.DHCPLeases()
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return ()
    found = [
        Lease(
            ip=str(it.get("ipaddr") or ""),
            mac=str(it.get("mac") or "").lower(),
            hostname=str(it.get("hostname") or ""),
            expires_at=float(it.get("expirytime") or 0),
            id=str(it.get("clientid") or ""),
        )
        for it in known
    ]
    return tuple(sorted((it for it in found if it.ip), key=lambda it: (it.mac, it.ip)))


def _or_gone(network: libvirt.virNetwork) -> NetworkRecord | None:
    try:
        return None if network.name().startswith(DETOUR) else _record(network)
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, errors.Invalid) or not faults.is_lost(error):
            log.debug("network left out: %s", error)
            return None
        raise


def _record(network: libvirt.virNetwork) -> NetworkRecord:
    live_xml = network.XMLDesc(0)
    definition = xml.parse(live_xml)
    is_active, is_persistent = bool(network.isActive()), bool(network.isPersistent())
    stored_xml = stored(network) if is_active and is_persistent else live_xml
    is_same = stored_xml == live_xml or xml.is_same(live_xml, stored_xml)
    return NetworkRecord(
        uuid=network.UUIDString(),
        name=network.name(),
        forward=definition.forward,
        bridge=definition.bridge,
        subnets=definition.subnets,
        has_dhcp=definition.has_dhcp,
        is_active=is_active,
        is_persistent=is_persistent,
        has_autostart=bool(is_persistent and network.autostart()),
        spec=definition.spec,
        stored=None if is_same else xml.parse(stored_xml).spec,
        leases=_leases(network) if is_active and definition.has_dhcp else (),
        definition_hash=elements.fingerprint(stored_xml),
        xml=stored_xml,
    )
