"""The XML of a network filter. Source: https://libvirt.org/formatnwfilter.html."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions.elements import text


@dataclass(frozen=True, slots=True)
class Definition:
    """What a FilterRecord takes from the XML. rules: (action, direction, protocol)."""

    uuid: str
    name: str
    chain: str
    rules: tuple[tuple[str, ...], ...]
    parts: tuple[str, ...]


def parse(xml: str) -> Definition:
    """What this filter XML says. Raises Invalid."""
    root = elements.parse(xml)
    rules = []
    for rule in root.iterfind("rule"):
        protocol = next((str(it.tag) for it in rule if isinstance(it.tag, str)), "")
        rules.append((str(rule.get("action", "")), str(rule.get("direction", "")), protocol))
    return Definition(
        uuid=text(root, "uuid"),
        name=str(root.get("name", "")),
        chain=str(root.get("chain", "root")),
        rules=tuple(rules),
        parts=tuple(str(it.get("filter", "")) for it in root.iterfind("filterref")),
    )


def named(xml: str, *, uuid: str, name: str) -> str:
    """The same filter under this name and UUID: an edit cannot become another one. Raises Invalid.

    uuid: empty for a new one.
    """
    root = elements.parse(xml)
    if root.tag != "filter":
        raise errors.Invalid("the document is not a <filter>")
    root.set("name", name)
    for found in root.findall("uuid"):
        root.remove(found)
    if uuid:
        holder = etree.Element("uuid")
        holder.text = uuid
        root.insert(0, holder)
    return elements.serialize(root)


BLANK, OWN_ADDRESS, CLOSED, WEB = "blank", "own-address", "closed", "web"
STARTS = (BLANK, OWN_ADDRESS, CLOSED, WEB)
_RULES: dict[str, tuple[tuple[str, str, str, dict[str, str]], ...]] = {
    BLANK: (),
    OWN_ADDRESS: (),
    CLOSED: (("accept", "out", "all", {}), ("drop", "in", "all", {})),
    WEB: (
        ("accept", "in", "tcp", {"dstportstart": "22"}),
        ("accept", "in", "tcp", {"dstportstart": "80"}),
        ("accept", "in", "tcp", {"dstportstart": "443"}),
        ("accept", "out", "all", {}),
        ("drop", "in", "all", {}),
    ),
}
"""What answers a connection from the guest is let in by an accepted `out`: rules keep state."""


def start(kind: str, name: str) -> str:
    """A new filter to go on from: of one of STARTS."""
    root = etree.Element("filter", name=name, chain="root")
    if kind != BLANK:
        etree.SubElement(root, "filterref", filter="clean-traffic")
    for action, direction, protocol, matched in _RULES[kind]:
        rule = etree.SubElement(root, "rule", action=action, direction=direction)
        etree.SubElement(rule, protocol, matched)
    return elements.serialize(root)


def interface_with(xml: str, mac: str, filter_name: str) -> str:
    """The interface of this MAC in a domain's XML, passing this filter; none for an empty name.

    Raises: NotFound, Invalid.
    """
    card = _interface(xml, mac)
    for found in card.findall("filterref"):
        if not filter_name or found.get("filter") != filter_name:
            card.remove(found)
    if filter_name and card.find("filterref") is None:
        holder = etree.SubElement(card, "filterref")
        holder.set("filter", filter_name)
    return elements.serialize(card)


def interface_on(xml: str, mac: str, network: str) -> str:
    """The interface of this MAC in a running domain's XML, plugged into this network.

    What libvirt chose for the last plugging (port, bridge) is left for it to choose again.
    Raises: NotFound, Invalid.
    """
    card = _interface(xml, mac)
    source = card.find("source")
    if card.get("type") != "network" or source is None:
        raise errors.Invalid("the interface is not on a virtual network")
    if source.get("network") != network:
        source.attrib.pop("portgroup", None)
    for name in ("portid", "bridge"):
        source.attrib.pop(name, None)
    source.set("network", network)
    return elements.serialize(card)


def _interface(xml: str, mac: str) -> elements.Element:
    root = elements.parse(xml)
    for card in root.iterfind("devices/interface"):
        if elements.attribute(card, "mac", "address").lower() == mac.lower():
            return card
    raise errors.NotFound(f"no interface {mac}")
