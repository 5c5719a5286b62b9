"""The XML of a virtual network: parse. Source: https://libvirt.org/formatnetwork.html.

Building and editing are in `network_edits`, what can be changed while it runs in
`network_updates`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from kvmweb.core import networks as core
from kvmweb.core.networks import Flow, IpBlock, NetworkSpec, Reservation
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, text

_MACVTAP_FORWARDS = frozenset({"bridge", "vepa", "private", "passthrough"})
_LIVE_ONLY = (("network", "connections"), ("interface", "connections"), ("pf", "connections"))
"""Counters that libvirt adds while a network is in use."""
_PORTS = ("1024", "65535")
"""The ports of NAT that libvirt chooses when a network starts without any."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a NetworkRecord takes from the XML."""

    uuid: str
    name: str
    forward: str
    bridge: str
    subnets: tuple[str, ...]
    has_dhcp: bool
    spec: NetworkSpec


def parse(xml: str) -> Definition:
    """What this network XML says. Raises Invalid."""
    root = elements.parse(xml)
    spec = read(root)
    return Definition(
        uuid=text(root, "uuid"),
        name=root.findtext("name") or "",
        forward=_forward(root),
        bridge=attribute(root, "bridge", "name"),
        subnets=spec.subnets,
        has_dhcp=root.find("ip/dhcp") is not None,
        spec=spec,
    )


def read(root: Element) -> NetworkSpec:
    """All that a person can decide about it."""
    devices = [str(it.get("dev")) for it in root.iterfind("forward/interface") if it.get("dev")]
    devices += [str(it.get("dev")) for it in root.iterfind("forward/pf") if it.get("dev")]
    mode = mode_of(root)
    forward = _forward(root)
    own_device = attribute(root, "forward", "dev") if mode != core.MACVTAP else ""
    if mode == core.MACVTAP and not devices and attribute(root, "forward", "dev"):
        devices = [attribute(root, "forward", "dev")]
    return NetworkSpec(
        name=root.findtext("name") or "",
        mode=mode,
        forward_dev=own_device,
        bridge=attribute(root, "bridge", "name"),
        devices=tuple(dict.fromkeys(devices)),
        macvtap_mode=forward if mode == core.MACVTAP else "bridge",
        ips=tuple(_block(ip) for ip in root.iterfind("ip")),
        routes=tuple(_route(it) for it in root.iterfind("route")),
        domain=attribute(root, "domain", "name"),
        is_domain_local=attribute(root, "domain", "localOnly") == "yes",
        has_dns=attribute(root, "dns", "enable", "yes") != "no",
        forwarders=tuple(
            core.Forwarder(str(it.get("addr", "")), str(it.get("domain", "")))
            for it in root.iterfind("dns/forwarder")
        ),
        dns_hosts=tuple(_dns_host(it) for it in root.iterfind("dns/host")),
        dns_texts=tuple(
            core.DnsText(str(it.get("name", "")), str(it.get("value", "")))
            for it in root.iterfind("dns/txt")
        ),
        dns_services=tuple(_dns_service(it) for it in root.iterfind("dns/srv")),
        mtu=number(attribute(root, "mtu", "size")),
        inbound=flow(root.find("bandwidth/inbound")),
        outbound=flow(root.find("bandwidth/outbound")),
        vlans=vlans(root),
        port_groups=tuple(_port_group(it) for it in root.iterfind("portgroup")),
    )


def mode_of(root: Element) -> str:
    """One of `core.networks.MODES`; macvtap for every direct mode."""
    forward = _forward(root)
    if not forward:
        return core.ISOLATED
    if forward == "hostdev":
        return core.HOSTDEV
    if root.find("bridge") is not None and forward == "bridge":
        kind = attribute(root, "virtualport", "type")
        return core.OVS if kind == "openvswitch" else core.BRIDGE
    return core.MACVTAP if forward in _MACVTAP_FORWARDS else forward


def is_same(live_xml: str, stored_xml: str) -> bool:
    """Whether the next start brings what works now. Raises Invalid."""
    return _settled(live_xml) == _settled(stored_xml)


def _settled(xml: str) -> str:
    """Without what libvirt adds when a network starts."""
    root = elements.parse(xml)
    for tag, name in _LIVE_ONLY:
        for found in root.iter(tag):
            found.attrib.pop(name, None)
    forward = root.find("forward")
    if forward is not None:
        _settle(forward)
    for found in root.iter():
        found.text, found.tail = (found.text or "").strip(), ""
    return elements.serialize(root)


def _settle(forward: Element) -> None:
    if forward.find("interface") is not None:
        forward.attrib.pop("dev", None)  # the live one repeats the first of its interfaces
    if forward.find("pf") is not None:  # the live one lists the functions that it found
        for found in forward.findall("address") + forward.findall("interface"):
            forward.remove(found)
    for nat in forward.findall("nat"):
        for port in nat.findall("port"):
            if (port.get("start"), port.get("end")) == _PORTS:
                nat.remove(port)
        if not len(nat) and not nat.attrib:
            forward.remove(nat)


def flow(found: Element | None) -> Flow:
    """The limits of one direction."""
    if found is None:
        return Flow()
    return Flow(*(number(found.get(name)) for name in ("average", "peak", "burst")))


def vlans(parent: Element) -> tuple[int, ...]:
    """The tags of the <vlan> right below."""
    return tuple(number(tag.get("id")) for tag in parent.iterfind("vlan/tag"))


def reservation(host: Element) -> Reservation:
    """One <host> of a <dhcp>."""
    return Reservation(
        ip=str(host.get("ip", "")),
        mac=str(host.get("mac", "")).lower(),
        name=str(host.get("name", "")),
        id=str(host.get("id", "")),
    )


def prefix_of(ip: Element) -> int:
    """The length of its prefix, whichever way it was written."""
    written = ip.get("prefix")
    if written:
        return number(written)
    is_ipv6 = ip.get("family") == "ipv6"
    try:
        mask = ip.get("netmask")
        return ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen if mask else 64 if is_ipv6 else 24
    except ValueError:
        return 24


def _forward(root: Element) -> str:
    """libvirt's default of a <forward> without a mode is nat."""
    return attribute(root, "forward", "mode", "nat") if root.find("forward") is not None else ""


def _block(ip: Element) -> IpBlock:
    return IpBlock(
        address=str(ip.get("address", "")),
        prefix=prefix_of(ip),
        ranges=tuple(
            core.DhcpRange(str(it.get("start", "")), str(it.get("end", "")))
            for it in ip.iterfind("dhcp/range")
        ),
        reservations=tuple(reservation(it) for it in ip.iterfind("dhcp/host")),
        tftp_root=attribute(ip, "tftp", "root"),
        boot_file=attribute(ip, "dhcp/bootp", "file"),
        boot_server=attribute(ip, "dhcp/bootp", "server"),
    )


def _route(it: Element) -> core.Route:
    return core.Route(str(it.get("address", "")), prefix_of(it), str(it.get("gateway", "")))


def _dns_host(host: Element) -> core.DnsHost:
    names = (text(name, ".") for name in host.iterfind("hostname"))
    return core.DnsHost(str(host.get("ip", "")), tuple(name for name in names if name))


def _dns_service(it: Element) -> core.DnsService:
    return core.DnsService(
        service=str(it.get("service", "")),
        protocol=str(it.get("protocol", "")),
        domain=str(it.get("domain", "")),
        target=str(it.get("target", "")),
        port=number(it.get("port")),
        priority=number(it.get("priority")),
        weight=number(it.get("weight")),
    )


def _port_group(it: Element) -> core.PortGroup:
    return core.PortGroup(
        name=str(it.get("name", "")),
        is_default=it.get("default") == "yes",
        vlans=vlans(it),
        inbound=flow(it.find("bandwidth/inbound")),
        outbound=flow(it.find("bandwidth/outbound")),
    )
