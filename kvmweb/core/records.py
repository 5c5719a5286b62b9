"""What a host tells us, as frozen values: the only form in which libvirt's state leaves a worker.

Memory and sizes are bytes, times are seconds since the epoch, percentages are 0 to 100.
Absent means None; libvirt's own words are kept where they are a closed list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kvmweb.core.bins import BinMark
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.networks import UNLIMITED, Flow, Lease, NetworkSpec
from kvmweb.core.snapshots import SnapshotRecord
from kvmweb.core.templates import TemplateMark
from kvmweb.core.tuning import Tuning


class GuestState(StrEnum):
    """Source: virDomainState, with libvirt's "shutdown" named for what it is."""

    NO_STATE = "no-state"
    RUNNING = "running"
    BLOCKED = "blocked"
    PAUSED = "paused"
    SHUTTING_DOWN = "shutting-down"
    SHUT_OFF = "shut-off"
    CRASHED = "crashed"
    SUSPENDED = "suspended"

    @property
    def is_active(self) -> bool:
        """A process exists on the host."""
        return self not in (GuestState.SHUT_OFF, GuestState.NO_STATE, GuestState.CRASHED)


class HostState(StrEnum):
    """The connection to a host as the hub sees it."""

    CONNECTING = "connecting"
    UP = "up"
    SILENT = "silent"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class DiskRecord:
    """One disk of a guest. Source: domain XML <disk>; sizes: block statistics while running."""

    target: str
    bus: str
    device: str
    """disk, cdrom, floppy or lun."""
    source: str
    """Path, pool/volume or network name as the host sees it; empty for an empty drive."""
    format: str
    is_readonly: bool = False
    capacity: int | None = None
    allocation: int | None = None
    cache: str = ""
    discard: str = ""
    is_shareable: bool = False
    io: str = ""
    """How QEMU reads and writes: threads, native, io_uring."""
    detect_zeroes: str = ""
    serial: str = ""
    is_removable: bool = False
    """The guest takes it for a medium that can be taken out: USB alone."""
    limits: tuple[str, ...] = ()
    """See `core.disk_edits.DiskLimits.kept`."""


@dataclass(frozen=True, slots=True)
class InterfaceRecord:
    """One network interface. Source: domain XML <interface>; addresses: leases, agent, ARP.

    told_by: who said each of these, see `core.addresses`.
    """

    mac: str
    type: str
    """network, bridge, direct, user, …"""
    source: str
    model: str
    target: str = ""
    is_link_up: bool = True
    addresses: tuple[str, ...] = ()
    bridge: str = ""
    """The bridge that libvirt plugged it into, of a virtual network or the host."""
    port: str = ""
    """Of the virtual network, as libvirt counts its ports; empty while the guest is off."""
    port_group: str = ""
    filter: str = ""
    """The network filter that it passes."""
    mode: str = ""
    """Of direct (macvtap)."""
    mtu: int = 0
    """0: that of what it is connected to."""
    vlans: tuple[int, ...] = ()
    inbound: Flow = UNLIMITED
    """To the guest."""
    outbound: Flow = UNLIMITED
    told_by: tuple[str, ...] = ()
    is_unplugged: bool = False
    """Its virtual network was stopped under it: it is connected to nothing until re-attached."""

    @property
    def is_limited(self) -> bool:
        """Its bandwidth is."""
        return (self.inbound, self.outbound) != (UNLIMITED, UNLIMITED)


@dataclass(frozen=True, slots=True)
class SerialRecord:
    """One serial or console port that can be opened. alias: libvirt's device name (serial0)."""

    alias: str
    target: str
    """isa-serial, virtio, …"""
    port: int


@dataclass(frozen=True, slots=True)
class PendingChange:
    """One thing that the next start of a running guest brings.

    what: guest, disk, interface; device or definition with the element's name, where nothing more
    is known. field: of the record, or added, removed, other. now, then: as the record says.
    """

    what: str
    name: str
    field: str
    now: str = ""
    then: str = ""


@dataclass(frozen=True, slots=True)
class GuestRecord:
    """One guest. Source: virDomainGetXMLDesc (without SECURE), virDomainGetState, flags.

    definition_hash: of the inactive XML (live of a transient guest): what an edit must match.
    xml: the live definition while active, passwords masked by libvirt.
    """

    uuid: str
    name: str
    title: str
    description: str
    tags: tuple[str, ...]
    state: GuestState
    reason: str
    virt_type: str
    """kvm, qemu, test, …"""
    arch: str
    machine: str
    firmware: str
    """bios or efi."""
    is_persistent: bool
    has_autostart: bool
    has_saved_state: bool
    has_pending_changes: bool
    vcpus: int
    vcpus_max: int
    memory: int
    memory_max: int
    disks: tuple[DiskRecord, ...]
    interfaces: tuple[InterfaceRecord, ...]
    serials: tuple[SerialRecord, ...]
    has_screen: bool
    """A VNC display is defined."""
    has_agent_channel: bool
    is_agent_connected: bool
    snapshots: int
    started_at: float | None
    """When the QEMU process began, where the worker can know (local pid file); else None."""
    definition_hash: str
    xml: str
    stored_xml: str = ""
    """What the next start brings, where that is not in `xml`: of a persistent guest that runs."""
    host_devices: tuple[str, ...] = ()
    """Devices of the host that it is given, by their keys: see `core.devices.DeviceRecord`."""
    has_added_vcpus: bool = False
    """Virtual CPUs were added since it started."""
    snapshot_tree: tuple[SnapshotRecord, ...] = ()
    """Its snapshots, oldest first, 100 at most; `snapshots` counts all."""
    boot: tuple[str, ...] = ()
    """What it boots from at its next start, in order: `disk:TARGET`, `network:MAC`."""
    pending: tuple[PendingChange, ...] = ()
    stored_disks: tuple[DiskRecord, ...] = ()
    """As they will be; only while changes are pending, else they are as `disks`."""
    stored_interfaces: tuple[InterfaceRecord, ...] = ()
    bin: BinMark | None = None
    """It is in the recycle bin."""
    tuning: Tuning = field(default_factory=Tuning)
    """How it is set up beside its devices."""
    stored_tuning: Tuning | None = None
    """As the stored definition says, where that is something else."""
    template: TemplateMark | None = None
    """It is one: it does not start, and its disks stay as they are."""

    @property
    def next_disks(self) -> tuple[DiskRecord, ...]:
        """As they will be at the next start."""
        return self.stored_disks if self.has_pending_changes else self.disks

    @property
    def next_interfaces(self) -> tuple[InterfaceRecord, ...]:
        """As they will be at the next start."""
        return self.stored_interfaces if self.has_pending_changes else self.interfaces

    @property
    def has_limited_disks(self) -> bool:
        """One at least is, now or at the next start."""
        return any(it.limits for it in (*self.disks, *self.next_disks))

    @property
    def has_limited_cards(self) -> bool:
        """One interface at least is, now or at the next start."""
        return any(it.is_limited for it in (*self.interfaces, *self.next_interfaces))

    @property
    def next_tuning(self) -> Tuning:
        """As it will be at the next start."""
        return self.stored_tuning or self.tuning

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of every interface, in order."""
        return tuple(address for card in self.interfaces for address in card.addresses)


@dataclass(frozen=True, slots=True)
class GuestSample:
    """One round of statistics of one active guest.

    cpu: percent of the guest's own vCPUs since the last round. memory_used: resident bytes as
    the guest sees them (balloon), else of the QEMU process; None until reported.
    disk_*, net_*: bytes per second over all devices. is_answering: False while QEMU is stuck.
    """

    uuid: str
    cpu: float | None
    memory_used: int | None
    memory: int
    disk_read: float = 0.0
    disk_written: float = 0.0
    net_received: float = 0.0
    net_sent: float = 0.0
    is_answering: bool = True


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """One storage pool, list level. Source: virStoragePoolGetInfo, pool XML.

    source: where its data comes from, such as `10.0.0.5:/export` or `/dev/sdb`; empty for a folder.
    definition_hash: of the inactive XML: what an edit must match.
    """

    uuid: str
    name: str
    type: str
    path: str
    is_active: bool
    is_persistent: bool
    has_autostart: bool
    capacity: int
    allocation: int
    available: int
    volumes: int
    source: str = ""
    format: str = ""
    definition_hash: str = ""

    @property
    def percent(self) -> float:
        """How full it is."""
        return 100 * self.allocation / self.capacity if self.capacity else 0.0


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    """One volume of an active pool. Source: volume XML.

    uuid: `refs.volume_id` of pool and name, for libvirt gives volumes none.
    backing: what the image's header names, as it stands there; backing_path: the file that means,
    empty where it is no file of the host. capacity: what a guest sees; allocation: really used.
    """

    uuid: str
    pool: str
    name: str
    path: str
    """As the host sees it; never opened by us."""
    type: str
    """file, block, dir, network, netdir or ploop."""
    format: str
    capacity: int
    allocation: int
    backing: str = ""
    backing_path: str = ""
    backing_format: str = ""
    is_encrypted: bool = False
    alias: str = ""
    """Another name that guests may know it by: `rbd:pool/image`, `/dev/mapper/vg-lv`."""
    modified_at: str = ""
    """When a disc's file was changed last, as libvirt says it; empty for all other volumes."""


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """What a volume is to somebody who wants its data. Source: virStorageVolGetInfoFlags.

    size: bytes of the file or device itself: what a download has. modified_at: as libvirt says it.
    """

    size: int
    capacity: int
    allocation: int
    key: str
    modified_at: str


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """One virtual network. Source: network XML, virNetworkGetDHCPLeases.

    forward: nat, route, open, bridge, … ; empty means isolated. subnets: `192.168.122.0/24`.
    spec: as it works now; stored: what the next start brings, where that differs.
    definition_hash, xml: of the stored definition (live of a transient network).
    """

    uuid: str
    name: str
    forward: str
    bridge: str
    subnets: tuple[str, ...]
    has_dhcp: bool
    is_active: bool
    is_persistent: bool
    has_autostart: bool
    spec: NetworkSpec = field(default_factory=NetworkSpec)
    stored: NetworkSpec | None = None
    leases: tuple[Lease, ...] = ()
    is_dhcp_silent: bool = False
    """Its DHCP server should run and does not; only where the worker can see the process."""
    definition_hash: str = ""
    xml: str = ""

    @property
    def is_stored_otherwise(self) -> bool:
        """The next start brings something that is not there now."""
        return self.stored is not None


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What a host is and can do. Source: virNodeGetInfo, getVersion, capabilities, probes.

    capabilities: probe name to answer, e.g. `{"guest.screenshot": true}`; probed once, cached.
    has_cpu_flags, has_kvm_module, offers_kvm: three separate facts about acceleration
    (flags vmx/svm, /dev/kvm, `<domain type='kvm'>` in capabilities); None: unknown (remote).
    """

    hostname: str
    uri: str
    driver: str
    """QEMU, TEST, …"""
    libvirt_version: str
    hypervisor_version: str
    arch: str
    cpu_model: str
    cpus: int
    memory: int
    has_cpu_flags: bool | None
    has_kvm_module: bool | None
    offers_kvm: bool
    capabilities: dict[str, bool]
    pool_types: tuple[str, ...] = ()
    """Storage pools that its libvirt has a backend for."""
    domains: tuple[DomainFacts, ...] = ()
    """What new guests can have, the better kind first; empty where the driver does not say."""


@dataclass(frozen=True, slots=True)
class HostSample:
    """One round of host statistics. cpu: percent of all CPUs. memory_used: without caches.

    load: of the last minute, known of the worker's own machine alone.
    """

    cpu: float | None
    memory_used: int | None
    guests_running: int
    load: float | None = None
