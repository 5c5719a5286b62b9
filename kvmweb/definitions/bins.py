"""The mark of a guest in the recycle bin: our element in its <metadata>, in a namespace of its own,
for libvirt keeps one element of each."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.bins import BinMark, BinnedVolume
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element

NAMESPACE = "https://kvmweb.org/xmlns/bin/1"
PREFIX = "kvmwebbin"
_PATH = f"metadata/{{{NAMESPACE}}}bin"


def of(root: Element) -> BinMark | None:
    """The mark in this domain, if there is one."""
    found = root.find(_PATH)
    return None if found is None else _read(found)


def parse(xml: str) -> BinMark:
    """The element as virDomainGetMetadata gives it. Raises Invalid."""
    return _read(elements.parse(xml))


def build(mark: BinMark) -> str:
    """The element as virDomainSetMetadata takes it: it adds the namespace by itself."""
    made = etree.Element("bin", name=mark.name, at=f"{mark.at:.0f}", by=mark.by)
    made.set("autostart", "yes" if mark.has_autostart else "no")
    for volume in mark.volumes:
        etree.SubElement(made, "volume", pool=volume.pool, name=volume.name)
    return elements.serialize(made)


def unmark(root: Element) -> None:
    """Without it: what is made after this guest is not in the bin."""
    elements.drop(root, _PATH)


def _read(found: Element) -> BinMark:
    return BinMark(
        name=str(found.get("name", "")),
        at=elements.number(found.get("at")),
        by=str(found.get("by", "")),
        has_autostart=found.get("autostart") == "yes",
        volumes=tuple(
            BinnedVolume(str(it.get("pool", "")), str(it.get("name", "")))
            for it in found.iterfind("{*}volume")
        ),
    )
