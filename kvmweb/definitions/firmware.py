"""What a guest starts with before its system. Source: domain XML <os firmware>, <loader>, <nvram>.

libvirt finds the files by itself: only what they must be able to do is written down.
"""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import FirmwareChoice
from kvmweb.definitions.elements import Element, attribute

_FEATURES = ("secure-boot", "enrolled-keys")


def read(root: Element) -> FirmwareChoice:
    """What the definition says."""
    loader = root.find("os/loader")
    is_flash = loader is not None and loader.get("type") == "pflash"
    is_efi = attribute(root, "os", "firmware") == "efi" or is_flash
    return FirmwareChoice(
        kind=("secure" if _is_secure(root) else "efi") if is_efi else "bios",
        has_variables=root.find("os/nvram") is not None,
    )


def edit(root: Element, wanted: FirmwareChoice) -> None:
    """Make it so; what it starts from stays."""
    system = root.find("os")
    for tag in ("loader", "nvram", "firmware"):
        for found in system.findall(tag):
            system.remove(found)
    system.attrib.pop("firmware", None)
    if wanted.kind != "bios":
        system.set("firmware", "efi")
        enabled = "yes" if wanted.kind == "secure" else "no"
        holder = etree.Element("firmware")
        for name in _FEATURES:
            etree.SubElement(holder, "feature", enabled=enabled, name=name)
        system.insert(1, holder)
    if wanted.kind == "secure":
        _guard_memory(root)


def _guard_memory(root: Element) -> None:
    """Secure boot needs memory that only the firmware may write to."""
    features = root.find("features")
    if features is None:
        features = etree.SubElement(root, "features")
    found = features.find("smm")
    if found is None:
        found = etree.SubElement(features, "smm")
    found.set("state", "on")


def _is_secure(root: Element) -> bool:
    asked = root.find("os/firmware/feature[@name='secure-boot']")
    if asked is not None:
        return bool(asked.get("enabled") == "yes")
    return attribute(root, "os/loader", "secure") == "yes"
