"""A clone on the host: its definition, and the variables of its firmware."""

from __future__ import annotations

from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.definitions import cloning as xml
from kvmweb.definitions import firmware
from kvmweb.definitions import volumes as volume_xml
from kvmweb.hypervisor import actions, creation, faults, firmware_files, pools, volume_acts
from kvmweb.hypervisor import disks as devices

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
    mac: str = "",
) -> None:
    """Keep the definition of the clone. uuid: the clone's; source: of the original.

    disks: `{"target", "pool", "volume", "format"}` of each that is not shared; no volume leaves the
    drive empty. format: what it was made as. is_running: they were copied while it ran. seed: the
    same of the disc of its answers for cloud-init. mac: of its first network card. The definition
    comes before the firmware's variables: whoever takes the clone back deletes both.
    Raises: WrongState (it runs), Conflict, Exists, NotFound, Invalid.
    """
    original = actions.find(connection, source)
    with faults.translated():
        if original.isActive() and not is_running:
            raise errors.WrongState(name=original.name(), state="running")
        if definition_hash and actions.definition_hash(original) != definition_hash:
            raise errors.Conflict("the definition changed meanwhile", name=original.name())
        creation.refuse_namesake(connection, name=name, uuid=uuid)
        text = original.XMLDesc(_STORED)
        variables = _variables(connection, text)
        if firmware.unnamed_variables(text):
            firmware_files.refuse_namesake(connection, name, uuid)
        own = firmware_files.of_clone(variables, text, uuid, name)
        sources = {str(disk["target"]): _source(connection, disk) for disk in disks}
        disc = _source(connection, seed) if seed else None
        made = xml.clone(
            text, uuid=uuid, name=name, sources=sources, nvram_path=own, seed=disc, mac=mac
        )
        connection.defineXMLFlags(made, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    if variables:
        firmware_files.copy(connection, variables, own, uuid)


def unclone(connection: libvirt.virConnect, uuid: str) -> bool:
    """Take back what `clone` made, the firmware's variables with it."""
    with faults.translated():
        firmware_files.leave(connection, uuid)
    return creation.forget(connection, uuid)


def _variables(connection: libvirt.virConnect, text: str) -> str:
    """Nothing also where only libvirt itself could find them: the clone begins with fresh ones."""
    try:
        return firmware_files.of(connection, text)
    except errors.NotSupported:
        return ""


def _source(connection: libvirt.virConnect, disk: dict[str, Any]) -> xml.Source:
    """In the format that it was made as: what libvirt finds in it now, a guest may have written."""
    if not disk.get("volume"):
        return xml.Source()
    found = volume_acts.find(connection, str(disk["pool"]), str(disk["volume"]))
    with pools.translated():
        seen = volume_xml.parse(found.XMLDesc(0))
    if seen.type not in ("file", "block"):
        raise errors.NotSupported(f"a disk from a pool of {seen.type} volumes")
    return xml.Source(seen.type, seen.path, devices.read_as(str(disk["format"])))
