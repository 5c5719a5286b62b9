"""Virtual networks in parts: what one is made of, what it gave out, and who is plugged in.

A `NetworkSpec` is what a person can decide about a network, in one form for reading, building and
editing (`definitions.networks`). Addresses are text as libvirt prints them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

NAT, ROUTE, ISOLATED, OPEN = "nat", "route", "isolated", "open"
BRIDGE, OVS, MACVTAP, HOSTDEV = "bridge", "ovs", "macvtap", "hostdev"
MODES = (NAT, ROUTE, ISOLATED, OPEN, BRIDGE, OVS, MACVTAP, HOSTDEV)
OWN_BRIDGE = frozenset({NAT, ROUTE, ISOLATED, OPEN})
"""Modes whose bridge libvirt makes and removes; only they have addresses, DHCP and DNS."""
MACVTAP_MODES = ("bridge", "vepa", "private", "passthrough")
BRIDGE_NAME_MAX = 15
"""Source: IFNAMSIZ of Linux, less its closing zero."""


@dataclass(frozen=True, slots=True)
class DhcpRange:
    """Addresses that DHCP gives out, both ends included."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """An address kept for one guest. mac: for IPv4; id: its DUID, for IPv6."""

    ip: str
    mac: str = ""
    name: str = ""
    id: str = ""

    @property
    def key(self) -> str:
        """What names it among the reservations of its network."""
        return (self.mac or self.id or self.name or self.ip).lower()


@dataclass(frozen=True, slots=True)
class IpBlock:
    """The host's own address on the network, and what it serves there. Source: <ip>.

    tftp_root: a folder of the host. boot_server: empty for the host itself.
    """

    address: str
    prefix: int
    ranges: tuple[DhcpRange, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    tftp_root: str = ""
    boot_file: str = ""
    boot_server: str = ""

    @property
    def is_ipv6(self) -> bool:
        """Which family."""
        return ":" in self.address

    @property
    def subnet(self) -> str:
        """`192.168.122.0/24`; empty when the address is none."""
        try:
            return str(ipaddress.ip_network(f"{self.address}/{self.prefix}", strict=False))
        except ValueError:
            return ""

    @property
    def has_dhcp(self) -> bool:
        """Whether anything is given out."""
        return bool(self.ranges or self.reservations or self.boot_file)


@dataclass(frozen=True, slots=True)
class Route:
    """A subnet behind a guest of this network. Source: <route>."""

    address: str
    prefix: int
    gateway: str


@dataclass(frozen=True, slots=True)
class DnsHost:
    """Names of one address."""

    ip: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DnsText:
    """A TXT record."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DnsService:
    """An SRV record; 0 and empty: left to dnsmasq."""

    service: str
    protocol: str
    domain: str = ""
    target: str = ""
    port: int = 0
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Who is asked for other names. domain: only for names below it; address empty: nobody."""

    address: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Flow:
    """A limit in one direction: KiB a second, burst in KiB. 0: none."""

    average: int = 0
    peak: int = 0
    burst: int = 0


UNLIMITED = Flow()


@dataclass(frozen=True, slots=True)
class PortGroup:
    """A named choice for interfaces of guests. vlans: tags; one is native, several a trunk."""

    name: str
    is_default: bool = False
    vlans: tuple[int, ...] = ()
    inbound: Flow = Flow()
    outbound: Flow = Flow()


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """What a person can decide. mode: one of MODES.

    forward_dev: the only interface that NAT and routing may use; empty: any. bridge: its name,
    libvirt's own or, for BRIDGE and OVS, one that is there. devices: of MACVTAP; of HOSTDEV the
    one physical function. macvtap_mode: of MACVTAP. mtu: 0 for the default.
    """

    name: str = ""
    mode: str = ISOLATED
    forward_dev: str = ""
    bridge: str = ""
    devices: tuple[str, ...] = ()
    macvtap_mode: str = "bridge"
    ips: tuple[IpBlock, ...] = ()
    routes: tuple[Route, ...] = ()
    domain: str = ""
    is_domain_local: bool = False
    has_dns: bool = True
    forwarders: tuple[Forwarder, ...] = ()
    dns_hosts: tuple[DnsHost, ...] = ()
    dns_texts: tuple[DnsText, ...] = ()
    dns_services: tuple[DnsService, ...] = ()
    mtu: int = 0
    inbound: Flow = Flow()
    outbound: Flow = Flow()
    vlans: tuple[int, ...] = ()
    port_groups: tuple[PortGroup, ...] = ()

    @property
    def subnets(self) -> tuple[str, ...]:
        """Of every address block, in order."""
        return tuple(block.subnet for block in self.ips if block.subnet)

    @property
    def has_dhcp(self) -> bool:
        """Whether guests get an address."""
        return any(block.has_dhcp for block in self.ips)

    @property
    def reservations(self) -> tuple[Reservation, ...]:
        """Of all blocks."""
        return tuple(kept for block in self.ips for kept in block.reservations)


@dataclass(frozen=True, slots=True)
class Lease:
    """An address that a guest has now. expires_at: epoch; 0: never. id: its DUID or client id."""

    ip: str
    mac: str
    hostname: str = ""
    expires_at: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True)
class HostInterface:
    """A network interface of a host. Source: virInterface and the node device of the same name.

    uuid: made of the name, so that it can be named by a ref. type: ethernet, bridge, bond, vlan.
    members: of a bridge or bond. link: up, down or unknown. speed: Mbit/s, 0 when not said.
    addresses: `192.168.1.2/24`, where the worker can learn them. has_sriov: it has virtual
    functions to give. network: of libvirt, when this is its bridge.
    """

    uuid: str
    name: str
    type: str
    is_active: bool = True
    mac: str = ""
    link: str = "unknown"
    speed: int = 0
    mtu: int = 0
    members: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    has_sriov: bool = False


@dataclass(frozen=True, slots=True)
class FilterRecord:
    """A network filter. Source: virNWFilter. parts: filters that it includes.

    rules: `(action, direction, protocol)` in order.
    """

    uuid: str
    name: str
    chain: str
    rules: tuple[tuple[str, ...], ...]
    parts: tuple[str, ...]
    definition_hash: str
    xml: str
