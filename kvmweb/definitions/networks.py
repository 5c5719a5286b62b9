"""The XML of a virtual network. Source: https://libvirt.org/formatnetwork.html."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, text


@dataclass(frozen=True, slots=True)
class Definition:
    """What a NetworkRecord takes from the XML."""

    uuid: str
    name: str
    forward: str
    bridge: str
    subnets: tuple[str, ...]
    has_dhcp: bool


def parse(xml: str) -> Definition:
    """What this network XML says. Raises Invalid."""
    root = elements.parse(xml)
    subnets = (_subnet(ip) for ip in root.iterfind("ip"))
    return Definition(
        uuid=text(root, "uuid"),
        name=root.findtext("name") or "",
        forward=_forward(root),
        bridge=attribute(root, "bridge", "name"),
        subnets=tuple(subnet for subnet in subnets if subnet),
        has_dhcp=root.find("ip/dhcp") is not None,
    )


def _forward(root: Element) -> str:
    """libvirt's default of a <forward> without a mode is nat."""
    return attribute(root, "forward", "mode", "nat") if root.find("forward") is not None else ""


def _subnet(ip: Element) -> str:
    address = str(ip.get("address", ""))
    fallback = "64" if ip.get("family") == "ipv6" else "24"
    mask = ip.get("prefix") or ip.get("netmask") or fallback
    try:
        return str(ipaddress.ip_network(f"{address}/{mask}", strict=False))
    except ValueError:
        return ""
