"""libvirt's error codes as our problems: mapped once, here. Nobody else catches by code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import libvirt

from kvmweb.core import errors

_BY_CODE: Final[dict[int, type[errors.Problem]]] = {
    code: problem
    for problem, codes in {
        errors.NotFound: (
            libvirt.VIR_ERR_NO_DOMAIN,
            libvirt.VIR_ERR_NO_NETWORK,
            libvirt.VIR_ERR_NO_NWFILTER,
            libvirt.VIR_ERR_NO_INTERFACE,
            libvirt.VIR_ERR_NO_STORAGE_POOL,
            libvirt.VIR_ERR_NO_STORAGE_VOL,
            libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
            libvirt.VIR_ERR_NO_NODE_DEVICE,
            libvirt.VIR_ERR_DEVICE_MISSING,
        ),
        errors.WrongState: (libvirt.VIR_ERR_OPERATION_INVALID,),
        errors.Exists: (
            libvirt.VIR_ERR_DOM_EXIST,
            libvirt.VIR_ERR_NETWORK_EXIST,
            libvirt.VIR_ERR_STORAGE_VOL_EXIST,
            libvirt.VIR_ERR_STORAGE_POOL_BUILT,
        ),
        errors.Busy: (libvirt.VIR_ERR_RESOURCE_BUSY, libvirt.VIR_ERR_OPERATION_TIMEOUT),
        errors.Invalid: (
            libvirt.VIR_ERR_XML_ERROR,
            libvirt.VIR_ERR_XML_DETAIL,
            libvirt.VIR_ERR_XML_INVALID_SCHEMA,
            libvirt.VIR_ERR_INVALID_ARG,
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
            libvirt.VIR_ERR_NO_NAME,
            libvirt.VIR_ERR_NO_OS,
            libvirt.VIR_ERR_OS_TYPE,
            libvirt.VIR_ERR_NO_SOURCE,
            libvirt.VIR_ERR_NO_TARGET,
        ),
        errors.NotSupported: (
            libvirt.VIR_ERR_NO_SUPPORT,
            libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
            libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        ),
        errors.AgentSilent: (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_AGENT_UNSYNCED),
        errors.Cancelled: (libvirt.VIR_ERR_OPERATION_ABORTED,),
        errors.HostDown: (
            libvirt.VIR_ERR_NO_CONNECT,
            libvirt.VIR_ERR_INVALID_CONN,
            libvirt.VIR_ERR_AUTH_FAILED,
            libvirt.VIR_ERR_AUTH_CANCELLED,
            libvirt.VIR_ERR_ACCESS_DENIED,
            libvirt.VIR_ERR_OPERATION_DENIED,
        ),
    }.items()
    for code in codes
}

_TAKEN_CODES = (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_OPERATION_INVALID)
"""Of a second guest or network of the same name, and of a volume whose file is there (measured)."""
_REMOTE_DOMAINS = (libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC)
_REMOTE_CODES = (
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_RPC,
)
_IN_USE_CODES = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_FAILED)


def problem(error: libvirt.libvirtError) -> errors.Problem:
    """What this error means to a person; libvirt's words stay in `detail`."""
    code, detail = error.get_error_code(), error.get_error_message() or str(error)
    if code in _REMOTE_CODES and error.get_error_domain() in _REMOTE_DOMAINS:
        return errors.HostDown(detail)
    if code in _TAKEN_CODES and "already exists" in detail:
        return errors.Exists(detail)
    if code in _IN_USE_CODES and "already in use by" in detail:
        return errors.Overlap(detail)  # a subnet or bridge of another network or interface
    return _BY_CODE.get(code, errors.Fault)(detail)


def is_gone(error: libvirt.libvirtError) -> bool:
    """The object was removed while we looked at it."""
    return _BY_CODE.get(error.get_error_code()) is errors.NotFound


def is_lost(error: libvirt.libvirtError) -> bool:
    """The connection is in question, not the object."""
    return isinstance(problem(error), errors.HostDown)


@contextmanager
def translated() -> Iterator[None]:
    """Raise our problem instead of libvirt's error."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise problem(error) from error
