"""The file of a guest's firmware variables. libvirt copies and deletes volumes only: the folder of
the file is one of its pools for a moment.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager

import libvirt

from kvmweb.core.pools import PoolSpec
from kvmweb.core.volumes import VolumeSpec
from kvmweb.definitions import pools as pool_xml
from kvmweb.definitions import volumes as volume_xml
from kvmweb.hypervisor import faults, pools


def own(variables: str, uuid: str) -> str:
    """Beside this file, where a guest keeps its own whatever it is called; nothing for nothing."""
    return posixpath.join(posixpath.dirname(variables), f"{uuid}_VARS.fd") if variables else ""


def copy(connection: libvirt.virConnect, source: str, target: str, uuid: str) -> None:
    """uuid: of the guest that it is for. What is there already stays as it is.

    Nothing to do where the original never started: its variables are made at that moment.
    """
    with pools.translated(), _folder(connection, source, uuid) as pool:
        original = _volume(pool, source)
        if original is None or _volume(pool, target) is not None:
            return
        capacity = volume_xml.parse(original.XMLDesc(0)).capacity
        spec = VolumeSpec(posixpath.basename(target), capacity, "raw")
        pool.createXMLFrom(volume_xml.build(spec), original, 0)


def delete(connection: libvirt.virConnect, path: str, uuid: str) -> None:
    """It may be gone. uuid: of the guest that it was for."""
    with pools.translated(), _folder(connection, path, uuid) as pool:
        found = _volume(pool, path)
        if found is not None:
            found.delete(0)


def leave(connection: libvirt.virConnect, uuid: str) -> None:
    """Without the pool that was there for a moment, where somebody died in that moment."""
    for pool in connection.listAllStoragePools(0):
        if pool.name() == _passing(uuid):
            pool.destroy()


@contextmanager
def _folder(
    connection: libvirt.virConnect, path: str, uuid: str
) -> Iterator[libvirt.virStoragePool]:
    """The started pool of this file's folder, or one that is ours for a moment."""
    folder = posixpath.dirname(path)
    pool, is_ours = _pool_at(connection, folder, _passing(uuid))
    try:
        pool.refresh(0)
        yield pool
    finally:
        if is_ours:
            pool.destroy()


def _pool_at(
    connection: libvirt.virConnect, folder: str, name: str
) -> tuple[libvirt.virStoragePool, bool]:
    for pool in connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        if pool_xml.parse(pool.XMLDesc(0)).path.rstrip("/") == folder:
            return pool, False
    made = pool_xml.build(PoolSpec(name=name, type="dir", target=folder))
    return connection.storagePoolCreateXML(made, 0), True


def _volume(pool: libvirt.virStoragePool, path: str) -> libvirt.virStorageVol | None:
    try:
        return pool.storageVolLookupByName(posixpath.basename(path))
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return None
        raise


def _passing(uuid: str) -> str:
    """The name of the pool that is there for a moment."""
    return f"kvmweb-nvram-{uuid}"
