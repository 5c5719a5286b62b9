"""Reading and writing libvirt's XML safely: the only place that makes a parser.

No DTD, no entities, no network, 1 MiB, 100 levels, 10,000 elements: the same for what people send
and for what a host sends back, which may be hostile too.
"""

from __future__ import annotations

import hashlib
from typing import Any

from lxml import etree

from kvmweb.core import errors

Element = Any
"""An lxml element; lxml has no types of its own."""

SIZE_MAX = 1024 * 1024
DEPTH_MAX = 100
COUNT_MAX = 10_000

_UNITS = {
    "b": 1,
    "bytes": 1,
    "kb": 1000,
    "k": 1024,
    "kib": 1024,
    "mb": 1000**2,
    "m": 1024**2,
    "mib": 1024**2,
    "gb": 1000**3,
    "g": 1024**3,
    "gib": 1024**3,
    "tb": 1000**4,
    "t": 1024**4,
    "tib": 1024**4,
    "pb": 1000**5,
    "p": 1024**5,
    "pib": 1024**5,
    "eb": 1000**6,
    "e": 1024**6,
    "eib": 1024**6,
}


def parse(xml: str) -> Element:
    """The root element of this document. Raises Invalid."""
    raw = xml.encode()
    if len(raw) > SIZE_MAX:
        raise errors.Invalid("the XML is larger than 1 MiB")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise errors.Invalid(f"not well-formed XML: {error}") from error
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise errors.Invalid("a document type is not allowed")
    _measure(root)
    return root


def _measure(root: Element) -> None:
    """Refuse what is too deep or has too many elements."""
    count, depth = 0, 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        count += event == "start"
        if depth > DEPTH_MAX or count > COUNT_MAX:
            raise errors.Invalid("the XML is too deep or has too many elements")


def serialize(root: Element) -> str:
    """The document as text, as libvirt takes it."""
    return str(etree.tostring(root, encoding="unicode"))


def text(parent: Element, path: str, default: str = "") -> str:
    """The text below this path, stripped."""
    return (parent.findtext(path) or default).strip()


def attribute(parent: Element, path: str, name: str, default: str = "") -> str:
    """An attribute of the first element at this path."""
    found = parent.find(path)
    return default if found is None else str(found.get(name, default))


def number(value: str | None, default: int = 0) -> int:
    """A whole number as libvirt prints it; the default when it is none."""
    try:
        return int((value or "").strip())
    except ValueError:
        return default


def size(parent: Element, path: str) -> int:
    """Bytes of an element with libvirt's `unit` attribute; KiB where it has none. 0 when absent."""
    found = parent.find(path)
    if found is None:
        return 0
    return number(found.text) * _UNITS.get(str(found.get("unit", "KiB")).lower(), 1024)


def drop(root: Element, path: str) -> None:
    """Take away what is at this path, and its holder where that is then empty."""
    for found in root.findall(path):
        holder = found.getparent()
        holder.remove(found)
        if holder is not root and len(holder) == 0 and holder.getparent() is not None:
            holder.getparent().remove(holder)


def fingerprint(xml: str) -> str:
    """What a person must have seen to change it: the hash of a definition."""
    return hashlib.sha256(xml.encode()).hexdigest()
