"""What a host can do, from its capabilities XML.

Source: https://libvirt.org/formatcaps.html.
"""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.definitions import elements
from kvmweb.definitions.elements import text


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Facts, not conclusions: a host may offer kvm and still lack the CPU flags (measured)."""

    arch: str
    cpu_model: str
    has_cpu_flags: bool | None
    """vmx or svm among the host CPU's features; None where the host lists no model."""
    offers_kvm: bool
    arches: tuple[str, ...]
    machines: tuple[str, ...]
    """Machine types of the host's own architecture, aliases first as libvirt lists them."""


def parse(xml: str) -> Capabilities:
    """What these capabilities say. Raises Invalid."""
    root = elements.parse(xml)
    arch = text(root, "host/cpu/arch")
    features = {str(feature.get("name")) for feature in root.iterfind("host/cpu/feature")}
    model = text(root, "host/cpu/model")
    guests = root.findall("guest/arch")
    own = [guest for guest in guests if guest.get("name") == arch]
    machines = (text(machine, ".") for guest in own for machine in guest.findall("machine"))
    return Capabilities(
        arch=arch,
        cpu_model=model,
        has_cpu_flags=bool(features & {"vmx", "svm"}) if model else None,
        offers_kvm=root.find("guest/arch/domain[@type='kvm']") is not None,
        arches=tuple(dict.fromkeys(str(guest.get("name")) for guest in guests)),
        machines=tuple(dict.fromkeys(machine for machine in machines if machine)),
    )
