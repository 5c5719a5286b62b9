"""A host in depth: what is read beside its `HostRecord`, and everything that its page shows.

The worker tells these as parts: each is read for itself, kept as one row of the mirror, and never
loaded by a list. Sizes are bytes, times seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from kvmweb.core.connections import ConnectionFacts
from kvmweb.core.readiness import Readiness
from kvmweb.core.records import HostRecord, HostState
from kvmweb.core.refs import Ref
from kvmweb.core.tuning import HostCpu

LARGEST_BASE_PAGE = 64 * 1024


class Part(StrEnum):
    """What is read of a host for itself."""

    HARDWARE = "hardware"
    READINESS = "readiness"
    DEVICES = "devices"
    SECRETS = "secrets"


@dataclass(frozen=True, slots=True)
class Pages:
    """Memory pages of one size. Source: capabilities XML <pages>, virNodeGetFreePages."""

    size: int
    total: int
    free: int | None = None


@dataclass(frozen=True, slots=True)
class NumaCell:
    """One NUMA node. Source: capabilities XML <cell>, virNodeGetCellsFreeMemory."""

    id: int
    memory: int
    cpus: int
    free: int | None = None
    pages: tuple[Pages, ...] = ()
    processors: tuple[HostCpu, ...] = ()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What guests of the host's own kind may be given. Source: domain capabilities XML."""

    vcpus_max: int = 0
    firmwares: tuple[str, ...] = ()
    has_secure_boot: bool = False
    cpu_modes: tuple[str, ...] = ()
    disk_buses: tuple[str, ...] = ()
    graphics: tuple[str, ...] = ()
    host_devices: tuple[str, ...] = ()
    file_systems: tuple[str, ...] = ()
    tpm_models: tuple[str, ...] = ()
    has_sev: bool = False
    has_sgx: bool = False
    has_backup: bool = False


@dataclass(frozen=True, slots=True)
class HardwareRecord:
    """Source: capabilities XML, virNodeGetInfo. iommu: None where libvirt is too old to say.

    booted_at: known of the worker's own machine alone. machines: of the host's own architecture.
    """

    vendor: str
    mhz: int
    sockets: int
    dies: int
    cores: int
    threads: int
    cells: tuple[NumaCell, ...]
    security: tuple[str, ...]
    """selinux, apparmor, dac: what keeps guests apart; empty: nothing does."""
    iommu: bool | None
    arches: tuple[str, ...]
    accelerated: tuple[str, ...]
    """Architectures that libvirt offers KVM for."""
    machines: tuple[str, ...]
    can_migrate_live: bool
    abilities: Abilities
    booted_at: float | None = None

    @property
    def huge_pages(self) -> tuple[Pages, ...]:
        """Of all cells together, without the sizes that everything else is made of."""
        sizes = sorted({pages.size for cell in self.cells for pages in cell.pages})
        return tuple(_sum(self.cells, size) for size in sizes if size > LARGEST_BASE_PAGE)


def _sum(cells: tuple[NumaCell, ...], size: int) -> Pages:
    found = [pages for cell in cells for pages in cell.pages if pages.size == size]
    free = [pages.free for pages in found if pages.free is not None]
    return Pages(size, sum(pages.total for pages in found), sum(free) if free else None)


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host as the list shows it. record: None until it answered for the first time.

    since: of this connection state. heard_at: when it last answered anything.
    rests_since: in maintenance since then, for this reason, by this person.
    """

    ref: Ref
    name: str
    uri: str
    state: HostState
    reason: str
    since: datetime | None
    heard_at: datetime | None
    record: HostRecord | None
    cpu: float | None
    memory_used: int | None
    guests: int
    rev: int
    is_enabled: bool = True
    rests_since: datetime | None = None
    rests_because: str = ""
    rests_by: str = ""

    @property
    def dom_id(self) -> str:
        """Its row's element id."""
        return self.ref.dom_id

    @property
    def is_up(self) -> bool:
        """Whether what is known of it is current."""
        return self.state is HostState.UP

    @property
    def memory(self) -> int:
        """Of the machine; 0 while unknown."""
        return self.record.memory if self.record else 0


@dataclass(frozen=True, slots=True)
class GuestShare:
    """A guest as its host's page shows it. cpu: percent of all the host's CPUs."""

    ref: Ref
    name: str
    state: str
    is_answering: bool
    vcpus: int
    memory: int
    cpu: float | None = None
    memory_used: int | None = None


@dataclass(frozen=True, slots=True)
class HostGuests:
    """The guests of a host that the reader sees. top: those that use most, the busiest first.

    vcpus, memory: promised to all that run.
    """

    total: int = 0
    running: int = 0
    vcpus: int = 0
    memory: int = 0
    top: tuple[GuestShare, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelved:
    """A pool or a network on a host's page. note: its type or mode. percent: how full."""

    ref: Ref
    name: str
    note: str
    is_active: bool
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class HostUse:
    """What changes every two seconds. samples: `(epoch, cpu, memory_used)`, oldest first.

    load: of the last minute; None where only the machine itself knows. cpus: of the host.
    """

    cpu: float | None = None
    memory_used: int | None = None
    memory: int = 0
    cpus: int = 0
    load: float | None = None
    samples: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class HostDetails:
    """One host, whole. rev: of the mirror before it was read. may: verbs that the reader has."""

    row: HostRow
    rev: int
    use: HostUse
    guests: HostGuests
    hardware: HardwareRecord | None = None
    readiness: Readiness | None = None
    checked_at: datetime | None = None
    pools: tuple[Shelved, ...] = ()
    networks: tuple[Shelved, ...] = ()
    may: frozenset[str] = field(default_factory=frozenset)
    connection: ConnectionFacts | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """What the portal forgets with a host. Nothing of it changes on the host."""

    guests: int
    pools: int
    networks: int
    grants: int
    people: int
    has_keys: bool
