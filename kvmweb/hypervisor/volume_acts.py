"""What can be done with a volume. Each names its pool by `uuid` and itself by `name`.

libvirt deletes, wipes and overwrites a disk under a running guest without a word (measured): so
whoever may lose data is looked for here, at the moment of the act, in every definition.
"""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import disks
from kvmweb.definitions import pools as definitions
from kvmweb.definitions import volumes as xml
from kvmweb.hypervisor import pools, snapshots

HOLDERS_MAX = 500
WIPES = ("zero", "random", "trim", "nnsa", "dod", "bsi", "gutmann", "schneier")
"""Ways to wipe; all but zero and trim need the program `scrub` on the host."""


def find(connection: libvirt.virConnect, uuid: str, name: str) -> libvirt.virStorageVol:
    """The volume of this name. Raises NotFound, WrongState."""
    with pools.translated():
        return pools.find(connection, uuid).storageVolLookupByName(name)


def create(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    name: str,
    capacity: int,
    image_format: str = "",
    preallocation: str = "off",
    backing: str = "",
    backing_format: str = "",
) -> str:
    """A new volume; answers its path. backing: the path of its base on the host.

    Raises: Exists, Invalid, WrongState, Fault (no space left).
    """
    wanted = VolumeSpec(name, capacity, image_format, preallocation, backing, backing_format)
    flags = 0
    if image_format == "qcow2" and preallocation != "off":
        flags = libvirt.VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA
    with pools.translated():
        pool = pools.find(connection, uuid)
        return str(pool.createXML(xml.build(wanted), flags).path())


def clone(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    name: str,
    source_pool: str,
    source: str,
    image_format: str = "",
    source_format: str = "",
) -> str:
    """A new volume in pool `uuid` with the content of another, in this format; blocks until done.

    source_format: what the original was when somebody looked at it; another one now may be read
    as something that names other files. Answers its path.
    Raises: Exists, Busy (a running guest writes to it), Conflict, Invalid, Fault.
    """
    with pools.translated():
        original = pools.find(connection, source_pool).storageVolLookupByName(source)
        refuse_while_used(connection, source_pool, original, only_running=True)
        seen = xml.parse(original.XMLDesc(0))
        if source_format and seen.format != source_format:
            raise errors.Conflict(f"it is {seen.format} now, not {source_format}")
        wanted = xml.build(VolumeSpec(name, seen.capacity, image_format))
        made = pools.find(connection, uuid).createXMLFrom(wanted, original, 0)
        return str(made.path())


def resize(
    connection: libvirt.virConnect, uuid: str, *, name: str, capacity: int, shrink: bool = False
) -> str:
    """Give it this size; answers how: `volume`, or `guest` where a running guest was told too.

    Raises: Invalid (smaller than what it holds), Busy (shrinking under a running guest).
    """
    with pools.translated():
        volume = find(connection, uuid, name)
        path, aliases = volume.path(), _names(connection, uuid, volume)
        for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            target = disks.target_of(domain.XMLDesc(0), aliases)
            if not target:
                continue
            if shrink:
                raise _busy(path, [domain])
            domain.blockResize(target, capacity, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
            volume.info()
            return "guest"
        volume.resize(capacity, libvirt.VIR_STORAGE_VOL_RESIZE_SHRINK if shrink else 0)
    return "volume"


def wipe(connection: libvirt.virConnect, uuid: str, *, name: str, algorithm: str = "zero") -> None:
    """Overwrite all of it; blocks until done. Raises Busy (users), NotSupported, Invalid."""
    if algorithm not in WIPES:
        raise errors.Invalid(f"one of {', '.join(WIPES)}")
    with pools.translated():
        volume = find(connection, uuid, name)
        refuse_while_used(connection, uuid, volume)
        volume.wipePattern(getattr(libvirt, f"VIR_STORAGE_VOL_WIPE_ALG_{algorithm.upper()}"), 0)


def delete(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    name: str,
    force: bool = False,
    identity: str | None = None,
) -> None:
    """Raises Busy with the guests that need it; force: what never was anybody's, taken back.

    identity: of the volume that is meant, as `look` said. Raises Conflict for another, and for any
    where it is empty.
    """
    with pools.translated():
        volume = find(connection, uuid, name)
        if identity is not None:
            volume = _same(connection, uuid, volume, identity)
        if not force:
            refuse_while_used(connection, uuid, volume)
        volume.delete(0)


def _same(
    connection: libvirt.virConnect, uuid: str, volume: libvirt.virStorageVol, identity: str
) -> libvirt.virStorageVol:
    """libvirt looks at a file whenever it is asked; at all else when its pool is refreshed."""
    name = volume.name()
    if volume.info()[0] != libvirt.VIR_STORAGE_VOL_FILE:
        pools.find(connection, uuid).refresh(0)
        volume = find(connection, uuid, name)
    if not identity or xml.parse(volume.XMLDesc(0)).identity != identity:
        raise errors.Conflict(f"{volume.path()} is not the volume that it was")
    return volume


def look(connection: libvirt.virConnect, uuid: str, *, name: str) -> dict[str, Any]:
    """Its record now, whatever the mirror says; raises NotFound."""
    volume = find(connection, uuid, name)
    with pools.translated():
        found = xml.parse(volume.XMLDesc(0))
    return dict(wire.to_plain(found))


def identities(connection: libvirt.virConnect, uuid: str) -> dict[str, str]:
    """Each volume of the pool by name, with what `delete` takes as its identity."""
    with pools.translated():
        found = pools.find(connection, uuid).listAllVolumes()
        return {str(it.name()): xml.parse(it.XMLDesc(0)).identity for it in found}


def _names(connection: libvirt.virConnect, uuid: str, volume: libvirt.virStorageVol) -> set[str]:
    """All that definitions may call this volume."""
    pool = pools.find(connection, uuid)
    alias = definitions.alias(pool.XMLDesc(0), volume.name(), volume.path())
    return {name for name in (volume.path(), f"{pool.name()}/{volume.name()}", alias) if name}


def refuse_while_used(
    connection: libvirt.virConnect,
    uuid: str,
    volume: libvirt.virStorageVol,
    *,
    only_running: bool = False,
) -> None:
    """Raises Busy with the guests whose disks, or what these build on, it is, or the memory of
    whose snapshots."""
    names = _names(connection, uuid, volume)
    which = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE if only_running else 0
    users = []
    for domain in connection.listAllDomains(which):
        stored = [] if only_running or not domain.isPersistent() else [_stored(domain)]
        if any(disks.needs(text, names) for text in [domain.XMLDesc(0), *stored]) or (
            not only_running and snapshots.keeps_memory(domain, names)
        ):
            users.append(domain)
    if users:
        raise _busy(volume.path(), users)


def _busy(path: str, users: list[libvirt.virDomain]) -> errors.Busy:
    """holders: a line each, UUID and name; who may see which is judged by `services.holders`."""
    named = sorted((str(it.name()), str(it.UUIDString())) for it in users)
    lines = [f"{uuid} {name}" for name, uuid in named[:HOLDERS_MAX]]
    return errors.Busy(f"{path} is in use by guests: {len(named)}", holders="\n".join(lines))


def _stored(domain: libvirt.virDomain) -> str:
    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
