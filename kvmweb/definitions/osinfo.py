"""Reading the osinfo database: its XML files, and what one entry takes over from another.

Source: https://gitlab.com/libosinfo/osinfo-db, data/schema/osinfo.rng.in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date

from kvmweb.core.systems import DEVICES, CloudImage, Medium, Need, System, Tree
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, number, text

DEPTH_MAX = 40
"""Of what derives from what; the database's own chains have some 20."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One `<os>` as it stands, before it takes over what its ancestors say.

    parents: the URIs of what it derives from or clones. lacks: devices that it drives no more.
    """

    system: System
    parents: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset()
    inherits_needs: bool = False


def parse(xml: str) -> list[Entry]:
    """The systems of one file. Raises Invalid."""
    return [_entry(found) for found in elements.parse(xml).iterfind("os") if found.get("id")]


def resolve(entries: Iterable[Entry]) -> dict[str, System]:
    """All systems by short id, complete. Of two entries with one URI the later one adds to it."""
    known: dict[str, Entry] = {}
    for entry in entries:
        uri = entry.system.uri
        known[uri] = _joined(known[uri], entry) if uri in known else entry
    found = (_complete(entry, known) for entry in known.values())
    return {system.id: system for system in found if system.id}


def _entry(os: Element) -> Entry:
    ids = tuple(text(found, ".") for found in os.findall("short-id"))
    supported: set[str] = set()
    lacks: set[str] = set()
    for device in os.iterfind("devices/device"):
        name = DEVICES.get(str(device.get("id")))
        if name:
            (lacks if device.get("supported") == "false" else supported).add(name)
    firmwares = {
        (str(found.get("type")), found.get("supported") != "false")
        for found in os.iterfind("firmware")
    }
    system = System(
        id=ids[0] if ids else "",
        uri=str(os.get("id")),
        name=_plain(os, "name"),
        names=ids[1:],
        version=text(os, "version"),
        family=text(os, "family"),
        distro=text(os, "distro"),
        vendor=_plain(os, "vendor"),
        codename=text(os, "codename"),
        released=_date(text(os, "release-date")),
        ends=_date(text(os, "eol-date")),
        status=text(os, "release-status", "released"),
        minimum=_needs(os, "minimum"),
        recommended=_needs(os, "recommended"),
        devices=frozenset(supported),
        offers_efi=("efi", True) in firmwares,
        needs_efi=("bios", False) in firmwares,
        media=tuple(_medium(found) for found in os.iterfind("media")),
        trees=tuple(_tree(found) for found in os.iterfind("tree")),
        images=tuple(_image(found) for found in os.iterfind("image") if text(found, "url")),
        user=text(os, "cloud-image-username"),
    )
    parents = tuple(str(p.get("id")) for p in os if p.tag in ("derives-from", "clones"))
    inherits = any(found.get("inherit") == "true" for found in os.iterfind("resources"))
    return Entry(system, parents, frozenset(lacks), inherits)


def _plain(os: Element, tag: str) -> str:
    """The one without a language."""
    names = (found for found in os.findall(tag) if not found.attrib)
    return next((text(found, ".") for found in names), "")


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _needs(os: Element, level: str) -> tuple[Need, ...]:
    return tuple(
        Need(
            arch=str(resources.get("arch", "all")),
            cpus=_count(found, "n-cpus"),
            memory=_count(found, "ram"),
            disk=_count(found, "storage"),
        )
        for resources in os.iterfind("resources")
        for found in resources.iterfind(level)
    )


def _count(parent: Element, path: str) -> int | None:
    return number(parent.findtext(path)) or None


def _medium(found: Element) -> Medium:
    return Medium(
        arch=str(found.get("arch", "all")),
        volume=text(found, "iso/volume-id"),
        system=text(found, "iso/system-id"),
        publisher=text(found, "iso/publisher-id"),
        application=text(found, "iso/application-id"),
        size=number(found.findtext("iso/volume-size")),
        url=text(found, "url"),
        kernel=text(found, "kernel"),
        initrd=text(found, "initrd"),
        is_live=found.get("live") == "true",
        is_installer=found.get("installer") != "false",
    )


def _tree(found: Element) -> Tree:
    return Tree(
        arch=str(found.get("arch", "all")),
        url=text(found, "url"),
        kernel=text(found, "kernel"),
        initrd=text(found, "initrd"),
        family=text(found, "treeinfo/family"),
        variant=text(found, "treeinfo/variant"),
        version=text(found, "treeinfo/version"),
        machine=text(found, "treeinfo/arch"),
    )


def _image(found: Element) -> CloudImage:
    return CloudImage(
        arch=str(found.get("arch", "all")),
        url=text(found, "url"),
        format=str(found.get("format", "")),
        has_cloud_init=found.get("cloud-init") == "true",
    )


def _joined(first: Entry, later: Entry) -> Entry:
    """Lists grow; single values of the later one count where it has them."""
    changes: dict[str, object] = {}
    for field in dataclasses.fields(System):
        old, new = getattr(first.system, field.name), getattr(later.system, field.name)
        if isinstance(new, frozenset):
            changes[field.name] = old | new
        elif isinstance(new, tuple):
            changes[field.name] = old + tuple(item for item in new if item not in old)
        elif new and not (field.name == "status" and new == "released"):
            changes[field.name] = new
    return Entry(
        dataclasses.replace(first.system, **changes),  # type: ignore[arg-type]
        tuple(dict.fromkeys(first.parents + later.parents)),
        first.lacks | later.lacks,
        first.inherits_needs or later.inherits_needs,
    )


def _complete(entry: Entry, known: Mapping[str, Entry]) -> System:
    """The entry with its ancestors' devices, and their needs and firmware where it has none."""
    system = entry.system
    devices = _devices(entry, known)
    for ancestor in _ancestors(entry, known):
        older = ancestor.system
        wants = entry.inherits_needs and not system.minimum
        system = dataclasses.replace(
            system,
            offers_efi=system.offers_efi or older.offers_efi,
            needs_efi=system.needs_efi or older.needs_efi,
            minimum=older.minimum if wants else system.minimum,
            recommended=older.recommended if wants else system.recommended,
        )
    return dataclasses.replace(system, devices=devices)


def _devices(entry: Entry, known: Mapping[str, Entry], depth: int = 0) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    if depth < DEPTH_MAX:
        for uri in entry.parents:
            if uri in known:
                found |= _devices(known[uri], known, depth + 1)
    return (found | entry.system.devices) - entry.lacks


def _ancestors(entry: Entry, known: Mapping[str, Entry]) -> list[Entry]:
    """Nearest first, each once."""
    found: dict[str, Entry] = {}
    waiting = list(entry.parents)
    while waiting and len(found) < DEPTH_MAX:
        uri = waiting.pop(0)
        if uri in known and uri not in found:
            found[uri] = known[uri]
            waiting += known[uri].parents
    return list(found.values())
