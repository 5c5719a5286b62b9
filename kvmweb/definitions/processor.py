"""The processor of a guest. Source: domain XML <cpu>."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import Processor
from kvmweb.definitions.elements import Element, attribute, number, text

_TOPOLOGY = ("sockets", "dies", "cores", "threads")
_OF_MODE = ("match", "check", "migratable")


def read(root: Element) -> Processor:
    """What the definition says."""
    return Processor(
        cpu_mode=_mode(root),
        cpu_model=text(root, "cpu/model") if _mode(root) == "custom" else "",
        topology=_topology(root),
        required=_features(root, "require"),
        disabled=_features(root, "disable"),
    )


def edit(root: Element, wanted: Processor) -> None:
    """Make it so; what is not named stays."""
    before = read(root)
    cpu = root.find("cpu")
    if cpu is None:
        cpu = etree.SubElement(root, "cpu")
    if (before.cpu_mode, before.cpu_model) != (wanted.cpu_mode, wanted.cpu_model):
        _set_mode(cpu, wanted)
    if before.topology != wanted.topology:
        _set_topology(cpu, wanted.topology)
    for policy, names in (("require", wanted.required), ("disable", wanted.disabled)):
        _set_features(cpu, policy, names)
    if not wanted.cpu_mode and cpu.find("*") is None:
        root.remove(cpu)


def fit(root: Element, count: int) -> bool:
    """Give the topology as many sockets as make this many CPUs, which are the most it can have.

    Both at once: libvirt refuses one without the other. False where nothing was to do.
    """
    before = _topology(root)
    if not before or Processor(topology=before).count == count:
        return False
    _sockets, dies, cores, threads = before
    rest = dies * cores * threads
    is_even = count % rest == 0
    _set_topology(root.find("cpu"), (count // rest, *before[1:]) if is_even else (count, 1, 1, 1))
    most = root.find("vcpu")
    now = number(most.get("current"), number(most.text))
    most.text = str(count)
    most.attrib.pop("current", None)
    if now < count:
        most.set("current", str(now))
    return True


def _mode(root: Element) -> str:
    """A model without a mode is what was written before there were modes."""
    found = attribute(root, "cpu", "mode")
    return found or ("custom" if root.find("cpu/model") is not None else "")


def _topology(root: Element) -> tuple[int, ...]:
    found = root.find("cpu/topology")
    return () if found is None else tuple(number(found.get(name), 1) for name in _TOPOLOGY)


def _features(root: Element, policy: str) -> tuple[str, ...]:
    found = root.iterfind("cpu/feature")
    return tuple(str(it.get("name")) for it in found if it.get("policy", "require") == policy)


def _set_mode(cpu: Element, wanted: Processor) -> None:
    for name in ("mode", *_OF_MODE):
        cpu.attrib.pop(name, None)
    for tag in ("model", "vendor"):
        for found in cpu.findall(tag):
            cpu.remove(found)
    if wanted.cpu_mode:
        cpu.set("mode", wanted.cpu_mode)
    if wanted.cpu_mode == "custom":
        cpu.set("match", "exact")
        model = etree.Element("model", fallback="forbid")
        model.text = wanted.cpu_model
        cpu.insert(0, model)


def _set_topology(cpu: Element, wanted: tuple[int, ...]) -> None:
    found = cpu.find("topology")
    if found is not None and not wanted:
        cpu.remove(found)
        return
    if found is None:
        found = etree.SubElement(cpu, "topology")
    for name, value in zip(_TOPOLOGY, wanted, strict=True):
        found.set(name, str(value))


def _set_features(cpu: Element, policy: str, wanted: tuple[str, ...]) -> None:
    for found in cpu.findall("feature"):
        name, is_named = found.get("name"), found.get("policy", "require") == policy
        if is_named and name not in wanted:
            cpu.remove(found)
    there = {found.get("name"): found for found in cpu.findall("feature")}
    for name in wanted:
        if name in there:
            there[name].set("policy", policy)
        else:
            etree.SubElement(cpu, "feature", policy=policy, name=name)
