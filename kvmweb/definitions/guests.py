"""The domain XML of a guest: what a record needs of it, and our own metadata in it.

Source: https://libvirt.org/formatdomain.html. Pure: no libvirt calls, no policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.bins import BinMark
from kvmweb.core.records import DiskRecord, InterfaceRecord, SerialRecord
from kvmweb.core.tuning import Tuning
from kvmweb.definitions import bins, boot_order, disk_limits, elements, host_devices, tuning
from kvmweb.definitions.elements import Element, attribute, number, size, text

NAMESPACE = "https://kvmweb.org/xmlns/1"
"""Of our element in <metadata>: `<kvmweb:tags xmlns:kvmweb="…">` with `<kvmweb:tag>` inside."""
PREFIX = "kvmweb"

TAG_MAX = 64
TAGS_MAX = 64

AGENT_CHANNEL = "org.qemu.guest_agent.0"


@dataclass(frozen=True, slots=True)
class Definition:
    """All that a GuestRecord takes from the XML. Memory in bytes."""

    uuid: str
    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    virt_type: str
    arch: str
    machine: str
    firmware: str
    vcpus: int
    vcpus_max: int
    memory: int
    memory_max: int
    disks: tuple[DiskRecord, ...]
    interfaces: tuple[InterfaceRecord, ...]
    serials: tuple[SerialRecord, ...]
    has_screen: bool
    has_agent_channel: bool
    is_agent_connected: bool
    host_devices: tuple[str, ...] = ()
    has_added_vcpus: bool = False
    boot: tuple[str, ...] = ()
    bin: BinMark | None = None
    tuning: Tuning = field(default_factory=Tuning)


def parse(xml: str) -> Definition:
    """What this domain XML says, live or inactive. Raises Invalid."""
    root = elements.parse(xml)
    agent = _agent_channel(root)
    vcpus_max = number(text(root, "vcpu"), 1)
    memory_max = size(root, "memory")
    return Definition(
        uuid=text(root, "uuid"),
        name=root.findtext("name") or "",
        title=text(root, "title"),
        description=text(root, "description"),
        tags=_tags(root),
        virt_type=str(root.get("type", "")),
        arch=attribute(root, "os/type", "arch"),
        machine=attribute(root, "os/type", "machine"),
        firmware=_firmware(root),
        vcpus=number(attribute(root, "vcpu", "current"), vcpus_max),
        vcpus_max=vcpus_max,
        memory=size(root, "currentMemory") or memory_max,
        memory_max=memory_max,
        disks=tuple(_disk(disk) for disk in root.iterfind("devices/disk")),
        interfaces=tuple(interface(card) for card in root.iterfind("devices/interface")),
        serials=_serials(root),
        has_screen=root.find("devices/graphics[@type='vnc']") is not None,
        has_agent_channel=agent is not None,
        is_agent_connected=agent is not None and attribute(agent, "target", "state") == "connected",
        host_devices=host_devices.of_guest(root),
        has_added_vcpus=has_added_vcpus(root),
        boot=boot_order.of(root),
        bin=bins.of(root),
        tuning=tuning.of(root),
    )


def vnc_address(xml: str) -> tuple[str, int] | None:
    """Where a running guest's VNC server listens on its host; None without a port."""
    graphics = elements.parse(xml).find("devices/graphics[@type='vnc']")
    if graphics is None or number(graphics.get("port"), -1) <= 0:
        return None
    listen = attribute(graphics, "listen", "address") or str(graphics.get("listen", ""))
    return listen, number(graphics.get("port"))


def has_added_vcpus(root: Element) -> bool:
    """Whether virtual CPUs came after QEMU began: only those of the beginning are marked "no"."""
    enabled = root.iterfind("vcpus/vcpu[@enabled='yes']")
    return any(vcpu.get("hotpluggable") != "no" for vcpu in enabled)


def _firmware(root: Element) -> str:
    if root.find("os[@firmware='efi']") is not None:
        return "efi"
    return "efi" if root.find("os/loader[@type='pflash']") is not None else "bios"


def _agent_channel(root: Element) -> Element | None:
    return next(
        (
            channel
            for channel in root.iterfind("devices/channel")
            if attribute(channel, "target", "name") == AGENT_CHANNEL
        ),
        None,
    )


def _disk(disk: Element) -> DiskRecord:
    return DiskRecord(
        target=attribute(disk, "target", "dev"),
        bus=attribute(disk, "target", "bus"),
        device=str(disk.get("device", "disk")),
        source=disk_source(disk),
        format="" if disk.find("source") is None else attribute(disk, "driver", "type"),
        is_readonly=disk.find("readonly") is not None,
        cache=attribute(disk, "driver", "cache"),
        discard=attribute(disk, "driver", "discard"),
        is_shareable=disk.find("shareable") is not None,
        io=attribute(disk, "driver", "io"),
        detect_zeroes=attribute(disk, "driver", "detect_zeroes"),
        serial=text(disk, "serial"),
        is_removable=attribute(disk, "target", "removable") == "on",
        limits=disk_limits.read(disk).kept(),
    )


def disk_source(disk: Element) -> str:
    """Path, pool/volume or network name of a <disk>; empty for an empty drive."""
    source = disk.find("source")
    if source is None:
        return ""
    if source.get("pool"):
        return f"{source.get('pool')}/{source.get('volume', '')}"
    for name in ("file", "dev", "dir", "name", "path"):
        if source.get(name):
            protocol = source.get("protocol")
            return f"{protocol}:{source.get(name)}" if protocol else str(source.get(name))
    return str(source.get("protocol", ""))


def interface(card: Element) -> InterfaceRecord:
    """What an <interface> says."""
    source = card.find("source")
    names = ("network", "bridge", "dev", "path", "address", "name")
    return InterfaceRecord(
        mac=attribute(card, "mac", "address").lower(),
        type=str(card.get("type", "")),
        source=""
        if source is None
        else next((str(source.get(name)) for name in names if source.get(name)), ""),
        model=attribute(card, "model", "type"),
        target=attribute(card, "target", "dev"),
        is_link_up=attribute(card, "link", "state", "up") != "down",
        bridge=attribute(card, "source", "bridge"),
        port=attribute(card, "source", "portid"),
        port_group=attribute(card, "source", "portgroup"),
        filter=attribute(card, "filterref", "filter"),
    )


def _serials(root: Element) -> tuple[SerialRecord, ...]:
    """Serial ports, and those consoles that are not merely another name of the first of them."""
    found = []
    for kind in ("serial", "console"):
        for order, port in enumerate(root.iterfind(f"devices/{kind}")):
            target = attribute(port, "target", "type")
            if port.get("type") not in ("pty", "unix") or (
                kind == "console" and target in ("", "serial")
            ):
                continue
            alias = attribute(port, "alias", "name") or f"{kind}{order}"
            place = number(attribute(port, "target", "port"), order)
            found.append(SerialRecord(alias=alias, target=target, port=place))
    return tuple(found)


def _tags(root: Element) -> tuple[str, ...]:
    holder = root.find(f"metadata/{{{NAMESPACE}}}tags")
    return () if holder is None else _read_tags(holder)


def _read_tags(holder: Element) -> tuple[str, ...]:
    found = ((tag.text or "").strip()[:TAG_MAX] for tag in holder.iterfind("{*}tag"))
    return tuple(dict.fromkeys(tag for tag in found if tag))[:TAGS_MAX]


def parse_tags(xml: str) -> tuple[str, ...]:
    """The tags in our metadata element, as virDomainGetMetadata gives it. Raises Invalid."""
    return _read_tags(elements.parse(xml))


def build_tags(tags: tuple[str, ...]) -> str:
    """Our metadata element, as virDomainSetMetadata takes it: it adds the namespace by itself.

    Raises: Invalid.
    """
    wanted = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    if len(wanted) > TAGS_MAX or any(len(tag) > TAG_MAX for tag in wanted):
        raise errors.Invalid(f"at most {TAGS_MAX} tags of {TAG_MAX} characters")
    holder = etree.Element("tags")
    try:
        for tag in wanted:
            etree.SubElement(holder, "tag").text = tag
    except ValueError as error:
        raise errors.Invalid("a tag holds a character that XML cannot carry") from error
    return elements.serialize(holder)
