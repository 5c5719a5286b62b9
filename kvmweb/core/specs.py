"""What is to be made, as frozen values: built by services, turned into XML by `definitions`.

Sizes are bytes. Non-administrators reach these only through typed fields: a disk is a pool and a
volume, never a path; the host worker fills in the path that libvirt knows for it (DESIGN 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Firmware(StrEnum):
    """What boots the guest. SECURE: UEFI that starts only what is signed."""

    BIOS = "bios"
    EFI = "efi"
    SECURE = "secure"


class CpuMode(StrEnum):
    """Where the guest's CPU model comes from; HYPERVISOR: QEMU's own default."""

    HYPERVISOR = ""
    PASSTHROUGH = "host-passthrough"
    MODEL = "host-model"
    MAXIMUM = "maximum"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """One disk or drive: a volume in a pool, or an empty drive where both are empty.

    path, type: as libvirt says of the volume; filled in by the worker, and for a preview.
    """

    pool: str = ""
    volume: str = ""
    device: str = "disk"
    """disk, cdrom or floppy."""
    bus: str = "virtio"
    format: str = "qcow2"
    cache: str = ""
    """Empty leaves it to QEMU; none, writeback, writethrough, directsync, unsafe."""
    discard: str = "unmap"
    is_readonly: bool = False
    is_shareable: bool = False
    path: str = ""
    type: str = "file"
    """file, block or network, as libvirt calls the kind of source."""


@dataclass(frozen=True, slots=True)
class InterfaceSpec:
    """One network card. type: network, bridge, direct (macvtap) or user.

    source: the network's name, or the host's device for who may name one. mode: of direct.
    port_group: of the network; empty for its default.
    """

    type: str = "network"
    source: str = "default"
    mode: str = "bridge"
    model: str = "virtio"
    mac: str = ""
    port_group: str = ""


@dataclass(frozen=True, slots=True)
class TopologySpec:
    """Sockets times cores times threads is the greatest number of vCPUs."""

    sockets: int
    cores: int
    threads: int = 1


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """A kernel that QEMU loads itself: how an install tree begins. Paths are the host's."""

    kernel: str
    initrd: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """A guest that does not exist yet. Defaults are virt-install's for a modern Linux."""

    uuid: str
    name: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    system: str = ""
    """The libosinfo id of its operating system, such as `http://debian.org/debian/12`."""
    virt_type: str = "kvm"
    arch: str = "x86_64"
    machine: str = "q35"
    firmware: Firmware = Firmware.BIOS
    tpm: str = ""
    """tpm-crb or tpm-tis; empty for none."""
    cpu_mode: CpuMode = CpuMode.HYPERVISOR
    cpu_model: str = ""
    vcpus: int = 2
    vcpus_max: int = 2
    topology: TopologySpec | None = None
    memory: int = 1024**3
    memory_max: int = 1024**3
    disks: tuple[DiskSpec, ...] = ()
    interfaces: tuple[InterfaceSpec, ...] = ()
    boot: tuple[str, ...] = ("hd",)
    """hd, cdrom, network: what is tried, in order."""
    graphics: str = "vnc"
    """vnc on loopback, or none."""
    video: str = "virtio"
    has_agent_channel: bool = True
    has_rng: bool = True
    has_balloon: bool = True
    is_local_time: bool = False
    """The clock shows local time, and Hyper-V's hints are given: what Windows wants."""
    direct: DirectBoot | None = None
    """Only for the first start, which ends when the installer reboots."""
