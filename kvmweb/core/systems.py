"""Operating systems: what is known about them before one is installed.

Source: the osinfo database (https://libosinfo.org); sizes are bytes, dates are the vendor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Support(StrEnum):
    """Whether the vendor still mends it."""

    SUPPORTED = "supported"
    ENDED = "ended"
    EARLY = "early"
    """A preview, or a snapshot of what is to come."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """What it wants of a machine; None where nobody says. arch: `all`, or one architecture."""

    arch: str = "all"
    cpus: int | None = None
    memory: int | None = None
    disk: int | None = None


@dataclass(frozen=True, slots=True)
class Medium:
    """An installation image and how to know it: patterns for the ids of its ISO 9660 volume.

    kernel, initrd: paths within it. size: of the volume, where several have the same ids.
    """

    arch: str
    volume: str = ""
    system: str = ""
    publisher: str = ""
    application: str = ""
    size: int = 0
    url: str = ""
    kernel: str = ""
    initrd: str = ""
    is_live: bool = False
    is_installer: bool = True


@dataclass(frozen=True, slots=True)
class Tree:
    """An installation tree on the network, and how to know it: patterns for what its `.treeinfo`
    says of itself. machine: of its architecture. url: empty where it may lie anywhere."""

    arch: str
    url: str
    kernel: str = ""
    initrd: str = ""
    family: str = ""
    variant: str = ""
    version: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True)
class CloudImage:
    """A disk image that needs no installation."""

    arch: str
    url: str
    format: str
    has_cloud_init: bool


@dataclass(frozen=True, slots=True)
class System:
    """One operating system. id: the short one that virt-install takes (debian12).

    family: linux, winnt, freebsd, …; distro: debian, win, …; devices: what it drives, named as in
    `DEVICES`. needs_efi: it does not start from a BIOS.
    """

    id: str
    uri: str
    name: str
    names: tuple[str, ...] = ()
    """Its other short ids."""
    version: str = ""
    family: str = ""
    distro: str = ""
    vendor: str = ""
    codename: str = ""
    released: date | None = None
    ends: date | None = None
    status: str = "released"
    """released, prerelease, snapshot or rolling."""
    minimum: tuple[Need, ...] = ()
    recommended: tuple[Need, ...] = ()
    devices: frozenset[str] = frozenset()
    offers_efi: bool = False
    needs_efi: bool = False
    media: tuple[Medium, ...] = ()
    trees: tuple[Tree, ...] = ()
    images: tuple[CloudImage, ...] = ()
    user: str = ""
    """Whom its cloud images let in."""

    @property
    def is_windows(self) -> bool:
        """Wants its clock in local time, and drivers of its own for virtio."""
        return self.family in ("winnt", "win9x", "win16")

    @property
    def is_certain(self) -> bool:
        """Not one of the database's entries for "some release of it"."""
        return "unknown" not in self.id

    @property
    def youth(self) -> int:
        """Higher for who was released later; 0 where nobody knows."""
        return self.released.toordinal() if self.released else 0

    def support(self, today: date) -> Support:
        """How its vendor treats it on this day."""
        if self.ends and self.ends < today:
            return Support.ENDED
        if self.status in ("prerelease", "snapshot"):
            return Support.EARLY
        if self.status == "rolling" or self.ends:
            return Support.SUPPORTED
        if self.released is None:
            return Support.UNKNOWN
        return Support.SUPPORTED if (today - self.released).days < 5 * 365 else Support.UNKNOWN

    def least(self, arch: str = "x86_64") -> Need:
        """What it needs at least on this architecture."""
        return _for(self.minimum, arch)

    def good(self, arch: str = "x86_64") -> Need:
        """What it should have: recommended, and never less than it needs."""
        least, good = self.least(arch), _for(self.recommended, arch)
        return Need(
            arch,
            cpus=_most(least.cpus, good.cpus),
            memory=_most(least.memory, good.memory),
            disk=_most(least.disk, good.disk),
        )


@dataclass(frozen=True, slots=True)
class Detected:
    """A system that was recognised in an image. medium: None where only its name told.

    others: systems whose discs bear the same ids, the youngest first.
    """

    system: System
    medium: Medium | None = None
    others: tuple[System, ...] = ()


DEVICES: dict[str, str] = {
    "http://pcisig.com/pci/1af4/1000": "virtio-net",
    "http://pcisig.com/pci/1af4/1001": "virtio-block",
    "http://pcisig.com/pci/1af4/1002": "virtio-balloon",
    "http://pcisig.com/pci/1af4/1003": "virtio-console",
    "http://pcisig.com/pci/1af4/1004": "virtio-scsi",
    "http://pcisig.com/pci/1af4/1005": "virtio-rng",
    "http://pcisig.com/pci/1af4/1009": "virtio-9p",
    "http://pcisig.com/pci/1af4/1041": "virtio1-net",
    "http://pcisig.com/pci/1af4/1042": "virtio1-block",
    "http://pcisig.com/pci/1af4/1043": "virtio1-console",
    "http://pcisig.com/pci/1af4/1044": "virtio1-rng",
    "http://pcisig.com/pci/1af4/1045": "virtio1-balloon",
    "http://pcisig.com/pci/1af4/1048": "virtio1-scsi",
    "http://pcisig.com/pci/1af4/1049": "virtio1-9p",
    "http://pcisig.com/pci/1af4/1050": "virtio1-gpu",
    "http://pcisig.com/pci/1af4/1052": "virtio1-input",
    "http://pcisig.com/pci/1af4/105a": "virtio1-fs",
    "http://pcisig.com/pci/1b36/0004": "qemu-xhci",
    "http://pcisig.com/pci/1033/0194": "nec-xhci",
    "http://pcisig.com/pci/1b36/0100": "qxl",
    "http://pcisig.com/pci/8086/100e": "e1000",
    "http://pcisig.com/pci/8086/10d3": "e1000e",
    "http://pcisig.com/pci/10ec/8029": "ne2k",
    "http://pcisig.com/pci/10ec/8139": "rtl8139",
    "http://pcisig.com/pci/1022/2000": "pcnet",
    "http://pcisig.com/pci/8086/2415": "ac97",
    "http://pcisig.com/pci/8086/2668": "ich6-audio",
    "http://pcisig.com/pci/8086/293e": "ich9-audio",
    "http://qemu.org/chipset/x86/q35": "q35",
    "http://usb.org/usb/80ee/0021": "usb-tablet",
}
"""The database's names of devices that QEMU offers. virtio1: also where legacy virtio is off."""


def _for(needs: tuple[Need, ...], arch: str) -> Need:
    """Those of the architecture, else those of all, else no need at all."""
    found = {need.arch: need for need in needs}
    return found.get(arch) or found.get("all") or Need(arch)


def _most(first: int | None, second: int | None) -> int | None:
    return max(first or 0, second or 0) or None
