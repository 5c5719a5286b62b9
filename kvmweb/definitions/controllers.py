"""What other devices are plugged into, where libvirt's own choice would be an old one."""

from __future__ import annotations

from lxml import etree

from kvmweb.definitions.elements import Element


def with_scsi(root: Element) -> None:
    """A controller for SCSI devices, where there is none: libvirt itself would take an LSI one."""
    devices = root.find("devices")
    if devices.find("controller[@type='scsi']") is None:
        etree.SubElement(devices, "controller", type="scsi", model="virtio-scsi")
