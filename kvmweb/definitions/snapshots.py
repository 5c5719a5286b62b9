"""The XML of a snapshot: what a record needs of it, and the one that asks for a new snapshot.

Source: https://libvirt.org/formatsnapshot.html. Pure: no libvirt calls, no policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from kvmweb.core import errors, limits
from kvmweb.core.snapshots import Kind, Memory, SnapshotRecord
from kvmweb.definitions import disk_limits, elements, foreign, guests, host_devices
from kvmweb.definitions.elements import Element, attribute, number, text


def parse(xml: str) -> SnapshotRecord:
    """What this snapshot XML says; which one is current stands elsewhere. Raises Invalid."""
    root = elements.parse(xml)
    disks = {
        str(disk.get("name", "")): str(disk.get("snapshot", ""))
        for disk in root.iterfind("disks/disk")
    }
    memory = attribute(root, "memory", "snapshot", Memory.NONE)
    domain = root.find("domain")
    return SnapshotRecord(
        name=text(root, "name"),
        description=root.findtext("description") or "",
        created_at=number(root.findtext("creationTime")),
        state=text(root, "state"),
        parent=text(root, "parent/name"),
        memory=Memory(memory) if memory in set(Memory) else Memory.NONE,
        kind=Kind.EXTERNAL if Kind.EXTERNAL in disks.values() else Kind.INTERNAL,
        disks=tuple(name for name, kept in disks.items() if kept in set(Kind)),
        needs=() if domain is None else _needs(domain),
        has_added_vcpus=_has_added_vcpus(root),
        memory_file=_memory_file(root),
        limits=_limits(root),
    )


def _limits(root: Element) -> tuple[str, ...]:
    """Those that hold both at once and from the next start on, once one has gone back to it."""
    domains = [it for it in (root.find("domain"), root.find("inactiveDomain")) if it is not None]
    found = [_limits_of(domain) for domain in domains]
    return _sorted(frozenset.intersection(*found)) if found else ()


def _limits_of(domain: Element) -> frozenset[str]:
    disks = domain.iterfind("devices/disk")
    cards = (guests.interface(card) for card in domain.iterfind("devices/interface"))
    return limits.words(
        ((attribute(it, "target", "dev"), disk_limits.read(it).kept()) for it in disks),
        ((it.mac, it.inbound, it.outbound) for it in cards),
    )


def _has_added_vcpus(root: Element) -> bool:
    """libvirt lists them one by one after a change while running, and calls them all alike here.

    A guest that is defined with such a list has it in its stored definition as well.
    """
    domain = root.find("domain")
    if domain is None or domain.find("vcpus") is None:
        return False
    return guests.has_added_vcpus(domain) or root.find("inactiveDomain/vcpus") is None


def needs(*domains: str) -> tuple[str, ...]:
    """What guests of these domain XMLs are connected to, in the words of `needs_of`.

    Raises Invalid.
    """
    return _sorted(key for domain in domains for key in _all_needs(elements.parse(domain)))


def needs_of(xml: str) -> tuple[str, ...]:
    """What going back to this snapshot connects the guest to, now and at its next start.

    More than a record says: whatever not everybody who may go back may also give the guest.
    """
    root = elements.parse(xml)
    found = (root.find(name) for name in ("domain", "inactiveDomain"))
    return _sorted(key for domain in found if domain is not None for key in _all_needs(domain))


def _needs(domain: Element) -> tuple[str, ...]:
    """`disk:<source>`, `net:<type>/<source>/<port group>/<filter>` and `dev:<key>`."""
    disks = (guests.disk_source(disk) for disk in domain.iterfind("devices/disk"))
    cards = (guests.interface(card) for card in domain.iterfind("devices/interface"))
    return _sorted(
        [f"disk:{source}" for source in disks if source]
        + [f"net:{it.type}/{it.source}/{it.port_group}/{it.filter}" for it in cards]
        + [f"dev:{key}" for key in host_devices.of_guest(domain)]
    )


def _all_needs(domain: Element) -> Iterator[str]:
    """The same with all that raw XML can give, and each card with how it is joined and its tags."""
    yield from (key for key in _needs(domain) if not key.startswith("net:"))
    for card in domain.iterfind("devices/interface"):
        yield _card(card)
    yield from foreign.keys(domain)


def _card(card: Element) -> str:
    it = guests.interface(card)
    key = f"net:{it.type}/{it.source}/{it.port_group}/{it.filter}"
    found = card.iterfind("vlan/tag")
    tags = [f"{tag.get('id')}{tag.get('nativeMode', '')}" for tag in found]
    tags += ["trunk"] * (attribute(card, "vlan", "trunk") == "yes")
    return f"{key}/{it.mode}/{','.join(tags)}" if it.mode or tags else key


def _sorted(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(keys)))


def memory_file(xml: str) -> str:
    """Where this snapshot keeps memory outside of the images; empty otherwise. Raises Invalid."""
    return _memory_file(elements.parse(xml))


def _memory_file(root: Element) -> str:
    memory = root.find("memory")
    is_outside = memory is not None and memory.get("snapshot") == Memory.EXTERNAL
    return str(memory.get("file", "")) if memory is not None and is_outside else ""


def build(
    name: str,
    description: str,
    *,
    with_memory: bool,
    disks: Mapping[str, str],
    memory_file: str = "",
) -> str:
    """Ask for this snapshot. disks: target to internal, external or no, every disk named.

    memory_file: where memory is kept, instead of inside an image.

    Raises: Invalid.
    """
    root = etree.Element("domainsnapshot")
    try:
        etree.SubElement(root, "name").text = name
        if description:
            etree.SubElement(root, "description").text = description
    except ValueError as error:
        raise errors.Invalid("a character that XML cannot carry") from error
    kept = Memory.INTERNAL if with_memory else Memory.NONE
    if with_memory and memory_file:
        etree.SubElement(root, "memory", snapshot=Memory.EXTERNAL, file=memory_file)
    else:
        etree.SubElement(root, "memory", snapshot=kept)
    if disks:
        holder = etree.SubElement(root, "disks")
        for target, kind in disks.items():
            etree.SubElement(holder, "disk", name=target, snapshot=kind)
    return elements.serialize(root)
