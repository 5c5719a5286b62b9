"""The domain XML of a clone: all of the original but what two guests cannot both have.

Source: https://libvirt.org/formatdomain.html; what virt-clone changes was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from kvmweb.core.volumes import is_seed
from kvmweb.definitions import (
    bins,
    controllers,
    disks,
    elements,
    firmware,
    foreign,
    guests,
    host_devices,
    screens,
    templates,
)
from kvmweb.definitions.elements import Element, attribute


@dataclass(frozen=True, slots=True)
class Source:
    """What a disk of the clone is read from. type: file or block; empty for an empty drive."""

    type: str = ""
    path: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides about a clone beside the disks.

    foreign: devices and settings that only raw XML can have made. shareable: targets of disks that
    several guests may write.
    """

    foreign: tuple[str, ...]
    shareable: frozenset[str]
    has_tpm: bool
    has_host_devices: bool = False


def traits(xml: str) -> Traits:
    """Of this definition. Raises Invalid."""
    root = elements.parse(xml)
    found = [device.tag for device in root.iterfind("devices/*") if not foreign.is_plain(device)]
    if root.find("os/kernel") is not None or root.find("os/initrd") is not None:
        found.append("kernel")
    found += [etree.QName(child).localname for child in root if foreign.is_driver_own(child)]
    disks = root.iterfind("devices/disk")
    return Traits(
        foreign=tuple(dict.fromkeys(found)),
        shareable=frozenset(
            attribute(disk, "target", "dev") for disk in disks if disk.find("shareable") is not None
        ),
        has_tpm=root.find("devices/tpm") is not None,
        has_host_devices=bool(host_devices.of_guest(root)),
    )


def clone(
    xml: str,
    *,
    uuid: str,
    name: str,
    sources: Mapping[str, Source],
    nvram_path: str = "",
    seed: Source | None = None,
    mac: str = "",
) -> str:
    """The definition of the clone. sources: by target, for those disks that are not shared.

    seed: the disc of its answers for cloud-init, in the place of the original's.
    uuid: empty leaves it to libvirt. mac: of the first network card; the others are libvirt's.
    Names of network devices, fixed screen ports, log files and addresses that two guests cannot
    both have are left to libvirt. Its screens have no password and listen on this host only.
    Raises Invalid.
    """
    root = elements.parse(xml)
    _identity(root, uuid, name)
    bins.unmark(root)
    templates.unmark(root)
    if nvram_path:
        firmware.keep_in(root, nvram_path)
    for disk in root.iterfind("devices/disk"):
        source = sources.get(attribute(disk, "target", "dev"))
        if source is not None:
            _disk(disk, source)
    if seed is not None:
        _seed(root, seed)
    _cards(root, mac)
    for screen in root.iterfind("devices/graphics"):
        _screen(screen)
    for port in root.iterfind("devices/*"):
        if port.tag in foreign.PORTS:
            _port(port)
    for address in root.iterfind("devices/vsock/cid"):
        address.attrib.pop("address", None)
        address.set("auto", "yes")
    return elements.serialize(root)


def _identity(root: Element, uuid: str, name: str) -> None:
    for tag, value in (("name", name), ("uuid", uuid)):
        found = root.find(tag)
        if found is None:
            found = etree.Element(tag)
            root.insert(0 if tag == "name" else 1, found)
        found.text = value
        if not value:
            _drop(found)
    for entry in root.iterfind("sysinfo/system/entry[@name='uuid']"):
        entry.text = uuid
    generation = root.find("genid")
    if generation is not None:
        generation.text = None
    root.attrib.pop("id", None)


def _disk(disk: Element, source: Source) -> None:
    for tag in ("source", "backingStore", "mirror"):
        for found in disk.findall(tag):
            _drop(found)
    if not source.type:
        return
    disk.set("type", source.type)
    driver = disk.find("driver")
    if driver is None:
        driver = etree.Element("driver", name="qemu")
        disk.insert(0, driver)
    driver.set("type", source.format or "raw")
    place = {"file" if source.type == "file" else "dev": source.path}
    disk.insert(disk.index(driver) + 1, etree.Element("source", place))


def _seed(root: Element, seed: Source) -> None:
    drives = root.findall("devices/disk[@device='cdrom']")
    own = next((it for it in drives if is_seed(guests.disk_source(it))), None)
    if own is not None:
        _disk(own, seed)
        return
    devices = root.find("devices")
    bus = _seed_bus(root)
    made = disks.build(
        (seed.type, seed.path, ""), image_format="raw", bus=bus, device="cdrom", is_readonly=True,
        target=disks.free_target([elements.serialize(root)], bus),
    )  # fmt: skip
    devices.append(elements.parse(made))


def _seed_bus(root: Element) -> str:
    """SCSI (VirtIO), which the small kernels of cloud images know; SATA where that is taken."""
    controllers.with_scsi(root)
    found = root.iterfind("devices/controller[@type='scsi']")
    if all(it.get("model") == "virtio-scsi" for it in found):
        return "scsi"
    return "sata" if "q35" in attribute(root, "os/type", "machine") else "ide"


def _cards(root: Element, mac: str) -> None:
    """mac: of the first; empty leaves it to libvirt as well."""
    cards = root.findall("devices/interface")
    for card in cards:
        _card(card)
    if mac and cards:
        cards[0].insert(0, etree.Element("mac", address=mac))


def _card(card: Element) -> None:
    for tag in ("mac", "target"):
        for found in card.findall(tag):
            _drop(found)
    for parameters in card.iterfind("virtualport/parameters"):
        for name in ("interfaceid", "instanceid"):
            parameters.attrib.pop(name, None)


def _screen(screen: Element) -> None:
    if screen.get("autoport") == "no" or screen.get("port", "-1") != "-1":
        for name in ("port", "tlsPort"):
            screen.attrib.pop(name, None)
        screen.set("autoport", "yes")
    if screen.get("websocket", "-1") != "-1":
        screen.set("websocket", "-1")
    for name in ("passwd", "passwdValidTo"):
        screen.attrib.pop(name, None)
    for holder in (screen, *screen.iterfind("listen")):
        holder.attrib.pop("socket", None)
    screens.keep_inside(screen)


def _port(port: Element) -> None:
    for log in port.findall("log"):
        _drop(log)
    if port.tag == "channel" and port.get("type") == "unix":
        for source in port.findall("source"):
            source.attrib.pop("path", None)


def _drop(element: Element) -> None:
    """Without the white space after it."""
    element.getparent().remove(element)
