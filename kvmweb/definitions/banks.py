"""Room for memory that is added later. Source: domain XML <maxMemory>, <numa> of <cpu>, <memory>.

libvirt takes memory devices only where the guest has a NUMA cell that they belong to.
"""

from __future__ import annotations

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.tuning import Banks
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, size, text


def read(root: Element) -> Banks:
    """What the definition says."""
    return Banks(limit=size(root, "maxMemory"), slots=number(attribute(root, "maxMemory", "slots")))


def edit(root: Element, wanted: Banks) -> None:
    """Make it so; the cell that it needs is one of all virtual CPUs and all memory."""
    most = root.find("maxMemory")
    if not wanted.slots:
        if most is not None:
            root.remove(most)
        return
    if most is None:
        most = etree.Element("maxMemory")
        root.insert(root.index(root.find("memory")), most)
    most.set("slots", str(wanted.slots))
    most.set("unit", "KiB")
    most.text = str(wanted.limit // 1024)
    if root.find("cpu/numa") is None:
        _make_cell(root)


def grow(root: Element) -> None:
    """A guest that has all its memory keeps all of it when a device is added: libvirt counts."""
    current = root.find("currentMemory")
    if current is not None and size(root, "currentMemory") == size(root, "memory"):
        root.remove(current)


def cell_of(root: Element) -> Element | None:
    """The only cell; None where there is none, or more."""
    found = root.findall("cpu/numa/cell")
    return found[0] if len(found) == 1 else None


def fit(xml: str, most: int) -> str:
    """The whole definition with this much memory at most, devices included. most: bytes.

    As it is where there is no cell: then libvirt's own call does it. Raises Invalid.
    """
    root = elements.parse(xml)
    cell = cell_of(root)
    if cell is None:
        return xml
    added = sum(size(device, "target/size") for device in root.iterfind("devices/memory"))
    if most <= added:
        raise errors.Invalid("less than the memory devices have")
    cell.set("memory", str((most - added) // 1024))
    cell.set("unit", "KiB")
    root.find("memory").text = str(most // 1024)
    root.find("memory").set("unit", "KiB")
    return elements.serialize(root)


def _make_cell(root: Element) -> None:
    cpu = root.find("cpu")
    if cpu is None:
        cpu = etree.SubElement(root, "cpu")
    numa = etree.SubElement(cpu, "numa")
    last = number(text(root, "vcpu"), 1) - 1
    memory = str(size(root, "memory") // 1024)
    etree.SubElement(
        numa, "cell", id="0", cpus=f"0-{last}" if last else "0", memory=memory, unit="KiB"
    )
