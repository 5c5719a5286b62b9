"""Reading storage pools, and what can be done with one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.pools import PASSING, TYPES, PoolSpec, Source
from kvmweb.core.records import PoolRecord
from kvmweb.definitions import elements
from kvmweb.definitions import pools as xml
from kvmweb.hypervisor import connections, faults
from kvmweb.hypervisor.actions import UUID

log = logging.getLogger(__name__)

_SAID: dict[str, type[errors.Problem]] = {
    "asynchronous jobs running": errors.Busy,
    "is still being allocated": errors.Busy,
    "still in use": errors.Busy,
    "already exists": errors.Exists,
    "already in use": errors.Exists,
    "already defined": errors.Exists,
    "source conflict with pool": errors.Exists,
    "missing backend": errors.NotSupported,
    "not supported": errors.NotSupported,
}


def read_all(connection: libvirt.virConnect) -> list[PoolRecord]:
    """Every pool of this host; none where the driver has no storage."""
    try:
        pools = connection.listAllStoragePools(0)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return []
        raise
    found = (_or_gone(pool) for pool in pools)
    return [record for record in found if record is not None]


def read(connection: libvirt.virConnect, uuid: str) -> PoolRecord | None:
    """One pool; None when it is gone."""
    try:
        return _or_gone(connection.storagePoolLookupByUUIDString(uuid))
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return None
        raise


def find(connection: libvirt.virConnect, uuid: str) -> libvirt.virStoragePool:
    """The pool with this UUID. Raises NotFound, Invalid."""
    if not UUID.fullmatch(uuid):
        raise errors.Invalid("not a UUID")
    with faults.translated():
        return connection.storagePoolLookupByUUIDString(uuid)


def refresh(connection: libvirt.virConnect, uuid: str) -> None:
    """Have libvirt look at the storage again. Raises NotFound, WrongState, Busy."""
    with translated():
        find(connection, uuid).refresh(0)


def start(connection: libvirt.virConnect, uuid: str) -> bool:
    """Mount it, sign in, or what its type needs; False when it runs already."""
    pool = find(connection, uuid)
    with translated():
        if pool.isActive():
            return False
        pool.create(0)
    return True


def stop(connection: libvirt.virConnect, uuid: str) -> bool:
    """libvirt serves it no more; nothing is deleted, and disks of running guests go on."""
    pool = find(connection, uuid)
    with translated():
        if not pool.isActive():
            return False
        pool.destroy()
    return True


def autostart(connection: libvirt.virConnect, uuid: str, *, enabled: bool) -> bool:
    """Start with the host, or not. There is no event for it."""
    pool = find(connection, uuid)
    with translated():
        if bool(pool.autostart()) == enabled:
            return False
        pool.setAutostart(int(enabled))
    return True


def build(connection: libvirt.virConnect, uuid: str, *, overwrite: bool = False) -> None:
    """Make the folder, the file system, the partition table or the volume group.

    overwrite: whatever is on the devices is lost; without, libvirt refuses where it finds anything
    (of a folder there is nothing to overwrite, and libvirt takes no flag). Raises Exists, Busy.
    """
    pool = find(connection, uuid)
    with translated():
        kind = xml.parse(pool.XMLDesc(0)).type
        flags = 0
        if kind in ("fs", "disk", "logical"):
            flags = libvirt.VIR_STORAGE_POOL_BUILD_NO_OVERWRITE
            if overwrite:
                flags = libvirt.VIR_STORAGE_POOL_BUILD_OVERWRITE
        pool.build(flags)


def delete_content(connection: libvirt.virConnect, uuid: str) -> None:
    """Remove what the stopped pool is made of: its empty folder, its volume group."""
    with translated():
        find(connection, uuid).delete(0)


def undefine(connection: libvirt.virConnect, uuid: str) -> None:
    """Forget the stopped pool; what it holds stays where it is."""
    with translated():
        find(connection, uuid).undefine()


def define(
    connection: libvirt.virConnect, spec: dict[str, Any], *, definition_hash: str = ""
) -> str:
    """Store this pool's definition, new or changed; answers its UUID.

    spec: a `PoolSpec` as plain values. definition_hash: of the stored one that the person saw.
    Raises: Exists, Invalid, Conflict, NotSupported.
    """
    wanted = wire.from_plain(PoolSpec, spec)
    with translated():
        if wanted.uuid:
            stored = find(connection, wanted.uuid).XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE)
            if definition_hash and elements.fingerprint(stored) != definition_hash:
                raise errors.Conflict("the definition changed meanwhile", name=wanted.name)
        flags = getattr(libvirt, "VIR_STORAGE_POOL_DEFINE_VALIDATE", 0)
        return str(connection.storagePoolDefineXML(xml.build(wanted), flags).UUIDString())


def discover(
    connection: libvirt.virConnect,
    *,
    pool_type: str,
    machine: str = "",
    port: int = 0,
    initiator: str = "",
) -> list[Source]:
    """What a pool of this type could be made of. Raises NotSupported, Fault (nobody answers)."""
    wanted = xml.query(pool_type, machine, port, initiator) if machine or initiator else None
    with translated():
        return list(xml.sources(connection.findStoragePoolSources(pool_type, wanted, 0)))


def resolve(_connection: libvirt.virConnect, *, paths: list[str], uri: str) -> list[str]:
    """Where these paths really lead, through symbolic links; as they are on a remote host."""
    if not connections.is_local(uri):
        return paths
    return [os.path.realpath(path) for path in paths]


def supported(connection: libvirt.virConnect) -> tuple[str, ...]:
    """The types that this host's libvirt has a backend for; all where it cannot say."""
    try:
        return xml.supported(connection.getStoragePoolCapabilities(0))
    except (libvirt.libvirtError, errors.Invalid):
        return TYPES


@contextmanager
def translated() -> Iterator[None]:
    """As `faults.translated`, with what libvirt says of pools in general codes (measured, 9.0)."""
    try:
        yield
    except libvirt.libvirtError as error:
        found = faults.problem(error)
        for words, kind in _SAID.items():
            if words in found.detail and isinstance(found, errors.Fault | errors.Invalid):
                raise kind(found.detail) from error
        raise found from error


def _or_gone(pool: libvirt.virStoragePool) -> PoolRecord | None:
    try:
        return None if pool.name().startswith(PASSING) else _record(pool)
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, errors.Invalid) or not faults.is_lost(error):
            log.debug("pool left out: %s", error)
            return None
        raise


def _record(pool: libvirt.virStoragePool) -> PoolRecord:
    stored = _stored(pool)
    definition = xml.parse(stored)
    state, capacity, allocation, available = pool.info()
    is_active = state != libvirt.VIR_STORAGE_POOL_INACTIVE
    return PoolRecord(
        uuid=pool.UUIDString(),
        name=pool.name(),
        type=definition.type,
        path=definition.path,
        is_active=is_active,
        is_persistent=bool(pool.isPersistent()),
        has_autostart=bool(pool.isPersistent() and pool.autostart()),
        capacity=int(capacity),
        allocation=int(allocation),
        available=int(available),
        volumes=_volumes(pool) if is_active else 0,
        source=definition.source,
        format=definition.format,
        definition_hash=elements.fingerprint(stored),
    )


def _stored(pool: libvirt.virStoragePool) -> str:
    """What was defined. The test driver knows no flags here (libvirt 9.0.0)."""
    if not pool.isPersistent():
        return str(pool.XMLDesc(0))
    try:
        return str(pool.XMLDesc(libvirt.VIR_STORAGE_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        return str(pool.XMLDesc(0))


def _volumes(pool: libvirt.virStoragePool) -> int:
    """A pool may be stopped between two calls."""
    try:
        return int(pool.numOfVolumes())
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return 0
        raise
