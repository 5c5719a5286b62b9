"""A clone on the host: its definition, and the variables of its firmware."""

from __future__ import annotations

import posixpath
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.core.pools import PoolSpec
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import cloning as xml
from kvmweb.definitions import pools as pool_xml
from kvmweb.definitions import volumes as volume_xml
from kvmweb.hypervisor import actions, creation, faults, pools, volume_acts

_STORED = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


def clone(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    source: str,
    name: str,
    disks: list[dict[str, Any]],
    definition_hash: str = "",
    is_running: bool = False,
    seed: dict[str, Any] | None = None,
) -> None:
    """Keep the definition of the clone. uuid: the clone's; source: of the original.

    is_running: its disks were copied while it ran.
    seed: `{"pool", "volume"}` of the disc of its answers for cloud-init.

    disks: `{"target", "pool", "volume"}` of each that is not shared; no volume leaves the drive
    empty. The definition comes before the firmware's variables: whoever takes the clone back
    deletes both. Raises: WrongState (it runs), Conflict, Exists, NotFound, Invalid.
    """
    original = actions.find(connection, source)
    with faults.translated():
        if original.isActive() and not is_running:
            raise errors.WrongState(name=original.name(), state="running")
        if definition_hash and actions.definition_hash(original) != definition_hash:
            raise errors.Conflict("the definition changed meanwhile", name=original.name())
        creation.refuse_namesake(connection, name=name, uuid=uuid)
        text = original.XMLDesc(_STORED)
        variables = xml.nvram(text)
        own = posixpath.join(posixpath.dirname(variables), f"{uuid}_VARS.fd") if variables else ""
        sources = {str(disk["target"]): _source(connection, disk) for disk in disks}
        disc = _source(connection, seed) if seed else None
        made = xml.clone(text, uuid=uuid, name=name, sources=sources, nvram_path=own, seed=disc)
        connection.defineXMLFlags(made, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    if variables:
        _copy_file(connection, variables, own, uuid)


def unclone(connection: libvirt.virConnect, uuid: str) -> bool:
    """Take back what `clone` made, the firmware's variables with it."""
    with faults.translated():
        for pool in connection.listAllStoragePools(0):
            if pool.name() == _passing(uuid):
                pool.destroy()
    return creation.forget(connection, uuid)


def _source(connection: libvirt.virConnect, disk: dict[str, Any]) -> xml.Source:
    if not disk.get("volume"):
        return xml.Source()
    found = volume_acts.find(connection, str(disk["pool"]), str(disk["volume"]))
    with pools.translated():
        seen = volume_xml.parse(found.XMLDesc(0))
    if seen.type not in ("file", "block"):
        raise errors.NotSupported(f"a disk from a pool of {seen.type} volumes")
    known = "raw" if seen.format in ("", "iso", "none", "unknown") else seen.format
    return xml.Source(seen.type, seen.path, known)


def _copy_file(connection: libvirt.virConnect, source: str, target: str, uuid: str) -> None:
    """libvirt copies volumes only: the folder is one of its pools for a moment.

    Nothing to do where the original never started: its variables are made at that moment.
    """
    folder = posixpath.dirname(source)
    with pools.translated():
        pool, is_ours = _pool_at(connection, folder, _passing(uuid))
        try:
            pool.refresh(0)
            try:
                original = pool.storageVolLookupByName(posixpath.basename(source))
            except libvirt.libvirtError as error:
                if faults.is_gone(error):
                    return
                raise
            capacity = volume_xml.parse(original.XMLDesc(0)).capacity
            spec = VolumeSpec(posixpath.basename(target), capacity, "raw")
            pool.createXMLFrom(volume_xml.build(spec), original, 0)
        finally:
            if is_ours:
                pool.destroy()


def _pool_at(
    connection: libvirt.virConnect, folder: str, name: str
) -> tuple[libvirt.virStoragePool, bool]:
    """The started pool of this folder, or one that is ours for a moment."""
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        if pool_xml.parse(pool.XMLDesc(0)).path.rstrip("/") == folder:
            return pool, False
    made = pool_xml.build(PoolSpec(name=name, type="dir", target=folder))
    return connection.storagePoolCreateXML(made, 0), True


def _passing(uuid: str) -> str:
    """The name of the pool that is there for a moment."""
    return f"kvmweb-nvram-{uuid}"
