"""What will be made of a wish: for the page that shows it first, and for the job that does it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from kvmweb.core import wire
from kvmweb.core.domain_facts import DomainFacts
from kvmweb.core.records import HostRecord, NetworkRecord, PoolRecord, VolumeRecord
from kvmweb.core.specs import GuestSpec


@dataclass(frozen=True, slots=True)
class VolumeLine:
    """A volume as a choice names it. path: what `Ground.users` knows it by."""

    name: str
    format: str
    capacity: int
    path: str


class PoolVolumes(Mapping[str, VolumeRecord]):
    """The volumes of one pool by name: all as lines, and each whole when it is asked for.

    A page offers thousands and looks at few: reading two thousand records took it 80 ms.
    """

    def __init__(self) -> None:
        self._lines: dict[str, VolumeLine] = {}
        self._texts: dict[str, str] = {}

    def add(self, line: VolumeLine, text: str) -> None:
        """text: its record as JSON."""
        self._lines[line.name], self._texts[line.name] = line, text

    @property
    def lines(self) -> Collection[VolumeLine]:
        """In the order in which they were added."""
        return self._lines.values()

    def __getitem__(self, name: str) -> VolumeRecord:
        return wire.from_plain(VolumeRecord, json.loads(self._texts[name]))

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


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
    volumes: Mapping[str, PoolVolumes]
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
        found = self.volumes.get(pool)
        return found.get(name) if found else None


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
