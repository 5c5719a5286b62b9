"""Making a guest, and taking one back: what a creation does on the host, step by step.

Every function may be called again after it was cut off: what is there already is no error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import libvirt

from kvmweb.core import errors, wire
from kvmweb.core.specs import DiskSpec, Firmware, GuestSpec
from kvmweb.definitions import guest_building, hardware
from kvmweb.definitions import volumes as volume_xml
from kvmweb.hypervisor import actions, faults, firmware_files

UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)
"""Everything that libvirt keeps of a guest; the state of most TPMs goes along (libvirt 9.0)."""
KEEPS_TPM = 8_009_000
"""The libvirt that learned to keep a TPM's state, and to be told not to."""


def define(connection: libvirt.virConnect, uuid: str, *, spec: dict[str, Any]) -> None:
    """Keep the definition of a new guest. Raises NotFound (volume), WrongState (pool), Exists."""
    wanted = _resolved(connection, _spec(uuid, spec))
    xml = guest_building.build(replace(wanted, direct=None))
    with faults.translated():
        refuse_namesake(connection, name=wanted.name, uuid=wanted.uuid)
        if wanted.firmware is not Firmware.BIOS:
            firmware_files.refuse_namesake(connection, wanted.name, wanted.uuid)
        made = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        if wanted.firmware is not Firmware.BIOS:  # what a guest of this name left is none of its
            firmware_files.forget(connection, made.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE), uuid)


def start_installer(connection: libvirt.virConnect, uuid: str, *, spec: dict[str, Any]) -> bool:
    """Run a defined guest this once with a kernel of its own; it ends when that reboots."""
    wanted = _resolved(connection, _spec(uuid, spec))
    with faults.translated():
        if connection.lookupByUUIDString(uuid).isActive():
            return False
        connection.createXML(guest_building.build(wanted), libvirt.VIR_DOMAIN_START_VALIDATE)
    return True


def delete(connection: libvirt.virConnect, uuid: str) -> None:
    """Drop the definition and all that libvirt keeps with it. Raises WrongState while it runs:
    libvirt itself would make it transient without a word, and lose it when it stops."""
    domain = actions.find(connection, uuid)
    with faults.translated():
        if domain.isActive():
            raise errors.WrongState(name=domain.name(), state="running")
        _undefine(connection, domain)


def forget(connection: libvirt.virConnect, uuid: str) -> bool:
    """Force it off and drop all that libvirt keeps of it; False when there is no such guest."""
    try:
        domain = connection.lookupByUUIDString(uuid)
        if domain.isActive():
            domain.destroy()
        if domain.isPersistent():
            _undefine(connection, domain)
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return False
        raise faults.problem(error) from error
    return True


def _undefine(connection: libvirt.virConnect, domain: libvirt.virDomain) -> None:
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    has_tpm = any(device.tag == "tpm" for device in hardware.parse(text))
    is_told = has_tpm and connection.getLibVersion() >= KEEPS_TPM
    domain.undefineFlags(UNDEFINE | (libvirt.VIR_DOMAIN_UNDEFINE_TPM if is_told else 0))


def _spec(uuid: str, plain: dict[str, Any]) -> GuestSpec:
    try:
        found = wire.from_plain(GuestSpec, plain)
    except (TypeError, ValueError) as error:
        raise errors.Invalid(f"not the spec of a guest: {error}") from error
    if found.uuid != uuid or any(disk.path for disk in found.disks):
        raise errors.Invalid("a spec names its own guest, and no paths")
    return found


def refuse_namesake(connection: libvirt.virConnect, *, name: str, uuid: str) -> None:
    """libvirt says so too, but with an error that has no code of its own. Raises Exists."""
    try:
        other = connection.lookupByName(name)
    except libvirt.libvirtError as error:
        if faults.is_gone(error):
            return
        raise
    if other.UUIDString() != uuid:
        raise errors.Exists(name=name)


def _resolved(connection: libvirt.virConnect, spec: GuestSpec) -> GuestSpec:
    """The same with the paths that libvirt knows for each volume."""
    disks = tuple(_with_path(connection, disk) if disk.pool else disk for disk in spec.disks)
    direct = spec.direct
    if direct:
        kernel, initrd = (_path(connection, name) for name in (direct.kernel, direct.initrd))
        direct = replace(direct, kernel=kernel, initrd=initrd)
    return replace(spec, disks=disks, direct=direct)


def _with_path(connection: libvirt.virConnect, disk: DiskSpec) -> DiskSpec:
    definition = volume_xml.parse(_volume(connection, disk.pool, disk.volume))
    if definition.type not in ("file", "block"):
        raise errors.NotSupported(
            f"a disk from a pool of {definition.type} volumes", name=disk.pool
        )
    return replace(
        disk,
        path=definition.path,
        type=definition.type,
        format="raw" if definition.format in ("", "iso", "unknown") else definition.format,
    )


def _path(connection: libvirt.virConnect, volume: str) -> str:
    """Of a volume named `pool/volume`; nothing for nothing."""
    pool, _, name = volume.partition("/")
    return volume_xml.parse(_volume(connection, pool, name)).path if volume else ""


def _volume(connection: libvirt.virConnect, pool: str, name: str) -> str:
    """The XML of a volume. pool: UUID. Raises NotFound with its name."""
    try:
        found = connection.storagePoolLookupByUUIDString(pool)
        return str(found.storageVolLookupByName(name).XMLDesc(0))
    except libvirt.libvirtError as error:
        problem = faults.problem(error)
        problem.context.setdefault("name", name)
        raise problem from error
