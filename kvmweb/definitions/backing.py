"""What the memory of a guest is made of. Source: domain XML <memoryBacking>."""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import Backing
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute


def read(root: Element) -> Backing:
    """What the definition says."""
    return Backing(
        page_size=_page_size(root),
        is_locked=root.find("memoryBacking/locked") is not None,
        is_shared=attribute(root, "memoryBacking/access", "mode") == "shared",
    )


def edit(root: Element, wanted: Backing) -> None:
    """Make it so; what is not named stays."""
    before = read(root)
    holder = root.find("memoryBacking")
    if holder is None:
        holder = etree.SubElement(root, "memoryBacking")
    if before.page_size != wanted.page_size:
        _drop(holder, "hugepages")
        if wanted.page_size:
            pages = etree.SubElement(holder, "hugepages")
            if wanted.page_size > 1:
                etree.SubElement(pages, "page", size=str(wanted.page_size // 1024), unit="KiB")
    if before.is_locked != wanted.is_locked:
        _drop(holder, "locked")
        if wanted.is_locked:
            etree.SubElement(holder, "locked")
    if before.is_shared != wanted.is_shared:
        _share(holder, is_shared=wanted.is_shared)
    if len(holder) == 0:
        root.remove(holder)


def _share(holder: Element, *, is_shared: bool) -> None:
    """Memory that can be shared has a file: libvirt's own choice of it is in the host's memory."""
    _drop(holder, "access")
    if is_shared:
        if holder.find("source") is None:
            etree.SubElement(holder, "source", type="memfd")
        etree.SubElement(holder, "access", mode="shared")
    elif attribute(holder, "source", "type") == "memfd":
        _drop(holder, "source")


def _page_size(root: Element) -> int:
    pages = root.find("memoryBacking/hugepages")
    if pages is None:
        return 0
    first = pages.find("page")
    if first is None:
        return 1
    holder = etree.Element("page")
    etree.SubElement(holder, "size", unit=first.get("unit", "KiB")).text = first.get("size", "0")
    return elements.size(holder, "size") or 1


def _drop(holder: Element, tag: str) -> None:
    for found in holder.findall(tag):
        holder.remove(found)
