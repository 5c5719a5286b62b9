"""Reading storage pools, and what can be done with one."""

from __future__ import annotations

import logging

import libvirt

from kvmweb.core import errors
from kvmweb.core.records import PoolRecord
from kvmweb.definitions import elements
from kvmweb.definitions import pools as xml
from kvmweb.hypervisor import faults

log = logging.getLogger(__name__)


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


def refresh(connection: libvirt.virConnect, uuid: str) -> None:
    """Have libvirt look at the storage again. Raises NotFound, WrongState."""
    with faults.translated():
        connection.storagePoolLookupByUUIDString(uuid).refresh(0)


def _or_gone(pool: libvirt.virStoragePool) -> PoolRecord | None:
    try:
        return _record(pool)
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
