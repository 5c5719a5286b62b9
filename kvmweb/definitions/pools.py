"""The XML of a storage pool. Source: https://libvirt.org/formatstorage.html."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.pools import PoolSpec, Source, target_of
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


def build(spec: PoolSpec) -> str:
    """The XML of a new pool, or of a stored one that is changed. Raises Invalid."""
    root = etree.Element("pool", type=spec.type)
    try:
        etree.SubElement(root, "name").text = spec.name
        if spec.uuid:
            etree.SubElement(root, "uuid").text = spec.uuid
        if spec.type not in ("dir", "mpath"):
            _build_source(etree.SubElement(root, "source"), spec)
        if path := target_of(spec):
            target = etree.SubElement(root, "target")
            etree.SubElement(target, "path").text = path
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error
    return elements.serialize(root)


def query(pool_type: str, host: str = "", port: int = 0, initiator: str = "") -> str:
    """Where libvirt is to look for pools of this type: a `<source>`."""
    source = etree.Element("source")
    try:
        _build_hosts(source, PoolSpec("", pool_type, hosts=(host,) if host else (), port=port))
        if initiator:
            etree.SubElement(etree.SubElement(source, "initiator"), "iqn", name=initiator)
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error
    return elements.serialize(source)


def sources(xml: str) -> tuple[Source, ...]:
    """What libvirt found. Raises Invalid."""
    root = elements.parse(xml)
    return tuple(
        Source(
            host=attribute(found, "host", "name"),
            source=text(found, "name") or attribute(found, "dir", "path"),
            devices=tuple(str(device.get("path", "")) for device in found.iterfind("device")),
            format=attribute(found, "format", "type"),
        )
        for found in root.iterfind("source")
    )


def supported(xml: str) -> tuple[str, ...]:
    """The types that this host's libvirt has a backend for, from its pool capabilities."""
    root = elements.parse(xml)
    found = (pool for pool in root.iterfind("pool") if pool.get("supported") == "yes")
    return tuple(str(pool.get("type")) for pool in found)


def _build_source(source: Element, spec: PoolSpec) -> None:
    """The order is that of libvirt's schema, which is not the same for every type."""
    kind = spec.type
    if kind in ("rbd", "zfs", "logical"):
        etree.SubElement(source, "name").text = spec.source
    _build_hosts(source, spec)
    if kind == "gluster":
        etree.SubElement(source, "name").text, _, folder = spec.source.partition("/")
        etree.SubElement(source, "dir", path=f"/{folder}")
    if kind == "netfs":
        etree.SubElement(source, "dir", path=spec.source)
    for path in spec.devices:
        etree.SubElement(source, "device", path=path)
    if kind == "scsi":
        _build_adapter(source, spec.adapter)
    if spec.initiator:
        etree.SubElement(etree.SubElement(source, "initiator"), "iqn", name=spec.initiator)
    if spec.format:
        etree.SubElement(source, "format", type=spec.format)
    if spec.secret:
        way = "ceph" if kind == "rbd" else "chap"
        auth = etree.SubElement(source, "auth", type=way, username=spec.username)
        etree.SubElement(auth, "secret", uuid=spec.secret)


def _build_hosts(source: Element, spec: PoolSpec) -> None:
    for name in spec.hosts:
        host = etree.SubElement(source, "host", name=name)
        if spec.port:
            host.set("port", str(spec.port))


def _build_adapter(source: Element, adapter: str) -> None:
    node, colon, port = adapter.partition(":")
    if colon:
        etree.SubElement(source, "adapter", type="fc_host", wwnn=node, wwpn=port)
    else:
        etree.SubElement(source, "adapter", type="scsi_host", name=adapter)
