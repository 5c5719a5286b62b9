"""virt-xml's lines that do to a device what the dialogs do: virsh itself takes files of XML."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kvmweb.core.details import GuestDetails
from kvmweb.core.hardware import Device, Kind
from kvmweb.core.hardware_kinds import OTHER, named
from kvmweb.ui import commands


def add(details: GuestDetails, kind: Kind, values: Mapping[str, str]) -> str:
    """virt-xml's line that adds one."""
    return _virt_xml(details, "--add-device", f"--{kind.option}", _options(kind, values))


def edit(details: GuestDetails, device: Device) -> str:
    """virt-xml's line that changes this one."""
    kind = named(device.kind)
    words_of_it = [
        f"{field.option}={device.values.get(field.name) or field.default}"
        for field in kind.fields
        if field.option and not field.is_fixed and not field.is_secret
    ]
    return _virt_xml(details, "--edit", _place(device), f"--{kind.option}", ",".join(words_of_it),
                     is_live=False)  # fmt: skip


def remove(details: GuestDetails, device: Device) -> str:
    """virt-xml's line that removes this one."""
    kind = named(device.kind)
    option = device.tag if kind is OTHER else kind.option
    return _virt_xml(details, "--remove-device", f"--{option}", _place(device))


def convert_spice(details: GuestDetails) -> str:
    """virt-xml 5 does it in one line."""
    return _virt_xml(details, "--edit", "--convert-to-vnc", is_live=False)


def _place(device: Device) -> str:
    """virt-xml counts from one."""
    return str(int(device.key.removeprefix("now-").split("-")[-2]) + 1)


def _options(kind: Kind, values: Mapping[str, str]) -> str:
    said = list(kind.options)
    if kind.source:
        said.append(_host_device(values.get("device", "")))
    for field in kind.fields:
        value = values.get(field.name) or field.default
        if field.option and not field.is_secret and not field.is_fixed:
            said.append(f"{field.option}={value or field.name.upper()}")
    return ",".join(said)


def _host_device(key: str) -> str:
    """As virt-xml names it: a SCSI device by its node device."""
    kind, _colon, place = key.partition(":")
    return f"scsi_{place.replace(':', '_')}" if kind == "scsi" else place or "DEVICE"


def _virt_xml(details: GuestDetails, *said: str, is_live: bool = True) -> str:
    record, uri = details.record, details.host.uri
    line = ["virt-xml", *(["--connect", uri] if uri else [])]
    line += [commands.guest_word(record.name, record.uuid), *(word for word in said if word)]
    return shlex.join([*line, *(["--update"] if is_live and record.state.is_active else [])])
