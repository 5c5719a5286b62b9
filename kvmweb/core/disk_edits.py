"""What is to become of a guest's disk, and what came of taking one away."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.errors import Problem

CACHES = ("", "none", "writeback", "writethrough", "directsync", "unsafe")
DISCARDS = ("", "unmap", "ignore")
BUSES = ("virtio", "sata", "scsi", "usb", "ide")


@dataclass(frozen=True, slots=True)
class DiskChange:
    """None leaves a thing as it is; an empty word leaves it to QEMU."""

    cache: str | None = None
    discard: str | None = None
    is_readonly: bool | None = None
    is_shareable: bool | None = None
    bus: str | None = None


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
