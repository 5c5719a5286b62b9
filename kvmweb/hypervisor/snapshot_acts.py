"""Acts on the snapshots of a guest: taking one, going back to one, deleting.

Measured (libvirt 9.0, QEMU 7.2): no event tells of any of it but a guest that pauses or restarts;
going back to a snapshot with memory restarts QEMU; to one without, it ends shut off; a snapshot
that QEMU cannot load leaves the guest shut off, so what can be known before is asked before.
"""

from __future__ import annotations

import logging
import posixpath

import libvirt

from kvmweb.core import errors
from kvmweb.core.snapshots import Kind
from kvmweb.definitions import snapshots as xml
from kvmweb.hypervisor import actions, faults

log = logging.getLogger(__name__)

AFTERWARDS = {
    "": 0,
    "running": libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING,
    "paused": libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED,
}


def take(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    name: str,
    description: str = "",
    with_memory: bool = False,
    disks: dict[str, str],
    memory_file: str = "",
) -> None:
    """disks: target to internal, external or no. memory_file: where memory goes with the latter.

    Raises Exists, WrongState, Invalid.
    """
    domain = actions.find(connection, uuid)
    _take(domain, name, description, with_memory, disks, memory_file)


def _take(
    domain: libvirt.virDomain,
    name: str,
    description: str,
    with_memory: bool,
    disks: dict[str, str],
    memory_file: str,
) -> None:
    wanted = xml.build(
        name, description, with_memory=with_memory, disks=disks, memory_file=memory_file
    )
    flags = libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    if Kind.EXTERNAL in disks.values() and not with_memory:
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    with faults.translated():
        domain.snapshotCreateXML(wanted, flags)


def revert(
    connection: libvirt.virConnect,
    uuid: str,
    *,
    name: str,
    afterwards: str = "",
    before: dict[str, object] | None = None,
) -> None:
    """Go back. afterwards: running, paused, or as it was then.

    before: arguments of `take`, to keep the present state first: without it nothing is reverted.
    Raises: WrongState when it had other disks, networks or devices then, or could not be loaded.
    """
    domain = actions.find(connection, uuid)
    if afterwards not in AFTERWARDS:
        raise errors.Invalid("afterwards is running, paused or nothing")
    with faults.translated():
        snapshot = domain.snapshotLookupByName(name, 0)
        text = snapshot.getXMLDesc(0)
        record = xml.parse(text)
        here = xml.needs(domain.XMLDesc(0), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        missing = set(xml.needs_of(text)) - set(here)
        if record.kind == Kind.EXTERNAL:
            missing = {key for key in missing if not key.startswith("disk:")}
        if missing:
            raise errors.WrongState(f"not connected now: {', '.join(sorted(missing))}")
        if record.is_active and record.has_added_vcpus:
            raise errors.WrongState("QEMU cannot load memory with virtual CPUs added live")
        if before:
            _keep(domain, before)
        domain.revertToSnapshot(snapshot, AFTERWARDS[afterwards])


def _keep(domain: libvirt.virDomain, before: dict[str, object]) -> None:
    """Take the snapshot that these arguments describe. Raises as `take`."""
    disks = before.get("disks")
    if not isinstance(disks, dict):
        raise errors.Invalid("disks: target to kind")
    _take(
        domain,
        str(before.get("name", "")),
        str(before.get("description", "")),
        bool(before.get("with_memory")),
        {str(target): str(kind) for target, kind in disks.items()},
        str(before.get("memory_file", "")),
    )


def delete(
    connection: libvirt.virConnect, uuid: str, *, name: str, with_children: bool = False
) -> None:
    """What it kept goes, and with_children what was taken after it. Raises NotFound.

    libvirt 9.0 takes no branch with external ones at once: then it is the latest first, one by one.
    """
    domain = actions.find(connection, uuid)
    with faults.translated():
        asked = domain.snapshotLookupByName(name, 0)
        branch = [asked, *(_below(asked) if with_children else ())]
        texts = [snapshot.getXMLDesc(0) for snapshot in branch]
        if any(xml.parse(text).kind == Kind.EXTERNAL for text in texts):
            for snapshot, text in zip(reversed(branch), reversed(texts), strict=True):
                snapshot.delete(0)
                _forget_memory(connection, xml.memory_file(text))
            return
        flags = libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN if with_children else 0
        asked.delete(flags)


def _below(snapshot: libvirt.virDomainSnapshot) -> list[libvirt.virDomainSnapshot]:
    """All that were taken after it, each before what was taken after that."""
    descendants = libvirt.VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS
    topological = libvirt.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL
    return list(snapshot.listAllChildren(descendants | topological))


def _forget_memory(connection: libvirt.virConnect, path: str) -> None:
    """libvirt 9.0 leaves the file where it was; it can be taken away where a pool knows it."""
    if not path:
        return
    try:
        pool = connection.storagePoolLookupByTargetPath(posixpath.dirname(path))
        pool.refresh(0)
        pool.storageVolLookupByName(posixpath.basename(path)).delete(0)
    except libvirt.libvirtError as error:
        if not faults.is_gone(error):
            log.warning("the memory of a snapshot stays behind: %s", error)
