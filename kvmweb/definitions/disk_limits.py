"""The most that a disk may read and write in a second. Source: domain XML <iotune> of a disk."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.disk_edits import DiskLimits
from kvmweb.definitions import disks, elements
from kvmweb.definitions.elements import Element, number, text


def read(disk: Element) -> DiskLimits:
    """What a <disk> says."""
    return DiskLimits(**{it: number(text(disk, f"iotune/{it}_sec")) for it in DiskLimits.__slots__})


def has_any(xml: str) -> bool:
    """Whether a disk of this definition is limited."""
    return any(read(disk) != DiskLimits() for disk in elements.parse(xml).findall("devices/disk"))


def edit(xml: str, target: str, wanted: DiskLimits) -> str:
    """The whole definition with this disk so limited; bursts and groups stay.

    Raises: NotFound, Invalid.
    """
    root = elements.parse(xml)
    disk = disks.of_target(root, target)
    if read(disk) == wanted:
        return xml
    tune = disk.find("iotune")
    if tune is None:
        tune = etree.Element("iotune")
        disk.insert(disk.index(disk.find("target")) + 1, tune)
    for name in DiskLimits.__slots__:
        found = tune.find(f"{name}_sec")
        value = getattr(wanted, name)
        if found is not None and not value:
            tune.remove(found)
        elif value:
            found = etree.SubElement(tune, f"{name}_sec") if found is None else found
            found.text = str(value)
    if len(tune) == 0:
        disk.remove(tune)
    return elements.serialize(root)
