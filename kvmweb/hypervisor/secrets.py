"""Secrets for encrypted and Ceph volumes. A value goes in and is never read back."""

from __future__ import annotations

import base64
from dataclasses import replace

import libvirt

from kvmweb.core import errors
from kvmweb.core.devices import SecretRecord, SecretsRecord, SecretUsage
from kvmweb.definitions import secrets as xml
from kvmweb.hypervisor import faults


def read_all(connection: libvirt.virConnect) -> SecretsRecord:
    """Every secret with the pools that use it; none where the driver has no secrets."""
    with faults.translated():
        try:
            found = connection.listAllSecrets(0)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                return SecretsRecord(())
            raise
        if not found:
            return SecretsRecord(())
        pools = _pools(connection)
        records = [record for secret in found if (record := _read(secret, pools))]
        return SecretsRecord(tuple(sorted(records, key=lambda r: (r.usage, r.usage_id, r.uuid))))


def define(
    connection: libvirt.virConnect,
    usage: str,
    usage_id: str,
    description: str,
    is_private: bool,
    is_ephemeral: bool,
    value: str = "",
) -> str:
    """A new secret, with its value where one is given (base64); answers its UUID.

    Raises: Exists (something of that use is there already), Invalid, NotSupported.
    """
    built = xml.build(
        SecretUsage(usage),
        usage_id,
        description,
        is_private=is_private,
        is_ephemeral=is_ephemeral,
    )
    with faults.translated():
        try:
            secret = connection.secretDefineXML(built, libvirt.VIR_SECRET_DEFINE_VALIDATE)
        except libvirt.libvirtError as error:
            if "already defined" in (error.get_error_message() or ""):
                raise errors.Exists(str(error), name=usage_id) from None
            raise
        try:
            if value:
                secret.setValue(base64.b64decode(value), 0)
        except libvirt.libvirtError:
            secret.undefine()  # half a secret would only stand in the way
            raise
        return str(secret.UUIDString())


def set_value(connection: libvirt.virConnect, uuid: str, value: str) -> None:
    """Exchange the value (base64). Raises NotFound."""
    with faults.translated():
        _look_up(connection, uuid).setValue(base64.b64decode(value), 0)


def undefine(connection: libvirt.virConnect, uuid: str) -> None:
    """Delete it with its value. Raises NotFound."""
    with faults.translated():
        _look_up(connection, uuid).undefine()


def _look_up(connection: libvirt.virConnect, uuid: str) -> libvirt.virSecret:
    try:
        return connection.secretLookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() in (
            libvirt.VIR_ERR_NO_SECRET,
            libvirt.VIR_ERR_INVALID_ARG,
        ):
            raise errors.NotFound(str(error)) from None
        raise


def _read(secret: libvirt.virSecret, pools: list[tuple[str, str]]) -> SecretRecord | None:
    """None when it was deleted meanwhile."""
    try:
        record = xml.parse(secret.XMLDesc(0))
    except errors.Invalid:
        return None
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return None
    users = tuple(name for name, definition in pools if xml.is_used(definition, record))
    return replace(record, pools=users)


def _pools(connection: libvirt.virConnect) -> list[tuple[str, str]]:
    """Name and definition of every pool that names a secret."""
    try:
        found = [(pool.name(), pool.XMLDesc(0)) for pool in connection.listAllStoragePools(0)]
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return []
    return [(name, definition) for name, definition in found if "<secret " in definition]
