"""What a guest can have on a host, from its domain capabilities XML.

Source: https://libvirt.org/formatdomaincaps.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.tuning import CpuModel
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, text


def parse(xml: str) -> DomainFacts:
    """What these capabilities say. Raises Invalid."""
    root = elements.parse(xml)
    loader = _values(root, "os/loader", "secure")
    emulates_tpm = "emulator" in _values(root, "devices/tpm", "backendModel")
    modes = root.iterfind("cpu/mode[@supported='yes']")
    has_efi = "efi" in _values(root, "os", "firmware")
    return DomainFacts(
        virt_type=text(root, "domain"),
        machine=text(root, "machine"),
        vcpus_max=number(attribute(root, "vcpu", "max"), 1),
        cpu_modes=tuple(str(mode.get("name")) for mode in modes),
        has_efi=has_efi,
        has_secure_boot=has_efi and "yes" in loader,
        disk_buses=_values(root, "devices/disk", "bus"),
        videos=_values(root, "devices/video", "modelType"),
        tpms=_values(root, "devices/tpm", "model") if emulates_tpm else (),
        offers=tuple(_offers(root)),
        cpu_models=_models(root),
    )


def _offers(root: Element) -> Iterator[str]:
    """What `core.hardware.is_offered` looks into; disks have their own."""
    for device in (*root.iterfind("devices/*"), *root.iterfind("memoryBacking")):
        if not isinstance(device.tag, str) or device.tag == "disk":
            continue
        if device.get("supported") == "no":
            yield f"{device.tag}:no"
        for enum in device.iterfind("enum"):
            for value in enum.iterfind("value"):
                yield f"{device.tag}.{enum.get('name')}:{(value.text or '').strip()}"


def _models(root: Element) -> tuple[CpuModel, ...]:
    """By name; newer versions of libvirt say which features are missing."""
    custom = root.find("cpu/mode[@name='custom']")
    if custom is None or custom.get("supported") != "yes":
        return ()
    lacks = {
        str(found.get("model")): tuple(str(it.get("name")) for it in found.iterfind("feature"))
        for found in custom.iterfind("blockers")
    }
    models = ((text(model, "."), model.get("usable") != "no") for model in custom.iterfind("model"))
    found = [CpuModel(name, usable, lacks.get(name, ())) for name, usable in models if name]
    return tuple(sorted(found, key=lambda model: model.name.lower()))


def _values(root: Element, path: str, name: str) -> tuple[str, ...]:
    found = root.iterfind(f"{path}/enum[@name='{name}']/value")
    return tuple((value.text or "").strip() for value in found)
