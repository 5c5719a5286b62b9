"""Devices and secrets of a host. Source: virConnectListAllNodeDevices, virConnectListAllSecrets."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

from kvmweb.core.refs import Ref


class DeviceKind(StrEnum):
    """What a person looks for; libvirt's capability types that nobody looks for are left out."""

    PCI = "pci"
    USB = "usb"
    DISK = "disk"
    NET = "net"
    MDEV = "mdev"
    SCSI = "scsi"
    RENDER = "render"
    """What a graphics card draws with, for those who show nothing by it."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One device. name: libvirt's. address: where it is plugged in, or its path or interface.

    keys: what others call it when they use it, such as `pci:0000:03:00.0` or `net:eth0`.
    group: IOMMU group; devices of one group go to one guest together. size: bytes, of disks.
    mediated: types of devices that it can be split into.
    """

    name: str
    kind: DeviceKind
    parent: str
    vendor: str
    product: str
    address: str
    keys: tuple[str, ...] = ()
    ids: str = ""
    class_code: str = ""
    driver: str = ""
    group: str = ""
    size: int | None = None
    is_removable: bool = False
    mac: str = ""
    link: str = ""
    speed: int | None = None
    """Of a network link, in Mbit/s."""
    mediated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicesRecord:
    """All devices of one host."""

    devices: tuple[DeviceRecord, ...]


@dataclass(frozen=True, slots=True)
class User:
    """What uses a device or a secret. ref: None for what the reader may not see."""

    ref: Ref | None
    name: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as the list shows it. carries: what the host itself reaches through it."""

    host: Ref
    record: DeviceRecord
    users: tuple[User, ...] = ()
    carries: tuple[str, ...] = ()

    @property
    def dom_id(self) -> str:
        """Its row's element id: letters, digits and dashes only."""
        return f"device-{self.host.host}-{zlib.crc32(self.record.name.encode()):08x}"


class SecretUsage(StrEnum):
    """What a secret is for. Source: secret XML <usage type>."""

    NONE = "none"
    VOLUME = "volume"
    CEPH = "ceph"
    ISCSI = "iscsi"
    TLS = "tls"
    VTPM = "vtpm"


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """One secret, never its value. usage_id: a path or a name. pools: names of those using it.

    is_private: not even libvirt's clients may read the value. is_ephemeral: gone at a restart.
    """

    uuid: str
    usage: SecretUsage
    usage_id: str
    description: str
    is_private: bool
    is_ephemeral: bool
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretsRecord:
    """All secrets of one host."""

    secrets: tuple[SecretRecord, ...]


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret as the list shows it. guests: those whose definition names it."""

    host: Ref
    record: SecretRecord
    guests: tuple[User, ...] = ()

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return f"secret-{self.host.host}-{self.record.uuid}"

    @property
    def is_used(self) -> bool:
        """Whether something would miss it."""
        return bool(self.guests or self.record.pools)
