"""What a person asks for when a guest is to be made: typed fields, nothing that names a host path.

Pools and networks are named by their UUID, volumes by pool and name. The service makes a spec of a
wish; what it cannot make sense of it says field by field.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where the guest's system comes from."""

    IMPORT = "import"
    """A disk that has one already."""
    CLOUD = "cloud"
    """A copy of an image that was made for this, set up by cloud-init."""
    ISO = "iso"
    TREE = "tree"
    """A kernel and an installer, from the network."""
    PXE = "pxe"
    EMPTY = "empty"
    TEMPLATE = "template"
    COPY = "copy"
    """Of a guest that is no template."""
    XML = "xml"


OF_GUESTS = frozenset({Source.TEMPLATE, Source.COPY})
"""All but name and place comes from another guest."""


WITHOUT_MACHINE = OF_GUESTS | {Source.XML}
"""What asks for no processor, memory, disks and cards."""


@dataclass(frozen=True, slots=True)
class DiskWish:
    """A new volume of this size, or with `volume` one that exists. pool: UUID. size: bytes."""

    pool: str
    volume: str = ""
    size: int = 0
    format: str = "qcow2"
    bus: str = ""
    """Empty: what suits the system."""
    cache: str = ""
    discard: bool = True


@dataclass(frozen=True, slots=True)
class InterfaceWish:
    """kind: network (a UUID), or bridge and direct with the host's device, for who may name one."""

    kind: str = "network"
    network: str = ""
    device: str = ""
    mode: str = "bridge"
    model: str = ""
    mac: str = ""


@dataclass(frozen=True, slots=True)
class CloudWish:
    """What cloud-init is told at the first boot. password: in the clear, hashed before it is kept.

    user: names, apart by spaces or commas; the password is the first one's, the keys are all's.
    keys: one SSH public key a line. text: further user-data, YAML.
    """

    hostname: str = ""
    user: str = ""
    password: str = ""
    keys: str = ""
    packages: str = ""
    text: str = ""
    is_fixed: bool = False
    """The first network card has the address below; otherwise it asks by DHCP."""
    address: str = ""
    """With its prefix, IPv4 or IPv6."""
    gateway: str = ""
    nameservers: str = ""


@dataclass(frozen=True, slots=True)
class GuestWish:
    """One filled-in form. Sizes are bytes; empty words and 0 mean "what suits"."""

    host: str
    name: str
    source: Source = Source.EMPTY
    title: str = ""
    description: str = ""
    project: int = 0
    """Key of the project that it belongs to; 0 for none."""
    image_pool: str = ""
    image_volume: str = ""
    url: str = ""
    arguments: str = ""
    system: str = ""
    virt_type: str = ""
    machine: str = ""
    firmware: str = "bios"
    has_tpm: bool = False
    cpu: str = ""
    vcpus: int = 2
    vcpus_max: int = 0
    topology: str = ""
    """sockets:cores:threads; empty leaves it to QEMU."""
    memory: int = 2 * 1024**3
    memory_max: int = 0
    disks: tuple[DiskWish, ...] = ()
    interfaces: tuple[InterfaceWish, ...] = ()
    graphics: str = "vnc"
    boot: tuple[str, ...] = ()
    cloud: CloudWish = CloudWish()
    is_started: bool = True
    has_autostart: bool = False
    original: str = ""
    """UUID of the guest, or template, that it is a copy of."""
    way: str = "copy"
    """copy, or link for disks that build on the original's."""
    into: str = ""
    """UUID of the pool for its disks; empty leaves each beside its original."""
    has_cloud: bool = False
    """A copy is set up by cloud-init at its first boot."""
    definition: str = ""
    """Raw XML: for who may write it."""
