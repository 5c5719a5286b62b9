"""What a guest starts with before its system. Source: domain XML <os firmware>, <loader>, <nvram>.

libvirt finds the files by itself: only what they must be able to do is written down.
"""

from __future__ import annotations

from lxml import etree

from kvmweb.core.tuning import FirmwareChoice
from kvmweb.definitions import elements
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


def is_as_asked(live: Element, stored: Element) -> bool:
    """Whether a running guest has such a UEFI as its stored definition asks libvirt to choose.

    libvirt 9.0 tells of a running guest the files alone, not what was asked for.
    """
    if attribute(stored, "os", "firmware") != "efi" or read(live).kind == "bios":
        return False
    asked = stored.find("os/firmware/feature[@name='secure-boot']")
    is_open = asked is None and stored.find("os/loader[@secure]") is None
    return is_open or _is_secure(live) == _is_secure(stored)


def variables(xml: str) -> str:
    """The file of the firmware's variables; empty where none is named. Raises Invalid."""
    found = elements.parse(xml).find("os/nvram")
    if found is None:
        return ""
    return attribute(found, "source", "file") or (found.text or "").strip()


def unnamed_variables(xml: str) -> str:
    """What libvirt calls that file where the definition only asks for UEFI; else nothing.

    Newer than 9.1 it names the file itself when it stores a definition. Raises Invalid.
    """
    root = elements.parse(xml)
    is_asked = attribute(root, "os", "firmware") == "efi" and root.find("os/nvram") is None
    is_kept = is_asked and attribute(root, "os/loader", "stateless") != "yes"
    return f"{elements.text(root, 'name')}_VARS.fd" if is_kept else ""


def with_variables(xml: str, path: str) -> str:
    """The same with its variables in this file, where one is named. Raises Invalid."""
    root = elements.parse(xml)
    keep_in(root, path)
    return elements.serialize(root)


def keep_in(root: Element, path: str) -> None:
    """Its variables in this file, where one is named."""
    found = root.find("os/nvram")
    if found is None:
        return
    source = found.find("source")
    if source is not None:
        source.set("file", path)
    else:
        found.text = path


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
