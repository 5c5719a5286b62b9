"""Where on the host a guest runs. Source: domain XML <cputune>, <numatune>."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import USUAL, Placement, cpu_set
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, text

_LIMITS = ("shares", "quota", "period")


def read(root: Element) -> Placement:
    """What the definition says."""
    pins = {
        number(pin.get("vcpu")): str(pin.get("cpuset", ""))
        for pin in root.iterfind("cputune/vcpupin")
    }
    return Placement(
        pins=tuple(f"{vcpu}:{cpus}" for vcpu, cpus in sorted(pins.items())),
        emulator=attribute(root, "cputune/emulatorpin", "cpuset"),
        **{name: number(text(root, f"cputune/{name}")) for name in _LIMITS},
        memory_mode=attribute(root, "numatune/memory", "mode"),
        nodes=attribute(root, "numatune/memory", "nodeset"),
    )


def edit(root: Element, wanted: Placement) -> None:
    """Make it so; what is not named stays, such as the threads of disks and caches."""
    tune = _holder(root, "cputune")
    for tag in ("vcpupin", "emulatorpin", *_LIMITS):
        for found in tune.findall(tag):
            tune.remove(found)
    for name in _LIMITS:
        if getattr(wanted, name):
            etree.SubElement(tune, name).text = str(getattr(wanted, name))
    for pin in wanted.pins:
        vcpu, _colon, cpus = pin.partition(":")
        etree.SubElement(tune, "vcpupin", vcpu=vcpu, cpuset=cpus)
    if wanted.emulator:
        etree.SubElement(tune, "emulatorpin", cpuset=wanted.emulator)
    _edit_memory(root, wanted)
    for tag in ("cputune", "numatune"):
        found = root.find(tag)
        if found is not None and len(found) == 0:
            root.remove(found)


def settled(xml: str, cpus: int) -> str:
    """The same without what changes nothing: libvirt writes down what a running guest was given
    back, such as a pin to every CPU. cpus: how many the host has; 0: unknown."""
    root = elements.parse(xml)
    tune = root.find("cputune")
    if tune is None:
        return xml
    for found in list(tune):
        if _is_usual(found, frozenset(range(cpus))):
            tune.remove(found)
    if len(tune) == 0:
        root.remove(tune)
    return elements.serialize(root)


def _is_usual(found: Element, everywhere: frozenset[int]) -> bool:
    if found.tag in ("vcpupin", "emulatorpin"):
        try:
            return cpu_set(str(found.get("cpuset", ""))) == everywhere
        except ValueError:
            return False
    value = number(found.text)
    return value == USUAL.get(found.tag) or (found.tag == "quota" and value < 0)


def _edit_memory(root: Element, wanted: Placement) -> None:
    before = read(root)
    if (before.memory_mode, before.nodes) == (wanted.memory_mode, wanted.nodes):
        return
    tune = _holder(root, "numatune")
    for found in tune.findall("memory"):
        tune.remove(found)
    if wanted.memory_mode:
        memory = etree.Element("memory", mode=wanted.memory_mode, nodeset=wanted.nodes)
        tune.insert(0, memory)


def _holder(root: Element, tag: str) -> Element:
    found = root.find(tag)
    return etree.SubElement(root, tag) if found is None else found
