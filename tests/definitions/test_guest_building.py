"""Specs to domain XML: held against golden files, libvirt's own schema, and a real libvirtd."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from kvmweb.core import errors
from kvmweb.core.specs import (
    CpuMode,
    DirectBoot,
    DiskSpec,
    Firmware,
    GuestSpec,
    InterfaceSpec,
    TopologySpec,
)
from kvmweb.definitions import guest_building, guests
from tests.lab.host import LabHost

DATA = Path(__file__).parent.parent / "data" / "xml"
SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
UUID = "5c1e0000-0000-4000-8000-000000000001"
DISK = DiskSpec(pool="default", volume="web.qcow2", path="/images/web.qcow2")

LINUX = GuestSpec(
    uuid=UUID,
    name="web",
    title="Front end",
    description="Serves <pages> & more",
    tags=("prod", "网页"),
    system="http://debian.org/debian/12",
    cpu_mode=CpuMode.PASSTHROUGH,
    disks=(
        DISK,
        DiskSpec(bus="sata", device="cdrom", pool="iso", volume="d.iso", path="/iso/d.iso",
                 format="raw"),
    ),
    interfaces=(InterfaceSpec(),),
    boot=("hd", "cdrom", "network"),
)  # fmt: skip
WINDOWS = GuestSpec(
    uuid=UUID,
    name="desk",
    virt_type="qemu",
    firmware=Firmware.SECURE,
    tpm="tpm-crb",
    cpu_mode=CpuMode.MAXIMUM,
    vcpus=2,
    vcpus_max=8,
    topology=TopologySpec(sockets=2, cores=2, threads=2),
    memory=2 * 1024**3,
    memory_max=4 * 1024**3,
    disks=(
        replace(DISK, bus="sata", cache="none", discard=""),
        replace(DISK, bus="scsi", is_readonly=True, is_shareable=True, format="raw"),
        replace(DISK, bus="usb", path="/dev/vg/lv", type="block", format="raw"),
        DiskSpec(bus="sata", device="cdrom"),
    ),
    interfaces=(
        InterfaceSpec(model="e1000e", mac="52:54:00:aa:bb:cc"),
        InterfaceSpec(type="bridge", source="br0"),
        InterfaceSpec(type="direct", source="eth0", mode="vepa"),
        InterfaceSpec(type="user"),
    ),
    video="vga",
    has_agent_channel=False,
    has_rng=False,
    has_balloon=False,
    is_local_time=True,
)
INSTALL = GuestSpec(
    uuid=UUID,
    name="tree",
    firmware=Firmware.EFI,
    graphics="none",
    disks=(DISK,),
    direct=DirectBoot("/boot/vmlinuz", "/boot/initrd", "console=ttyS0 inst.repo=http://x/"),
)
CUSTOM = GuestSpec(
    uuid=UUID,
    name="old",
    machine="pc",
    cpu_mode=CpuMode.CUSTOM,
    cpu_model="Skylake-Client",
    disks=(replace(DISK, bus="ide"),),
    boot=("network",),
)
GOLDEN = {"linux": LINUX, "windows": WINDOWS, "install": INSTALL, "custom": CUSTOM}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_new_guest_is_the_golden_file(name: str) -> None:
    path = DATA / f"new-{name}.xml"
    if os.environ.get("KVMWEB_WRITE_GOLDEN"):
        path.write_text(guest_building.build(GOLDEN[name]))
    assert guest_building.build(GOLDEN[name]) == path.read_text()


@pytest.mark.skipif(not SCHEMA.exists(), reason="libvirt's schemas are not installed")
@pytest.mark.parametrize("name", GOLDEN)
def test_a_new_guest_keeps_to_the_schema_of_libvirt(name: str) -> None:
    schema = etree.RelaxNG(etree.parse(str(SCHEMA)))
    schema.assertValid(etree.fromstring(guest_building.build(GOLDEN[name])))


def test_what_is_built_reads_back_as_it_was_meant() -> None:
    read = guests.parse(guest_building.build(WINDOWS))
    assert (read.name, read.uuid, read.firmware) == ("desk", UUID, "efi")
    assert (read.vcpus, read.vcpus_max) == (2, 8)
    assert (read.memory, read.memory_max) == (2 * 1024**3, 4 * 1024**3)
    assert [disk.target for disk in read.disks] == ["sda", "sdb", "sdc", "sdd"]
    assert [card.type for card in read.interfaces] == ["network", "bridge", "direct", "user"]
    assert guests.parse(guest_building.build(LINUX)).tags == ("prod", "网页")


def test_fourteen_slots_are_free_for_hot_plugging() -> None:
    built = etree.fromstring(guest_building.build(LINUX))
    assert len(built.findall("devices/controller[@model='pcie-root-port']")) == 14


def test_the_screen_listens_on_loopback_only() -> None:
    built = etree.fromstring(guest_building.build(LINUX))
    listens = [found.get("address") for found in built.findall(".//graphics/listen")]
    assert listens == ["127.0.0.1"]


def test_names_are_data_whatever_they_hold() -> None:
    nasty = "</name><x/>]]>&\"'"
    assert guests.parse(guest_building.build(replace(LINUX, name=nasty))).name == nasty
    with pytest.raises(errors.Invalid):
        guest_building.build(replace(LINUX, name="a\0b"))


@pytest.mark.lab
def test_a_real_libvirt_takes_it_with_validation_and_starts_it(
    lab: LabHost, tmp_path: Path
) -> None:
    path = lab.make_disk("built")
    spec = replace(
        LINUX, name="built", virt_type="qemu", cpu_mode=CpuMode.MAXIMUM,
        memory=96 * 2**20, memory_max=96 * 2**20, disks=(replace(DISK, path=path),),
    )  # fmt: skip
    file = tmp_path / "built.xml"
    file.write_text(guest_building.build(spec))
    try:
        lab.virsh("define", str(file), "--validate")
        lab.virsh("start", UUID)
        assert lab.state(UUID) == "running"
    finally:
        lab.forget(UUID)
