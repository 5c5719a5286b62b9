"""What will be made of a wish: for the page that shows it first, and for the job that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.records import HostRecord, NetworkRecord, PoolRecord, VolumeRecord
from kvmweb.core.specs import GuestSpec


@dataclass(frozen=True, slots=True)
class Ground:
    """What a host has for a new guest, as far as this person may use it. Keys are UUIDs.

    volumes: by pool, then by name. users: path of an image to the guests that use it.
    """

    host: str
    name: str
    uri: str
    record: HostRecord
    is_up: bool
    names: frozenset[str]
    """Of its guests, and of those under way."""
    pools: Mapping[str, PoolRecord]
    volumes: Mapping[str, Mapping[str, VolumeRecord]]
    users: Mapping[str, tuple[str, ...]]
    networks: Mapping[str, NetworkRecord]
    forged: frozenset[str]
    """Ids of volumes that were made as raw and look like another format now: whoever wrote into
    one decides which files of the host it names."""
    may_bridge: bool
    """Whether this person may name the host's own bridges and network devices."""
    projects: tuple[tuple[int, str], ...] = ((0, ""),)
    """Key and name of those that a new guest can be in; (0, "") for none."""

    def facts(self, virt_type: str) -> DomainFacts | None:
        """What a guest of this kind can have; None where the host does not say."""
        return next((it for it in self.record.domains if it.virt_type == virt_type), None)

    @property
    def virt_type(self) -> str:
        """The better kind that can work: kvm is also announced by hosts whose CPU cannot."""
        kinds = [facts.virt_type for facts in self.record.domains]
        if self.record.driver == "TEST":
            return "test"
        if "kvm" in kinds and self.record.has_cpu_flags is not False:
            return "kvm"
        return "qemu" if "qemu" in kinds else next(iter(kinds), "qemu")

    def volume(self, pool: str, name: str) -> VolumeRecord | None:
        """The volume of this name in this pool."""
        return self.volumes.get(pool, {}).get(name)


@dataclass(frozen=True, slots=True)
class NewVolume:
    """A volume to be made. pool: UUID; size: bytes; backing: name of the volume it grows from.

    backing_format: what that was when it was looked at.
    """

    pool: str
    pool_name: str
    name: str
    size: int
    format: str
    backing_pool: str = ""
    backing: str = ""
    backing_format: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """spec: as the worker gets it, without paths. shown: with the paths as they will be.

    faults: field to sentence; while there are any, nothing can be made.
    """

    spec: GuestSpec
    shown: GuestSpec
    volumes: tuple[NewVolume, ...] = ()
    seed: NewVolume | None = None
    boot_volumes: tuple[NewVolume, ...] = ()
    """Kernel and initrd of an installer: made for the first start, deleted after it."""
    faults: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
