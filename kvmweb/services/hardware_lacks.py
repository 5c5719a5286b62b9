"""Why a value of a device cannot be chosen: what its host lacks, or what it needs beside."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from kvmweb.core.devices import DeviceKind, DevicesRecord
from kvmweb.core.hardware import Field, Kind, is_offered
from kvmweb.core.hardware_kinds import HEADLESS, RENDERS, VIDEO
from kvmweb.core.hosts import Part
from kvmweb.services import parts
from kvmweb.services.marks import internal


@internal("a part of what a host offers")
def drawing(host: str) -> tuple[str, ...]:
    """Whether a card is there to draw with, in the words of domain capabilities, which do not tell.

    Nothing while the host has not said what devices it has.
    """
    found = parts.read(host, Part.DEVICES, DevicesRecord)
    if found is None:
        return ()
    can_draw = any(it.kind is DeviceKind.RENDER for it in found.record.devices)
    return (RENDERS,) if can_draw else ("render:no",)


@internal("a part of what a host offers")
def reasons(kind: Kind, told: tuple[str, ...], *, may_pass: bool) -> dict[str, str]:
    """Field to sentence, of those that cannot have each of their values here."""
    found = ((field.name, _reason(field, told, may_pass)) for field in kind.fields if field.needs)
    return {name: sentence for name, sentence in found if sentence}


@internal("a part of what a host offers")
def can_have(field: Field, value: str, told: tuple[str, ...]) -> bool:
    """Whether the host offers all that this value needs."""
    return all(is_offered(told, need) for need in dict(field.needs).get(value, ()))


@internal("a part of changing a device, which carries the mark")
def faults(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    """Field to sentence: values that do not go together."""
    if kind is VIDEO and values.get("accel3d") == "yes" and values.get("model") != "virtio":
        return {"accel3d": _("Only a VirtIO card draws in 3D.")}
    return {}


def _reason(field: Field, told: tuple[str, ...], may_pass: bool) -> str:
    lacks = [need for _value, needs in field.needs for need in needs if not is_offered(told, need)]
    if HEADLESS in lacks:
        return _("QEMU of this host cannot draw without a window (egl-headless): no 3D.")
    if RENDERS in lacks:
        return _("The host has no graphics card that could draw for guests: no 3D.")
    if field.powerful and not may_pass:
        return _("This needs the right “Give guests devices and folders of the host”.")
    return ""
