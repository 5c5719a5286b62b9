"""Network filters: reading, defining, and putting one before an interface of a guest."""

from __future__ import annotations

import logging

import libvirt

from kvmweb.core import errors
from kvmweb.core.networks import FilterRecord
from kvmweb.definitions import elements
from kvmweb.definitions import nwfilters as xml
from kvmweb.hypervisor import faults
from kvmweb.hypervisor.actions import find

log = logging.getLogger(__name__)


def read_all(connection: libvirt.virConnect) -> list[FilterRecord]:
    """Every filter of this host; none where the driver has none."""
    try:
        found = [_or_gone(it) for it in connection.listAllNWFilters(0)]
    except libvirt.libvirtError as error:
        if isinstance(faults.problem(error), errors.NotSupported):
            return []
        raise
    return [record for record in found if record is not None]


def read(connection: libvirt.virConnect, uuid: str) -> FilterRecord | None:
    """One filter; None when it is gone."""
    try:
        return _or_gone(connection.nwfilterLookupByUUIDString(uuid))
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NWFILTER:
            return None
        raise


def define(
    connection: libvirt.virConnect, uuid: str = "", *, name: str, text: str, definition_hash: str
) -> dict[str, str]:
    """Store a filter; one in use works by the new rules at once.

    uuid, definition_hash: of the filter that is changed; empty for a new one.
    Raises: Conflict, Invalid, Exists, and what libvirt says.
    """
    with faults.translated():
        if uuid:
            there = connection.nwfilterLookupByUUIDString(uuid)
            if elements.fingerprint(there.XMLDesc(0)) != definition_hash:
                raise errors.Conflict("the filter changed meanwhile", name=name)
        elif any(it.name() == name for it in connection.listAllNWFilters(0)):
            raise errors.Exists(name=name)
        wanted = xml.named(text, uuid=uuid, name=name)
        flags = getattr(libvirt, "VIR_NWFILTER_DEFINE_VALIDATE", 0)
        made = connection.nwfilterDefineXMLFlags(wanted, flags)
        return {"uuid": made.UUIDString()}


def delete(connection: libvirt.virConnect, uuid: str) -> None:
    """Forget a filter. Raises NotFound, WrongState while an interface passes it."""
    with faults.translated():
        connection.nwfilterLookupByUUIDString(uuid).undefine()


def assign(
    connection: libvirt.virConnect, uuid: str, *, mac: str, filter_name: str = ""
) -> dict[str, bool]:
    """Have an interface of a guest pass this filter, now and from its next start on.

    filter_name: empty takes the filter away. Raises NotFound, Invalid, and what libvirt says.
    """
    domain = find(connection, uuid)
    with faults.translated():
        if filter_name:
            connection.nwfilterLookupByName(filter_name)
        if domain.isPersistent():
            stored = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
            card = xml.interface_with(stored, mac, filter_name)
            domain.updateDeviceFlags(card, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        if domain.isActive():
            card = xml.interface_with(domain.XMLDesc(0), mac, filter_name)
            domain.updateDeviceFlags(card, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return {"changed": True}


def _or_gone(found: libvirt.virNWFilter) -> FilterRecord | None:
    try:
        text = found.XMLDesc(0)
        definition = xml.parse(text)
    except (libvirt.libvirtError, errors.Invalid) as error:
        if isinstance(error, libvirt.libvirtError) and faults.is_lost(error):
            raise
        log.debug("filter left out: %s", error)
        return None
    return FilterRecord(
        uuid=found.UUIDString(),
        name=found.name(),
        chain=definition.chain,
        rules=definition.rules,
        parts=definition.parts,
        definition_hash=elements.fingerprint(text),
        xml=text,
    )
