"""Devices of a host: one call for the list, one round trip for each description."""

from __future__ import annotations

import logging

import libvirt

from kvmweb.core import errors
from kvmweb.core.devices import DeviceRecord, DevicesRecord
from kvmweb.definitions import nodedevices as xml
from kvmweb.hypervisor import faults

log = logging.getLogger(__name__)


def read_all(connection: libvirt.virConnect) -> DevicesRecord:
    """Every device that a person looks for; none where the driver knows of none."""
    with faults.translated():
        try:
            found = connection.listAllDevices(0)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
                return DevicesRecord(())
            raise
        records = (_read(device) for device in found)
        devices = sorted((r for r in records if r), key=lambda r: (r.kind, r.address, r.name))
        return DevicesRecord(tuple(devices))


def _read(device: libvirt.virNodeDevice) -> DeviceRecord | None:
    """None when it was unplugged meanwhile, or is of a kind of its own."""
    try:
        return xml.parse(device.XMLDesc(0))
    except errors.Invalid as error:
        log.debug("device left out: %s", error)
        return None
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return None
