"""Offers: what can be done with an object, and why not when it cannot (DESIGN 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Obstacle(StrEnum):
    """Why an offer is not possible now. `ui.messages` has the sentence for each."""

    NONE = ""
    NO_RIGHT = "no-right"
    NOT_RUNNING = "not-running"
    RUNNING = "running"
    PAUSED = "paused"
    NOT_PAUSED = "not-paused"
    SHUTTING_DOWN = "shutting-down"
    SUSPENDED = "suspended"
    CRASHED = "crashed"
    NOT_ANSWERING = "not-answering"
    NOT_OFF = "not-off"
    TRANSIENT = "transient"
    SNAPSHOTS = "snapshots"
    SAVED_STATE = "saved-state"
    NO_SAVED_STATE = "no-saved-state"
    NO_AGENT = "no-agent"
    FROZEN = "frozen"
    NOT_FROZEN = "not-frozen"
    NO_SCREEN = "no-screen"
    NO_SERIAL = "no-serial"
    NOT_SUPPORTED = "not-supported"
    TEMPLATE = "template"
    LIMITED = "limited"
    LIMITED_BESIDE = "limited-beside"
    NO_TEMPLATE = "no-template"
    HOST_AWAY = "host-away"
    MAINTENANCE = "maintenance"
    POOL_ACTIVE = "pool-active"
    POOL_STOPPED = "pool-stopped"
    POOL_FIXED = "pool-fixed"
    POOL_TRANSIENT = "pool-transient"
    VOLUME_USED = "volume-used"
    VOLUME_RUNNING = "volume-running"
    VOLUME_USED_NOW = "volume-used-now"
    INSIDE_FORMAT = "inside-format"
    INSIDE_ENCRYPTED = "inside-encrypted"
    INSIDE_CHAIN = "inside-chain"
    NETWORK_ACTIVE = "network-active"
    NETWORK_INACTIVE = "network-inactive"
    NETWORK_TRANSIENT = "network-transient"
    NETWORK_WITHOUT_DHCP = "network-without-dhcp"
    NETWORK_ATTACHED = "network-attached"
    SNAPSHOT_NO_DISK = "snapshot-no-disk"
    SNAPSHOT_DISKS = "snapshot-disks"
    SNAPSHOT_FORMAT = "snapshot-format"
    SNAPSHOT_UEFI = "snapshot-uefi"
    SNAPSHOT_VCPUS = "snapshot-vcpus"
    SNAPSHOT_DEVICES = "snapshot-devices"
    SNAPSHOT_OFF = "snapshot-off"
    SNAPSHOT_EXTERNAL = "snapshot-external"
    SNAPSHOT_DEADLY = "snapshot-deadly"
    SNAPSHOT_OTHER = "snapshot-other"
    SNAPSHOT_SAVED = "snapshot-saved"
    SNAPSHOT_SHARED = "snapshot-shared"
    SNAPSHOT_LIMITS = "snapshot-limits"


@dataclass(frozen=True, slots=True)
class Offer:
    """One action on one object for one reader. is_possible: no obstacle stands in the way."""

    verb: str
    """guest.start, …: the same word the guard judges, the URL carries, ui labels."""
    obstacle: Obstacle = Obstacle.NONE
    command: str = ""
    """The virsh line that does the same, quoted for a shell."""

    @property
    def is_possible(self) -> bool:
        """Whether the control is enabled."""
        return self.obstacle is Obstacle.NONE
