"""Building the XML of a virtual network, and editing it in place.

Building is editing an empty one. Only what differs from what stands there is touched, so that all
that we do not know of stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from lxml import etree

from kvmweb.core import errors
from kvmweb.core import networks as core
from kvmweb.core.networks import Flow, IpBlock, NetworkSpec
from kvmweb.definitions import elements, networks
from kvmweb.definitions.elements import Element

T = TypeVar("T")


def build(spec: NetworkSpec) -> str:
    """The definition of a new network. Raises Invalid."""
    root = etree.Element("network")
    try:
        _add(root, "name").text = _plain(spec.name)
    except ValueError as error:
        raise errors.Invalid("the name holds a character that XML cannot carry") from error
    _apply(root, NetworkSpec(name=spec.name), spec)
    etree.indent(root)
    return elements.serialize(root)


def edit(xml: str, spec: NetworkSpec) -> str:
    """This definition with what the spec says otherwise; its name and UUID stay. Raises Invalid."""
    root = elements.parse(xml)
    _apply(root, networks.read(root), spec)
    return elements.serialize(root)


def reservation(kept: core.Reservation) -> str:
    """The <host> of a <dhcp>, alone, as virNetworkUpdate takes it; so are those that follow."""
    return elements.serialize(_kept(kept))


def dhcp_range(it: core.DhcpRange) -> str:
    """A <range>."""
    return elements.serialize(_range(it))


def dns_host(host: core.DnsHost) -> str:
    """The <host> of a <dns>."""
    return elements.serialize(_dns_host(host))


def dns_text(it: core.DnsText) -> str:
    """A <txt>."""
    return elements.serialize(_text(it))


def dns_service(it: core.DnsService) -> str:
    """An <srv>."""
    return elements.serialize(_service(it))


def port_group(group: core.PortGroup) -> str:
    """A <portgroup>."""
    return elements.serialize(_port_group(group))


def _apply(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    try:
        _forward(root, before, spec)
        _bridge(root, before, spec)
        _dns(root, before, spec)
        _blocks(root, before, spec)
        _rest(root, before, spec)
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error


def _forward(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    names = ("mode", "forward_dev", "devices", "macvtap_mode")
    if all(getattr(before, name) == getattr(spec, name) for name in names):
        return
    forward = root.find("forward")
    if spec.mode == core.ISOLATED:
        if forward is not None:
            root.remove(forward)
        return
    if forward is None:
        forward = etree.Element("forward")
        root.insert(1, forward)
    stale = {"interface", "pf", "address"} | ({"nat"} if spec.mode != core.NAT else set())
    for child in [it for it in forward if it.tag in stale]:
        forward.remove(child)
    words = {core.OVS: "bridge", core.MACVTAP: spec.macvtap_mode}
    forward.set("mode", words.get(spec.mode, spec.mode))
    _set(forward, "dev", spec.forward_dev)
    _set(forward, "managed", "yes" if spec.mode == core.HOSTDEV else "")
    holders = {core.MACVTAP: "interface", core.HOSTDEV: "pf"}
    for device in spec.devices if spec.mode in holders else ():
        _add(forward, holders[spec.mode], dev=device)


def _bridge(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    if (before.mode, before.bridge) != (spec.mode, spec.bridge):
        bridge = root.find("bridge")
        if spec.mode in (core.MACVTAP, core.HOSTDEV) or not spec.bridge:
            if bridge is not None and spec.mode in (core.MACVTAP, core.HOSTDEV):
                root.remove(bridge)
        elif bridge is None:
            _add(root, "bridge", name=spec.bridge)
        else:
            bridge.set("name", spec.bridge)
    port = root.find("virtualport")
    if spec.mode == core.OVS and port is None:
        _add(root, "virtualport", type="openvswitch")
    elif spec.mode != core.OVS and before.mode == core.OVS and port is not None:
        root.remove(port)


def _dns(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    if (before.domain, before.is_domain_local) != (spec.domain, spec.is_domain_local):
        _replace(root, "domain", {"name": spec.domain}, is_there=bool(spec.domain))
        found = root.find("domain")
        if found is not None:
            _set(found, "localOnly", "yes" if spec.is_domain_local else "")
    lists: list[tuple[str, str, Sequence[object], Sequence[object], Callable[..., Element]]] = [
        ("forwarders", "forwarder", before.forwarders, spec.forwarders, _forwarder),
        ("texts", "txt", before.dns_texts, spec.dns_texts, _text),
        ("hosts", "host", before.dns_hosts, spec.dns_hosts, _dns_host),
        ("services", "srv", before.dns_services, spec.dns_services, _service),
    ]
    is_changed = any(list(was) != list(wanted) for _, _, was, wanted, _ in lists)
    if not is_changed and before.has_dns == spec.has_dns:
        return
    dns = root.find("dns")
    if dns is None:
        dns = _add(root, "dns")
    if before.has_dns != spec.has_dns:
        _set(dns, "enable", "" if spec.has_dns else "no")
    for _, tag, was, wanted, make in lists:
        _merge(dns, tag, was, wanted, make)
    if not len(dns) and not dns.attrib:
        root.remove(dns)


def _blocks(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    found = root.findall("ip")
    for order, wanted in enumerate(spec.ips):
        was = before.ips[order] if order < len(before.ips) else None
        if was is not None and was.is_ipv6 == wanted.is_ipv6:
            _block(found[order], was, wanted)
        else:
            fresh = etree.Element("ip")
            _block(fresh, IpBlock("", 0), wanted)
            if was is None:
                root.append(fresh)
            else:
                root.replace(found[order], fresh)
    for beyond in found[len(spec.ips) :]:
        root.remove(beyond)


def _block(ip: Element, was: IpBlock, wanted: IpBlock) -> None:
    if (was.address, was.prefix) != (wanted.address, wanted.prefix):
        if wanted.is_ipv6:
            ip.set("family", "ipv6")
        ip.set("address", wanted.address)
        ip.attrib.pop("netmask", None)
        ip.set("prefix", str(wanted.prefix))
    if was.tftp_root != wanted.tftp_root:
        _replace(ip, "tftp", {"root": wanted.tftp_root}, is_there=bool(wanted.tftp_root), at=0)
    dhcp = ip.find("dhcp")
    if dhcp is None:
        dhcp = _add(ip, "dhcp")
    _merge(dhcp, "range", was.ranges, wanted.ranges, _range)
    _merge(dhcp, "host", was.reservations, wanted.reservations, _kept)
    boot = (wanted.boot_file, wanted.boot_server)
    if (was.boot_file, was.boot_server) != boot:
        words = {"file": wanted.boot_file, "server": wanted.boot_server}
        _replace(dhcp, "bootp", words, is_there=bool(wanted.boot_file))
    if not len(dhcp):
        ip.remove(dhcp)


def _rest(root: Element, before: NetworkSpec, spec: NetworkSpec) -> None:
    if before.mtu != spec.mtu:
        _replace(root, "mtu", {"size": str(spec.mtu)}, is_there=bool(spec.mtu))
    if (before.inbound, before.outbound) != (spec.inbound, spec.outbound):
        bandwidth(root, spec.inbound, spec.outbound)
    if before.vlans != spec.vlans:
        vlan(root, spec.vlans)
    _merge(root, "portgroup", before.port_groups, spec.port_groups, _port_group)
    _merge(root, "route", before.routes, spec.routes, _route)


def _merge(
    parent: Element,
    tag: str,
    was: Sequence[T],
    wanted: Sequence[T],
    make: Callable[[T], Element],
) -> None:
    """Keep the elements of what stays, drop the others, add the new ones after them."""
    if list(was) == list(wanted):
        return
    there = list(zip(parent.findall(tag), was, strict=True))
    order: list[Element] = []
    for value in wanted:
        kept = next((pair for pair in there if pair[1] == value), None)
        if kept is not None:
            there.remove(kept)
        order.append(kept[0] if kept is not None else make(value))
    for found in parent.findall(tag):
        parent.remove(found)
    for found in order:
        parent.append(found)


def bandwidth(parent: Element, inbound: Flow, outbound: Flow) -> None:
    """Its <bandwidth>, or none."""
    for found in parent.findall("bandwidth"):
        parent.remove(found)
    if not (inbound.average or outbound.average):
        return
    holder = _add(parent, "bandwidth")
    for tag, it in (("inbound", inbound), ("outbound", outbound)):
        if it.average:
            limits = {"average": it.average, "peak": it.peak, "burst": it.burst}
            holder.append(_element(tag, limits))


def vlan(parent: Element, tags: Iterable[int]) -> None:
    """Its <vlan>, or none."""
    for found in parent.findall("vlan"):
        parent.remove(found)
    wanted = tuple(tags)
    if not wanted:
        return
    holder = _add(parent, "vlan")
    _set(holder, "trunk", "yes" if len(wanted) > 1 else "")
    for tag in wanted:
        holder.append(_element("tag", {}))
        holder[-1].set("id", str(tag))


def _range(it: core.DhcpRange) -> Element:
    return _element("range", {"start": it.start, "end": it.end})


def _kept(it: core.Reservation) -> Element:
    return _element("host", {"mac": it.mac, "id": it.id, "name": it.name, "ip": it.ip})


def _forwarder(it: core.Forwarder) -> Element:
    return _element("forwarder", {"domain": it.domain, "addr": it.address})


def _text(it: core.DnsText) -> Element:
    return _element("txt", {"name": it.name, "value": it.value})


def _dns_host(it: core.DnsHost) -> Element:
    host = _element("host", {"ip": it.ip})
    for name in it.names:
        _add(host, "hostname").text = _plain(name)
    return host


def _service(it: core.DnsService) -> Element:
    names = ("service", "protocol", "domain", "target", "port", "priority", "weight")
    return _element("srv", {name: getattr(it, name) for name in names})


def _port_group(it: core.PortGroup) -> Element:
    group = _element("portgroup", {"name": it.name, "default": "yes" if it.is_default else ""})
    vlan(group, it.vlans)
    bandwidth(group, it.inbound, it.outbound)
    return group


def _route(it: core.Route) -> Element:
    family = "ipv6" if ":" in it.address else ""
    words = {"family": family, "address": it.address, "prefix": it.prefix, "gateway": it.gateway}
    return _element("route", words)


def _element(tag: str, attributes: Mapping[str, object]) -> Element:
    made = etree.Element(tag)
    for name, value in attributes.items():
        _set(made, name, "" if value in (0, None) else str(value))
    return made


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    made = etree.SubElement(parent, tag)
    for name, value in attributes.items():
        made.set(name, _plain(value))
    return made


def _set(found: Element, name: str, value: str) -> None:
    if value:
        found.set(name, _plain(value))
    else:
        found.attrib.pop(name, None)


def _replace(
    parent: Element, tag: str, attributes: dict[str, str], *, is_there: bool, at: int | None = None
) -> None:
    """The one element of this name, changed, added or taken away."""
    found = parent.find(tag)
    if not is_there:
        if found is not None:
            parent.remove(found)
        return
    if found is None:
        found = etree.Element(tag)
        parent.insert(len(parent) if at is None else at, found)
    for name, value in attributes.items():
        _set(found, name, value)


def _plain(value: str) -> str:
    """Raises ValueError for what no line of a configuration file may hold."""
    if any(sign in value for sign in "\r\n\0"):
        raise ValueError("a line break")
    return value
