"""Give a guest that is off another name; its UUID, and so all that is ours of it, stays."""

from __future__ import annotations

import libvirt

from kvmweb.core import errors
from kvmweb.hypervisor import actions, creation, faults, firmware_files


def rename(connection: libvirt.virConnect, uuid: str, *, name: str) -> bool:
    """False where it is called so already.

    Raises: WrongState (it runs, or its state is saved), NotSupported (it has snapshots), Exists,
    Busy (another guest has the file that its firmware's variables would be kept in).
    Snapshots keep the definition with the old name, which a revert would bring back.
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        if domain.name() == name:
            return False
        if domain.isActive():
            raise errors.WrongState(name=domain.name(), state="running")
        if domain.hasManagedSaveImage(0):
            raise errors.WrongState("its state is saved", name=domain.name())
        if has_snapshots(domain):
            raise errors.NotSupported("it has snapshots", name=domain.name())
        creation.refuse_namesake(connection, name=name, uuid=uuid)
        with firmware_files.following(connection, domain, name):
            domain.rename(name, 0)
    return True


def has_snapshots(domain: libvirt.virDomain) -> bool:
    """False also where the driver has none."""
    try:
        return bool(domain.snapshotNum(0))
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.NotSupported):
            return False
        raise
