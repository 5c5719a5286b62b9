"""The XML of a storage volume. Source: https://libvirt.org/formatstorage.html#storage-volume-xml."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import elements
from kvmweb.definitions.elements import attribute, size, text

_LOCAL_DRIVERS = ("file", "host_device")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a VolumeRecord takes from the XML.

    identity: what another volume of this name would not have, for libvirt numbers none (ADR 0007):
    of a file when it was last changed in any way, of a logical volume LVM's own id.
    """

    name: str
    path: str
    type: str
    format: str
    capacity: int
    allocation: int
    backing: str
    backing_path: str
    backing_format: str
    is_encrypted: bool
    modified_at: str
    identity: str


def parse(xml: str) -> Definition:
    """What this volume XML says. Raises Invalid."""
    root = elements.parse(xml)
    backing = text(root, "backingStore/path")
    return Definition(
        name=root.findtext("name") or "",
        path=root.findtext("target/path") or "",
        type=str(root.get("type", "file")),
        format=attribute(root, "target/format", "type"),
        capacity=size(root, "capacity"),
        allocation=size(root, "allocation"),
        backing=backing,
        backing_path=backing_path(backing),
        backing_format=attribute(root, "backingStore/format", "type"),
        is_encrypted=root.find("target/encryption") is not None,
        modified_at=text(root, "target/timestamps/mtime"),
        identity=_identity(root),
    )


def _identity(root: etree._Element) -> str:
    """The times of a device's node say nothing: they begin anew with the host."""
    key = text(root, "key")
    if root.get("type", "file") != "file":
        return f"{key} {size(root, 'capacity')}"
    times = [text(root, f"target/timestamps/{which}") for which in ("mtime", "ctime")]
    return " ".join([key, *times])


def backing_path(named: str) -> str:
    """The file of the host that an image's header means; empty where it means none.

    QEMU takes a plain path, `file:path`, a URL, or `json:` with the options of a block device,
    nested or flattened (measured: libvirt hands `json:` through as it stands).
    """
    if named.startswith("json:"):
        try:
            options = json.loads(named[5:])
        except (ValueError, RecursionError):
            return ""
        return _file_of(options)
    if named.startswith("file:"):
        return named[5:].removeprefix("//")
    return "" if "://" in named else named


def _file_of(options: Any, depth: int = 0) -> str:
    """Through formats and filters down to a file."""
    if not isinstance(options, dict) or depth > 8:
        return ""
    driver = str(options.get("driver", "file"))
    filename = options.get("filename")
    if isinstance(filename, str) and driver in _LOCAL_DRIVERS:
        return backing_path(filename) if depth < 8 and not filename.startswith("json:") else ""
    flat = options.get("file.filename")
    if isinstance(flat, str) and str(options.get("file.driver", "file")) in _LOCAL_DRIVERS:
        return flat
    return _file_of(options.get("file"), depth + 1)


def build(spec: VolumeSpec) -> str:
    """The XML of a new volume. Raises Invalid.

    allocation: none for a sparse one; libvirt takes the whole capacity where it is left out.
    """
    root = etree.Element("volume")
    try:
        etree.SubElement(root, "name").text = spec.name
        etree.SubElement(root, "capacity", unit="bytes").text = str(spec.capacity)
        full = spec.preallocation == "full"
        allocation = etree.SubElement(root, "allocation", unit="bytes")
        allocation.text = str(spec.capacity if full else 0)
        target = etree.SubElement(root, "target")
        if spec.format:
            etree.SubElement(target, "format", type=spec.format)
        if spec.backing:
            backing = etree.SubElement(root, "backingStore")
            etree.SubElement(backing, "path").text = spec.backing
            etree.SubElement(backing, "format", type=spec.backing_format or "raw")
    except ValueError as error:
        raise errors.Invalid("a name holds a character that XML cannot carry") from error
    return elements.serialize(root)
