"""The network interfaces of a guest, edited in place.

What is not named stays: filter, bandwidth, driver, address. Source: domain XML <interface>.
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.cards import CardChange
from kvmweb.core.networks import UNLIMITED, Flow
from kvmweb.core.specs import InterfaceSpec
from kvmweb.definitions import elements, network_edits, networks
from kvmweb.definitions.elements import Element, attribute

_SOURCES = {"network": "network", "bridge": "bridge", "direct": "dev"}
_OF_PLACE = ("source", "virtualport", "vlan")
"""What belongs to where it is connected, and goes with it."""


def build(spec: InterfaceSpec) -> str:
    """The XML of one interface. Raises Invalid."""
    card = etree.Element("interface", type=spec.type)
    try:
        if spec.mac:
            etree.SubElement(card, "mac", address=spec.mac)
        if spec.type in _SOURCES:
            source = etree.SubElement(card, "source", {_SOURCES[spec.type]: spec.source})
            if spec.type == "direct":
                source.set("mode", spec.mode)
            elif spec.port_group:
                source.set("portgroup", spec.port_group)
        etree.SubElement(card, "model", type=spec.model)
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error
    return elements.serialize(card)


def device(xml: str, mac: str) -> str:
    """The XML of the interface of this MAC alone. Raises NotFound, Invalid."""
    return elements.serialize(_of(elements.parse(xml), mac))


def macs(xml: str) -> list[str]:
    """Of every interface, in order. Raises Invalid."""
    cards = elements.parse(xml).iterfind("devices/interface")
    return [attribute(card, "mac", "address").lower() for card in cards]


def edit(xml: str, mac: str, change: CardChange) -> str:
    """The whole definition, with this interface changed. Raises NotFound, Invalid."""
    root = elements.parse(xml)
    _apply(_of(root, mac), change)
    return elements.serialize(root)


def changed(xml: str, mac: str, change: CardChange) -> str:
    """The interface alone, as a running guest may take it: another place, another link.

    Model, MAC and MTU stay as they are; limits have a call of their own. Raises NotFound, Invalid.
    """
    card = _of(elements.parse(xml), mac)
    _apply(card, replace(change, model="", mac="", mtu=None, inbound=None, outbound=None))
    return elements.serialize(card)


def limits(xml: str, mac: str) -> tuple[Flow, Flow]:
    """To the guest, and from it. Raises NotFound, Invalid."""
    card = _of(elements.parse(xml), mac)
    inbound, outbound = card.find("bandwidth/inbound"), card.find("bandwidth/outbound")
    return networks.flow(inbound), networks.flow(outbound)


def has_limited(xml: str) -> bool:
    """Whether an interface of this definition is."""
    flows = elements.parse(xml).iterfind("devices/interface/bandwidth/*")
    return any(networks.flow(it) != UNLIMITED for it in flows)


def look(xml: str, mac: str) -> tuple[object, ...]:
    """All that a change can be about, as it is. Raises NotFound, Invalid."""
    card = _of(elements.parse(xml), mac)
    link = attribute(card, "link", "state", "up")
    model, mtu = attribute(card, "model", "type"), attribute(card, "mtu", "size")
    return (*_place(card), model, link, mtu, networks.vlans(card), *limits(xml, mac))


def _apply(card: Element, change: CardChange) -> None:
    place = (change.type, change.source, change.port_group, change.mode)
    if change.source and _place(card) != place:
        _move(card, change)
    if change.model and attribute(card, "model", "type") != change.model:
        _child(card, "model").set("type", change.model)
    if change.mac and attribute(card, "mac", "address").lower() != change.mac:
        _child(card, "mac").set("address", change.mac)
    is_up = attribute(card, "link", "state", "up") != "down"
    if change.is_link_up is not None and change.is_link_up != is_up:
        _child(card, "link").set("state", "up" if change.is_link_up else "down")
    if change.vlan is not None and change.vlan != (networks.vlans(card) or (0,))[0]:
        network_edits.vlan(card, (change.vlan,) if change.vlan else ())
    if change.mtu is not None and change.mtu != elements.number(attribute(card, "mtu", "size")):
        _resize(card, change.mtu)
    _limit(card, change)


def _limit(card: Element, change: CardChange) -> None:
    before = [networks.flow(card.find(f"bandwidth/{name}")) for name in ("inbound", "outbound")]
    pairs = zip((change.inbound, change.outbound), before, strict=True)
    after = [was if wanted is None else wanted for wanted, was in pairs]
    if after != before:
        network_edits.bandwidth(card, *after)


def _resize(card: Element, mtu: int) -> None:
    if mtu:
        _child(card, "mtu").set("size", str(mtu))
        return
    for found in card.findall("mtu"):
        card.remove(found)


def _move(card: Element, change: CardChange) -> None:
    kind = change.type
    if kind not in _SOURCES:
        raise errors.Invalid("a virtual network, a bridge or a device of the host")
    is_same = _place(card)[:2] == (kind, change.source)
    for name in _OF_PLACE if not is_same else ("source",):
        for found in card.findall(name):
            card.remove(found)
    card.set("type", kind)
    mac = card.find("mac")
    source = etree.Element("source", {_SOURCES[kind]: change.source})
    if kind == "direct":
        source.set("mode", change.mode or "bridge")
    elif change.port_group:
        source.set("portgroup", change.port_group)
    card.insert(0 if mac is None else 1, source)


def _child(card: Element, name: str) -> Element:
    found = card.find(name)
    return etree.SubElement(card, name) if found is None else found


def _place(card: Element) -> tuple[str, str, str, str]:
    kind = str(card.get("type", ""))
    mode = attribute(card, "source", "mode") if kind == "direct" else ""
    group = attribute(card, "source", "portgroup")
    return kind, attribute(card, "source", _SOURCES.get(kind, "dev")), group, mode


def _of(root: Element, mac: str) -> Element:
    for card in root.iterfind("devices/interface"):
        if attribute(card, "mac", "address").lower() == mac.lower():
            return card
    raise errors.NotFound(f"no interface {mac}")
