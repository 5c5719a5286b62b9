"""A host's capabilities and those of its guests, from libvirt's XML.

Source: https://libvirt.org/formatcaps.html, https://libvirt.org/formatdomaincaps.html.
"""

from __future__ import annotations

from kvmweb.core.hosts import Abilities, HardwareRecord, NumaCell, Pages
from kvmweb.core.tuning import HostCpu
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element, attribute, number, size, text

NO_PROTECTION = "none"


def parse(xml: str, abilities: Abilities) -> HardwareRecord:
    """What these capabilities say of the machine. Raises Invalid."""
    root = elements.parse(xml)
    arch = text(root, "host/cpu/arch")
    guests = root.findall("guest/arch")
    own = [guest for guest in guests if guest.get("name") == arch]
    machines = (text(machine, ".") for guest in own for machine in guest.findall("machine"))
    iommu = attribute(root, "host/iommu", "support")
    return HardwareRecord(
        vendor=text(root, "host/cpu/vendor"),
        mhz=number(attribute(root, "host/cpu/counter", "frequency")) // 1_000_000,
        **_topology(root),
        cells=tuple(_cell(cell) for cell in root.iterfind("host/topology/cells/cell")),
        security=tuple(
            dict.fromkeys(
                model
                for found in root.iterfind("host/secmodel/model")
                if (model := text(found, ".")) != NO_PROTECTION
            )
        ),
        iommu=iommu == "yes" if iommu else None,
        arches=tuple(dict.fromkeys(str(guest.get("name")) for guest in guests)),
        accelerated=tuple(
            dict.fromkeys(
                str(guest.get("name"))
                for guest in guests
                if guest.find("domain[@type='kvm']") is not None
            )
        ),
        machines=tuple(dict.fromkeys(machine for machine in machines if machine)),
        can_migrate_live=root.find("host/migration_features/live") is not None,
        abilities=abilities,
    )


def parse_abilities(xml: str) -> Abilities:
    """What these domain capabilities say. Raises Invalid."""
    root = elements.parse(xml)
    return Abilities(
        vcpus_max=number(attribute(root, "vcpu", "max")),
        firmwares=_values(root, "os/enum[@name='firmware']"),
        has_secure_boot="yes" in _values(root, "os/loader/enum[@name='secure']"),
        cpu_modes=tuple(
            str(mode.get("name"))
            for mode in root.iterfind("cpu/mode")
            if mode.get("supported") == "yes"
        ),
        disk_buses=_values(root, "devices/disk/enum[@name='bus']"),
        graphics=_values(root, "devices/graphics/enum[@name='type']"),
        host_devices=_values(root, "devices/hostdev/enum[@name='subsysType']"),
        file_systems=_values(root, "devices/filesystem/enum[@name='driverType']"),
        tpm_models=_values(root, "devices/tpm/enum[@name='model']"),
        has_sev=_is_supported(root, "features/sev"),
        has_sgx=_is_supported(root, "features/sgx"),
        has_backup=_is_supported(root, "features/backup"),
    )


def _topology(root: Element) -> dict[str, int]:
    found = root.find("host/cpu/topology")
    names = ("sockets", "dies", "cores", "threads")
    if found is None:
        return dict.fromkeys(names, 0)
    return {name: number(found.get(name), 1) for name in names}


def _cell(cell: Element) -> NumaCell:
    return NumaCell(
        id=number(cell.get("id")),
        memory=size(cell, "memory"),
        cpus=number(attribute(cell, "cpus", "num")),
        pages=tuple(
            Pages(number(pages.get("size")) * 1024, number(pages.text))
            for pages in cell.iterfind("pages")
        ),
        processors=tuple(
            HostCpu(*(number(cpu.get(name)) for name in ("id", "socket_id", "core_id")))
            for cpu in cell.iterfind("cpus/cpu")
        ),
    )


def _values(root: Element, path: str) -> tuple[str, ...]:
    return tuple(text(value, ".") for value in root.iterfind(f"{path}/value"))


def _is_supported(root: Element, path: str) -> bool:
    return attribute(root, path, "supported") == "yes"
