"""The domain XML of a new guest, with virt-install's defaults.

Never an address, never an alias: libvirt chooses those. Source of the defaults: virt-install 4.1
and 5.1; of the XML: https://libvirt.org/formatdomain.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.specs import CpuMode, DiskSpec, Firmware, GuestSpec, InterfaceSpec
from kvmweb.definitions import elements, guests
from kvmweb.definitions.elements import Element

ROOT_PORTS = 14
"""Free PCIe slots: what can be hot-plugged before the guest must be shut off."""
SYSTEM_NAMESPACE = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
_PREFIXES = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd", "ide": "hd", "fdc": "fd"}
_SOURCES = {"file": "file", "block": "dev"}
_INTERFACE_SOURCES = {"network": "network", "bridge": "bridge", "direct": "dev"}


def build(spec: GuestSpec) -> str:
    """The definition to keep, or with `spec.direct` that of the first start. Raises Invalid."""
    root = etree.Element("domain", type=spec.virt_type)
    try:
        _identity(root, spec)
        _processors(root, spec)
        _boot(root, spec)
        _features(root, spec)
        _clock(root, spec)
        _events(root, spec)
        _devices(_add(root, "devices"), spec)
    except ValueError as error:
        raise errors.Invalid("a value holds a character that XML cannot carry") from error
    etree.indent(root)
    return elements.serialize(root) + "\n"


def _add(parent: Element, tag: str, value: str | None = None, **attributes: str) -> Element:
    made = etree.SubElement(parent, tag, {key.rstrip("_"): v for key, v in attributes.items()})
    if value is not None:
        made.text = value
    return made


def _identity(root: Element, spec: GuestSpec) -> None:
    _add(root, "name", spec.name)
    _add(root, "uuid", spec.uuid)
    if spec.title:
        _add(root, "title", spec.title)
    if spec.description:
        _add(root, "description", spec.description)
    if spec.system or spec.tags:
        _metadata(_add(root, "metadata"), spec)
    _add(root, "memory", str(spec.memory_max // 1024), unit="KiB")
    _add(root, "currentMemory", str(spec.memory // 1024), unit="KiB")


def _metadata(metadata: Element, spec: GuestSpec) -> None:
    if spec.system:
        space = f"{{{SYSTEM_NAMESPACE}}}"
        names = {"libosinfo": SYSTEM_NAMESPACE}
        holder = etree.SubElement(metadata, f"{space}libosinfo", nsmap=names)
        etree.SubElement(holder, f"{space}os", id=spec.system)
    if spec.tags:
        space, names = f"{{{guests.NAMESPACE}}}", {guests.PREFIX: guests.NAMESPACE}
        holder = etree.SubElement(metadata, f"{space}tags", nsmap=names)
        for tag in spec.tags:
            etree.SubElement(holder, f"{space}tag").text = tag


def _processors(root: Element, spec: GuestSpec) -> None:
    vcpu = _add(root, "vcpu", str(spec.vcpus_max))
    if spec.vcpus != spec.vcpus_max:
        vcpu.set("current", str(spec.vcpus))
    if spec.cpu_mode is CpuMode.HYPERVISOR and spec.topology is None:
        return
    cpu = _add(root, "cpu")
    if spec.cpu_mode is CpuMode.CUSTOM:
        cpu.set("mode", "custom")
        cpu.set("match", "exact")
        _add(cpu, "model", spec.cpu_model, fallback="forbid")
    elif spec.cpu_mode is not CpuMode.HYPERVISOR:
        cpu.set("mode", spec.cpu_mode)
    if spec.topology:
        parts = ("sockets", "cores", "threads")
        _add(cpu, "topology", **{name: str(getattr(spec.topology, name)) for name in parts})


def _boot(root: Element, spec: GuestSpec) -> None:
    os = _add(root, "os")
    if spec.firmware is not Firmware.BIOS:
        os.set("firmware", "efi")
    _add(os, "type", "hvm", arch=spec.arch, machine=spec.machine)
    if spec.firmware is not Firmware.BIOS:
        enabled = "yes" if spec.firmware is Firmware.SECURE else "no"
        firmware = _add(os, "firmware")
        for name in ("secure-boot", "enrolled-keys"):
            _add(firmware, "feature", enabled=enabled, name=name)
    if spec.direct:
        _add(os, "kernel", spec.direct.kernel)
        if spec.direct.initrd:
            _add(os, "initrd", spec.direct.initrd)
        if spec.direct.arguments:
            _add(os, "cmdline", spec.direct.arguments)
        return
    for place in spec.boot:
        _add(os, "boot", dev=place)


def _features(root: Element, spec: GuestSpec) -> None:
    features = _add(root, "features")
    _add(features, "acpi")
    if not _is_x86(spec):
        return
    _add(features, "apic")
    if spec.is_local_time:
        hyperv = _add(features, "hyperv")
        _add(hyperv, "relaxed", state="on")
        _add(hyperv, "vapic", state="on")
        _add(hyperv, "spinlocks", state="on", retries="8191")
    if spec.firmware is Firmware.SECURE:
        _add(features, "smm", state="on")


def _clock(root: Element, spec: GuestSpec) -> None:
    clock = _add(root, "clock", offset="localtime" if spec.is_local_time else "utc")
    if not _is_x86(spec):
        return
    _add(clock, "timer", name="rtc", tickpolicy="catchup")
    _add(clock, "timer", name="pit", tickpolicy="delay")
    _add(clock, "timer", name="hpet", present="no")
    if spec.is_local_time:
        _add(clock, "timer", name="hypervclock", present="yes")


def _events(root: Element, spec: GuestSpec) -> None:
    """A first start with a kernel of its own ends at the installer's reboot."""
    _add(root, "on_poweroff", "destroy")
    _add(root, "on_reboot", "destroy" if spec.direct else "restart")
    _add(root, "on_crash", "destroy")
    if _is_x86(spec):
        pm = _add(root, "pm")
        _add(pm, "suspend-to-mem", enabled="no")
        _add(pm, "suspend-to-disk", enabled="no")


def _devices(devices: Element, spec: GuestSpec) -> None:
    letters = {prefix: iter(_letters()) for prefix in set(_PREFIXES.values())}
    for disk in spec.disks:
        _disk(devices, disk, letters[_PREFIXES[disk.bus]])
    _controllers(devices, spec)
    for card in spec.interfaces:
        _interface(devices, card)
    serial = _add(devices, "serial", type="pty")
    _add(serial, "target", port="0")
    console = _add(devices, "console", type="pty")
    _add(console, "target", type="serial", port="0")
    if spec.has_agent_channel:
        channel = _add(devices, "channel", type="unix")
        _add(channel, "source", mode="bind")
        _add(channel, "target", type="virtio", name=guests.AGENT_CHANNEL)
    if spec.graphics == "vnc":
        _screen(devices, spec)
    elif _is_x86(spec):
        _add(_add(devices, "video"), "model", type="none")
    if spec.tpm:
        tpm = _add(devices, "tpm", model=spec.tpm)
        _add(tpm, "backend", type="emulator", version="2.0")
    _add(devices, "memballoon", model="virtio" if spec.has_balloon else "none")
    if spec.has_rng:
        rng = _add(devices, "rng", model="virtio")
        _add(rng, "backend", "/dev/urandom", model="random")


def _letters() -> list[str]:
    """a to z, aa to az: more disks than anybody may ask for."""
    return [*ascii_lowercase, *(f"a{letter}" for letter in ascii_lowercase)]


def _disk(devices: Element, spec: DiskSpec, letters: Iterator[str]) -> None:
    disk = _add(devices, "disk", type=spec.type if spec.path else "file", device=spec.device)
    driver = _add(disk, "driver", name="qemu", type=spec.format if spec.path else "raw")
    if spec.cache:
        driver.set("cache", spec.cache)
    if spec.discard and spec.device == "disk":
        driver.set("discard", spec.discard)
    if spec.path:
        _add(disk, "source", **{_SOURCES.get(spec.type, "file"): spec.path})
    _add(disk, "target", dev=f"{_PREFIXES[spec.bus]}{next(letters)}", bus=spec.bus)
    if spec.is_readonly or spec.device == "cdrom":
        _add(disk, "readonly")
    if spec.is_shareable:
        _add(disk, "shareable")


def _controllers(devices: Element, spec: GuestSpec) -> None:
    if "q35" in spec.machine or spec.machine.startswith("virt"):
        _add(devices, "controller", type="pci", model="pcie-root")
        for _port in range(ROOT_PORTS):
            _add(devices, "controller", type="pci", model="pcie-root-port")
    _add(devices, "controller", type="usb", model="qemu-xhci", ports="15")
    if any(disk.bus == "scsi" for disk in spec.disks):
        _add(devices, "controller", type="scsi", model="virtio-scsi")


def _interface(devices: Element, spec: InterfaceSpec) -> None:
    card = _add(devices, "interface", type=spec.type)
    if spec.mac:
        _add(card, "mac", address=spec.mac)
    if spec.type in _INTERFACE_SOURCES:
        source = _add(card, "source", **{_INTERFACE_SOURCES[spec.type]: spec.source})
        if spec.type == "direct":
            source.set("mode", spec.mode)
    _add(card, "model", type=spec.model)


def _screen(devices: Element, spec: GuestSpec) -> None:
    """Loopback only: the portal's console needs no open port, and nobody else may have one."""
    graphics = _add(devices, "graphics", type="vnc", port="-1", autoport="yes")
    _add(graphics, "listen", type="address", address="127.0.0.1")
    _add(_add(devices, "video"), "model", type=spec.video)
    _add(devices, "input", type="tablet", bus="usb")


def _is_x86(spec: GuestSpec) -> bool:
    return spec.arch in ("x86_64", "i686")
