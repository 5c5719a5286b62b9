"""The XML of a host's network interface. Source: libvirt's interface.rng and nodedev.rng."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions.elements import attribute, number

_SPEED_UNKNOWN = 4_294_967_295


@dataclass(frozen=True, slots=True)
class Definition:
    """What a HostInterface takes from the XML."""

    name: str
    type: str
    mac: str
    link: str
    speed: int
    mtu: int
    members: tuple[str, ...]


def parse(xml: str) -> Definition:
    """What this interface XML says. Raises Invalid."""
    root = elements.parse(xml)
    speed = number(attribute(root, "link", "speed"))
    members = [*root.iterfind("bridge/interface"), *root.iterfind("bond/interface")]
    members += root.findall("vlan/interface")
    return Definition(
        name=str(root.get("name", "")),
        type=str(root.get("type", "")),
        mac=attribute(root, "mac", "address").lower(),
        link=attribute(root, "link", "state", "unknown"),
        speed=0 if speed == _SPEED_UNKNOWN else speed,
        mtu=number(attribute(root, "mtu", "size")),
        members=tuple(str(it.get("name")) for it in members if it.get("name")),
    )


def has_virtual_functions(xml: str) -> bool:
    """Whether this node device is a card that guests can get functions of. Raises Invalid."""
    root = elements.parse(xml)
    return root.find("capability/capability[@type='virt_functions']") is not None


def device_interface(xml: str) -> str:
    """The interface that this node device is. Raises Invalid."""
    return elements.text(elements.parse(xml), "capability/interface")


def with_port(xml: str, name: str) -> str:
    """This bridge with an interface more. Raises Invalid when it is no bridge."""
    bridge = _bridge(root := elements.parse(xml))
    etree.SubElement(bridge, "interface", type="ethernet", name=name)
    return elements.serialize(root)


def without_port(xml: str, name: str) -> str:
    """This bridge with an interface less. Raises Invalid when it is no bridge."""
    bridge = _bridge(root := elements.parse(xml))
    for port in bridge.findall("interface"):
        if port.get("name") == name:
            bridge.remove(port)
    return elements.serialize(root)


def _bridge(root: elements.Element) -> elements.Element:
    bridge = root.find("bridge")
    if bridge is None:
        raise errors.Invalid("no bridge")
    return bridge
