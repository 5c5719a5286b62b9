"""The XML of a storage pool. Source: https://libvirt.org/formatstorage.html."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, text


@dataclass(frozen=True, slots=True)
class Definition:
    """What a PoolRecord takes from the XML."""

    uuid: str
    name: str
    type: str
    path: str
    source: str = ""
    format: str = ""


def parse(xml: str) -> Definition:
    """What this pool XML says. Raises Invalid."""
    root = elements.parse(xml)
    return Definition(
        uuid=text(root, "uuid"),
        name=root.findtext("name") or "",
        type=str(root.get("type", "")),
        path=text(root, "target/path"),
        source=_source(root),
        format=attribute(root, "source/format", "type"),
    )


def alias(xml: str, name: str, path: str) -> str:
    """Another name under which guests use this volume of the pool; empty where there is none.

    Source: domain XML <source protocol= name=>; device-mapper doubles a dash inside a name.
    """
    root = elements.parse(xml)
    kind, source = str(root.get("type", "")), text(root, "source/name")
    if kind == "rbd":
        return f"rbd:{source}/{name}"
    if kind == "gluster":
        folder = attribute(root, "source/dir", "path").strip("/")
        return "gluster:" + "/".join(part for part in (source, folder, name) if part)
    if kind == "iscsi-direct":
        return f"iscsi:{attribute(root, 'source/device', 'path')}/{name.rpartition(':')[2]}"
    if kind == "logical":
        group = source or path.rpartition("/")[0].rpartition("/")[2]
        return "/dev/mapper/" + "-".join(part.replace("-", "--") for part in (group, name))
    return ""


def _source(root: Element) -> str:
    """In one line: `host:dir`, `host/iqn`, a group's name, the devices."""
    source = root.find("source")
    if source is None:
        return ""
    hosts = [str(host.get("name", "")) for host in source.iterfind("host")]
    devices = [str(device.get("path", "")) for device in source.iterfind("device")]
    host, name = ", ".join(hosts), text(source, "name")
    folder = attribute(source, "dir", "path")
    adapter = source.find("adapter")
    if adapter is not None:
        words = (adapter.get("name"), adapter.get("wwpn"), adapter.get("parent"))
        return next((str(word) for word in words if word), "")
    what = name + (folder if name and folder != "/" else "") if name else folder
    what = what or ", ".join(devices)
    return f"{host}:{what}" if host and what else host or what
