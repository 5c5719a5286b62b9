"""What is to become of a guest's disk, and what came of taking one away."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.errors import Problem

CACHES = ("", "none", "writeback", "writethrough", "directsync", "unsafe")
DISCARDS = ("", "unmap", "ignore")
IOS = ("", "threads", "native", "io_uring")
ZEROES = ("", "off", "on", "unmap")
BUSES = ("virtio", "sata", "scsi", "usb", "ide")


@dataclass(frozen=True, slots=True)
class DiskChange:
    """None leaves a thing as it is; an empty word leaves it to QEMU."""

    cache: str | None = None
    discard: str | None = None
    is_readonly: bool | None = None
    is_shareable: bool | None = None
    bus: str | None = None
    io: str | None = None
    detect_zeroes: str | None = None
    serial: str | None = None
    is_removable: bool | None = None


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """The most that a disk may do in a second; 0: no limit. A total stands instead of the others.

    Source: domain XML <iotune>, virDomainSetBlockIoTune.
    """

    total_bytes: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    total_iops: int = 0
    read_iops: int = 0
    write_iops: int = 0

    @classmethod
    def of(cls, kept: tuple[str, ...]) -> DiskLimits:
        """From what a record keeps."""
        pairs = (item.partition(":") for item in kept)
        return cls(**{name: int(value) for name, _colon, value in pairs})

    def kept(self) -> tuple[str, ...]:
        """`read_bytes:1048576`, of each limit that there is."""
        return tuple(f"{it}:{getattr(self, it)}" for it in self.__slots__ if getattr(self, it))


@dataclass(frozen=True, slots=True)
class Attached:
    """target: its name in the guest. when: now, or next where the guest had no free slot."""

    target: str
    when: str


@dataclass(frozen=True, slots=True)
class Detached:
    """when: now, asked (the guest holds on to it) or next. problem: why its volume stayed."""

    when: str
    is_deleted: bool = False
    problem: Problem | None = None
