"""What raw XML or the right to give devices of the host must have made, and what it is known by.

Plain: what a creation can build too. Everything else is foreign: libvirt takes it, we never ask.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator

from lxml import etree

from kvmweb.definitions import drawing, host_devices, screens
from kvmweb.definitions.elements import Element, attribute

_PLAIN_DEVICES = frozenset(
    {
        "emulator", "disk", "interface", "controller", "graphics", "video", "input", "sound",
        "audio", "hub", "watchdog", "memballoon", "panic", "vsock", "iommu", "tpm", "rng",
        "serial", "console", "channel", "parallel", "redirdev",
    }
)  # fmt: skip
"""What a creation can build too, once `is_plain` has looked at its type."""
PORTS = frozenset({"serial", "console", "channel", "parallel", "redirdev"})
_PLAIN_PORTS = frozenset({"pty", "null", "vc", "spicevmc", "spiceport"})
_ENTROPY = ("/dev/urandom", "/dev/random", "/dev/hwrng")
_CLIENTS = ("spicevmc", "qemu-vdagent")
"""What only speaks with the client of a screen."""
_BANKS = ("dimm", "virtio-mem")
_OWN_SOCKETS = "/libvirt/qemu/channel/"
"""Where libvirt itself puts the sockets of the agents."""
_FILES = ("os/kernel", "os/initrd", "os/dtb", "os/acpi", "memoryBacking/locked")
_PASSING = ("alias", "address")
"""What libvirt gives a device of its own accord; not that inside of a <source>."""


def is_plain(device: Element) -> bool:
    """Whether a creation can build this device, too."""
    if device.tag not in _PLAIN_DEVICES:
        return False
    if device.tag in PORTS:
        is_agents = device.tag == "channel" and device.get("type") == "unix"
        return is_agents or device.get("type") in _PLAIN_PORTS
    if device.tag == "rng":
        return all(
            it.get("model") == "builtin" or (it.text or "").strip() in _ENTROPY
            for it in device.iterfind("backend")
        )
    if device.tag == "tpm":
        return attribute(device, "backend", "type") == "emulator"
    if device.tag == "graphics":
        return bool(device.get("type") != "egl-headless")
    if device.tag == "video":
        return not drawing.is_accelerated(device)
    if device.tag == "audio":
        return device.get("type") in ("none", "spice")
    if device.tag == "interface":
        return device.get("type") in ("network", "bridge", "direct", "user")
    return True


def is_driver_own(child: Element) -> bool:
    """`<qemu:commandline>` and its like: arguments that libvirt hands through as they are."""
    is_element = isinstance(child.tag, str)
    return is_element and etree.QName(child).namespace is not None


def keys(domain: Element) -> Iterator[str]:
    """What a guest of this definition has that not everybody may give it, to compare two of them.

    `foreign:<tag>:<digest>`, `fs:<source>/<target>/<how>`, `file:<path>`, `listen:<address>` and
    `drawing:3d`.
    """
    for child in domain:
        is_label = child.tag == "seclabel" and child.get("type") in ("none", "static")
        if is_driver_own(child) or is_label:
            yield _digest(child)
    for path in _FILES:
        yield from (_digest(found) for found in domain.iterfind(path))
    for device in domain.iterfind("devices/*"):
        yield from _device(device)
    for screen in domain.iterfind("devices/graphics"):
        inner = (it for it in screens.listens(screen) if not screens.is_inside(it))
        yield from (f"listen:{address}" for address in inner)


def _device(device: Element) -> Iterator[str]:
    if device.tag == "filesystem":
        yield _folder(device)
    elif device.tag == "video" and drawing.is_accelerated(device):
        yield "drawing:3d"
    elif not _is_usual(device):
        yield _digest(device)
    if device.tag == "channel" and device.get("type") == "unix":
        source = device.find("source")
        path = "" if source is None else str(source.get("path", ""))
        if path and (_OWN_SOCKETS not in path or source.get("mode") == "connect"):
            yield f"file:{path}"
    for name in ("log", "rom"):
        path = attribute(device, name, "file")
        if path:
            yield f"file:{path}"


def _is_usual(device: Element) -> bool:
    """What whoever may edit the guest can give it; what has a key of its own counts, too."""
    if is_plain(device) or device.tag == "redirfilter":
        return True
    if device.tag in ("hostdev", "interface"):
        return bool(host_devices.key_of(device))
    if device.tag in ("channel", "smartcard"):
        return device.get("type") in _CLIENTS
    return device.tag == "memory" and device.get("model") in _BANKS


def _folder(device: Element) -> str:
    """A running virtiofs names its program, which a stored one does not: only others count."""
    source = device.find("source")
    given = "" if source is None else ",".join(sorted(map(str, source.attrib.values())))
    how = [str(device.get("accessmode", "")), "ro" * (device.find("readonly") is not None)]
    program = attribute(device, "binary", "path")
    if program and not program.endswith("/virtiofsd"):
        how.append(program)
    return f"fs:{given}/{attribute(device, 'target', 'dir')}/{','.join(filter(None, how))}"


def _digest(element: Element) -> str:
    """Of its canonical form: the same for a guest that runs and for its stored definition."""
    bare = copy.deepcopy(element)
    for name in _PASSING:
        for found in bare.findall(name):
            bare.remove(found)
    for found in bare.iterfind("imagelabel"):
        bare.remove(found)
    bare.tail = None
    for part in bare.iter():
        part.text = (part.text or "").strip() or None
        part.tail = (part.tail or "").strip() or None
    text = etree.tostring(bare, method="c14n", exclusive=True, with_comments=False)
    return f"foreign:{etree.QName(element).localname}:{hashlib.sha256(text).hexdigest()[:16]}"
