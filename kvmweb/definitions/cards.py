"""The network interfaces of a guest, edited in place.

What is not named stays: filter, bandwidth, driver, address. Source: domain XML <interface>.
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.cards import CardChange
from kvmweb.core.specs import InterfaceSpec
from kvmweb.definitions import elements
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

    Model and MAC stay as they are. Raises NotFound, Invalid.
    """
    card = _of(elements.parse(xml), mac)
    _apply(card, replace(change, model="", mac=""))
    return elements.serialize(card)


def look(xml: str, mac: str) -> tuple[str, ...]:
    """How and where it is connected, its model and its link. Raises NotFound, Invalid."""
    card = _of(elements.parse(xml), mac)
    link = attribute(card, "link", "state", "up")
    return (*_place(card), attribute(card, "model", "type"), link)


def _apply(card: Element, change: CardChange) -> None:
    if change.source and _place(card) != (change.type, change.source):
        _move(card, change.type, change.source)
    if change.model and attribute(card, "model", "type") != change.model:
        _child(card, "model").set("type", change.model)
    if change.mac and attribute(card, "mac", "address").lower() != change.mac:
        _child(card, "mac").set("address", change.mac)
    is_up = attribute(card, "link", "state", "up") != "down"
    if change.is_link_up is not None and change.is_link_up != is_up:
        _child(card, "link").set("state", "up" if change.is_link_up else "down")


def _move(card: Element, kind: str, source: str) -> None:
    if kind not in ("network", "bridge"):
        raise errors.Invalid("a virtual network, or a bridge of the host")
    for name in _OF_PLACE:
        for found in card.findall(name):
            card.remove(found)
    card.set("type", kind)
    mac = card.find("mac")
    card.insert(0 if mac is None else 1, etree.Element("source", {_SOURCES[kind]: source}))


def _child(card: Element, name: str) -> Element:
    found = card.find(name)
    return etree.SubElement(card, name) if found is None else found


def _place(card: Element) -> tuple[str, str]:
    kind = str(card.get("type", ""))
    return kind, attribute(card, "source", _SOURCES.get(kind, "dev"))


def _of(root: Element, mac: str) -> Element:
    for card in root.iterfind("devices/interface"):
        if attribute(card, "mac", "address").lower() == mac.lower():
            return card
    raise errors.NotFound(f"no interface {mac}")
