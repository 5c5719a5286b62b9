"""How a guest is set up beside its devices: processor, placement, memory, clock, start and end.

Each part is edited as a whole: what a person saw, with what they changed. An empty word or 0
leaves a thing to libvirt and QEMU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CPU_MODES = ("", "host-model", "host-passthrough", "maximum", "custom")
MEMORY_MODES = ("", "strict", "preferred", "interleave")
OFFSETS = ("utc", "localtime", "timezone", "variable")
TICKS = ("", "delay", "catchup", "merge", "discard")
SWITCHES = ("", "yes", "no")
ENDINGS = ("destroy", "restart", "preserve", "rename-restart")
FIRMWARES = ("bios", "efi", "secure")
CRASHES = (*ENDINGS, "coredump-destroy", "coredump-restart")


@dataclass(frozen=True, slots=True)
class Processor:
    """model: with mode custom. topology: sockets, dies, cores, threads, or nothing.

    required, disabled: names of CPU features; features of other policies stay as they are.
    """

    cpu_mode: str = ""
    cpu_model: str = ""
    topology: tuple[int, ...] = ()
    required: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """What the topology makes; 0 without one."""
        return math.prod(self.topology) if self.topology else 0


USUAL = {"quota": -1, "period": 100_000}
"""What the kernel chooses where nobody does; the usual weight is another in each of its two
generations of control groups, and libvirt does not say which a host has."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where on the host it runs and how much of it. pins: `VCPU:CPUS`, as in `0:2-3`.

    shares: weight against others. quota, period: microseconds that each
    virtual CPU gets of each period; a negative quota is no limit. nodes: NUMA nodes of its memory.
    """

    pins: tuple[str, ...] = ()
    emulator: str = ""
    shares: int = 0
    quota: int = 0
    period: int = 0
    memory_mode: str = ""
    nodes: str = ""

    def pin_of(self, vcpu: int) -> str:
        """The CPUs of the host that this virtual CPU may run on; empty: any."""
        return next((pin.partition(":")[2] for pin in self.pins if pin.startswith(f"{vcpu}:")), "")


@dataclass(frozen=True, slots=True)
class Backing:
    """What its memory is made of. page_size: bytes of huge pages; 1: the host's own size of them.

    is_locked: never swapped out. is_shared: other processes of the host may map it.
    """

    page_size: int = 0
    is_locked: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """zone: with offset timezone. rtc, pit: what becomes of ticks that were missed.

    hpet, kvmclock, hypervclock: yes, no, or as QEMU likes.
    """

    offset: str = "utc"
    zone: str = ""
    rtc: str = ""
    pit: str = ""
    hpet: str = ""
    kvmclock: str = ""
    hypervclock: str = ""


@dataclass(frozen=True, slots=True)
class Startup:
    """What it does when it starts and ends. boot_menu: yes, no, or as the firmware likes."""

    boot_menu: str = ""
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    on_crash: str = "destroy"


@dataclass(frozen=True, slots=True)
class Banks:
    """Room for memory that is added later. limit: bytes, with what it has; slots: of devices."""

    limit: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class FirmwareChoice:
    """kind: bios, efi or secure. has_variables: a file is named for what it is told."""

    kind: str = "bios"
    has_variables: bool = False


Part = Processor | Placement | Backing | Clock | Startup | FirmwareChoice | Banks


@dataclass(frozen=True, slots=True)
class Tuning:
    """All of it, as one definition says."""

    processor: Processor = Processor()
    placement: Placement = Placement()
    backing: Backing = Backing()
    clock: Clock = Clock()
    startup: Startup = Startup()
    firmware: FirmwareChoice = FirmwareChoice()
    banks: Banks = Banks()


PARTS: dict[str, type[Part]] = {
    "processor": Processor,
    "placement": Placement,
    "backing": Backing,
    "clock": Clock,
    "startup": Startup,
    "firmware": FirmwareChoice,
    "banks": Banks,
}


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A named processor. is_usable: this host can give it. lacks: features that it cannot give."""

    name: str
    is_usable: bool = True
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostCpu:
    """One CPU of a host. Source: capabilities XML <cpu>."""

    id: int
    socket: int = 0
    core: int = 0


def cpu_set(text: str) -> frozenset[int]:
    """The CPUs or nodes of `0-3,^2,7`. Raises ValueError."""
    found: set[int] = set()
    taken: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.removeprefix("^").partition("-")
        begin, end = int(first), int(last if dash else first)
        if not 0 <= begin <= end <= 65535:
            raise ValueError(f"not a range: {part[:20]}")
        (taken if part.startswith("^") else found).update(range(begin, end + 1))
    if not found - taken:
        raise ValueError("nothing is left")
    return frozenset(found - taken)
