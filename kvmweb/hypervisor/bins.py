"""The recycle bin on the host: a guest that stays defined, out of the way, under another name.

Its disks, NVRAM, TPM state, snapshots and saved state stay where they are, for libvirt still has
the guest. Each function may be called again after it was cut off.
"""

from __future__ import annotations

import logging
from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.bins import BinMark
from kvmweb.definitions import bins as xml
from kvmweb.hypervisor import (
    actions,
    creation,
    faults,
    firmware_files,
    metadata,
    renaming,
)

log = logging.getLogger(__name__)

NAME_MAX = 180
"""libvirt makes file names of a guest's name."""


def put(connection: libvirt.virConnect, uuid: str, *, mark: dict[str, Any]) -> None:
    """Mark it as deleted, keep it from starting with the host, and free its name where possible.

    mark: `BinMark`; name and autostart are read here. Raises: NotFound, WrongState while it runs.
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        _require_off(domain)
        if _mark(domain) is None:
            wanted = {**mark, "name": domain.name(), "has_autostart": bool(domain.autostart())}
            element = xml.build(wire.from_plain(BinMark, wanted))
            metadata.write(domain, metadata.ELEMENT, element, metadata.BIN)
        if domain.autostart():
            domain.setAutostart(0)
        name = aside(domain.name(), uuid)
        if domain.name() != name and not has_past(domain):
            _put_aside(connection, domain, name)


def take_out(connection: libvirt.virConnect, uuid: str, *, name: str) -> None:
    """Give it this name, and let it be a guest again. The mark goes last.

    Raises: NotFound, Exists, WrongState, NotSupported for another name than the one it is bound to.
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        mark = _mark(domain)
        if mark is None:
            return
        if domain.name() != name:
            if domain.isActive():
                raise errors.WrongState(name=domain.name(), state="running")
            if has_past(domain):
                raise errors.NotSupported("its name is fixed", name=domain.name())
            creation.refuse_namesake(connection, name=name, uuid=uuid)
            with firmware_files.following(connection, domain, name):
                domain.rename(name, 0)
        if mark.has_autostart:
            domain.setAutostart(1)
    metadata.write(domain, metadata.ELEMENT, None, metadata.BIN)


def purge(connection: libvirt.virConnect, uuid: str) -> bool:
    """Drop the definition and all that libvirt keeps with it; False when there is no such guest.

    Raises: WrongState for a guest that is not in the bin any more, or runs.
    """
    try:
        domain = actions.find(connection, uuid)
    except errors.NotFound:
        return False
    with faults.translated():
        if _mark(domain) is None:
            raise errors.WrongState("it is not in the recycle bin", name=domain.name())
    creation.delete(connection, uuid)
    return True


def aside(name: str, uuid: str) -> str:
    """What a guest is called meanwhile: nobody else will want this name."""
    tail = f".deleted-{uuid[:8]}"
    return name if name.endswith(tail) else f"{name[:NAME_MAX]}{tail}"


def has_past(domain: libvirt.virDomain) -> bool:
    """A saved state, or snapshots, whose definitions name it as it is called now: libvirt would
    not find them under another name, and a new guest of that name would."""
    return bool(domain.hasManagedSaveImage(0)) or renaming.has_snapshots(domain)


def _put_aside(connection: libvirt.virConnect, domain: libvirt.virDomain, name: str) -> None:
    """With its firmware's variables. Where those cannot come along it keeps its name."""
    try:
        with firmware_files.following(connection, domain, name):
            domain.rename(name, 0)
    except errors.HostDown:
        raise
    except errors.Problem as problem:
        log.warning("%s keeps its name in the bin: %s", domain.UUIDString(), problem.detail)


def _mark(domain: libvirt.virDomain) -> BinMark | None:
    found = metadata.read(domain, metadata.BIN)
    return None if found is None else xml.parse(found)


def _require_off(domain: libvirt.virDomain) -> None:
    if domain.isActive():
        raise errors.WrongState(name=domain.name(), state="running")
    if not domain.isPersistent():
        raise errors.WrongState("it has no stored definition", name=domain.name())
