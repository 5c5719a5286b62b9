"""Records as a worker would send them, built from the record classes themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kvmweb.core import refs, wire
from kvmweb.core.networks import FilterRecord, HostInterface
from kvmweb.core.records import (
    GuestRecord,
    GuestSample,
    GuestState,
    HostSample,
    InterfaceRecord,
    NetworkRecord,
    PoolRecord,
    VolumeRecord,
)
from kvmweb.core.snapshots import Kind, Memory, SnapshotRecord

GUEST = GuestRecord(
    uuid="", name="", title="", description="", tags=(), state=GuestState.SHUT_OFF, reason="",
    virt_type="qemu", arch="x86_64", machine="q35", firmware="bios", is_persistent=True,
    has_autostart=False, has_saved_state=False, has_pending_changes=False, vcpus=1, vcpus_max=1,
    memory=96 * 2**20, memory_max=96 * 2**20, disks=(),
    interfaces=(InterfaceRecord("52:54:00:00:00:01", "network", "default", "virtio"),),
    serials=(), has_screen=True, has_agent_channel=False, is_agent_connected=False, snapshots=0,
    started_at=None, definition_hash="", xml="<domain/>",
)  # fmt: skip
POOL = PoolRecord("", "default", "dir", "/images", True, True, True, 100, 40, 60, 2)
NETWORK = NetworkRecord("", "default", "nat", "virbr0", (), True, True, True, True)
FILTER = FilterRecord(
    "", "clean-traffic", "root", (("accept", "out", "mac"),), ("no-mac-spoofing",), "h1",
    "<filter name='clean-traffic'/>",
)  # fmt: skip


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def guest(number: int, event_at: float | None = None, **facts: Any) -> dict[str, Any]:
    record = replace(GUEST, **{"uuid": uuid(number), "name": f"guest{number}", **facts})
    return {"type": "guest", "record": wire.to_plain(record), "event_at": event_at}


def snapshot(name: str, **facts: Any) -> SnapshotRecord:
    """Of a guest that was off, inside its one disk."""
    standard = {"description": "", "created_at": 1_700_000_000, "state": "shutoff", "parent": ""}
    kept = {"memory": Memory.NONE, "kind": Kind.INTERNAL, "disks": ("vda",)}
    return SnapshotRecord(name=name, **{**standard, **kept, **facts})


def pool(number: int, **facts: Any) -> dict[str, Any]:
    record = replace(POOL, **{"uuid": uuid(number), **facts})
    return {"type": "pool", "record": wire.to_plain(record), "event_at": None}


def volume(pool_number: int, name: str, **facts: Any) -> dict[str, Any]:
    pool_uuid = uuid(pool_number)
    standard = {"path": f"/images/{name}", "type": "file", "format": "qcow2"}
    sizes = {"capacity": 2**30, "allocation": 2**20}
    record = VolumeRecord(
        refs.volume_id(pool_uuid, name), pool_uuid, name, **{**standard, **sizes, **facts}
    )
    return {"type": "volume", "record": wire.to_plain(record), "event_at": None}


def network(number: int, **facts: Any) -> dict[str, Any]:
    record = replace(NETWORK, **{"uuid": uuid(number), **facts})
    return {"type": "network", "record": wire.to_plain(record), "event_at": None}


def interface(number: int, name: str, **facts: Any) -> dict[str, Any]:
    record = HostInterface(uuid(number), name, facts.pop("type", "ethernet"), **facts)
    return {"type": "interface", "record": wire.to_plain(record), "event_at": None}


def filter_(number: int, **facts: Any) -> dict[str, Any]:
    record = replace(FILTER, **{"uuid": uuid(number), **facts})
    return {"type": "nwfilter", "record": wire.to_plain(record), "event_at": None}


def gone(number: int, kind: str = "guest") -> dict[str, Any]:
    return {"type": "gone", "kind": kind, "id": uuid(number)}


def listed(*numbers: int, kind: str = "guest") -> dict[str, Any]:
    return {"type": "listed", "kind": kind, "ids": [uuid(number) for number in numbers]}


def link(state: str, reason: str = "") -> dict[str, Any]:
    return {"type": "link", "state": state, "reason": reason}


def samples(*numbers: int, cpu: float = 12.5, is_answering: bool = True) -> dict[str, Any]:
    rounds = [
        GuestSample(uuid(n), cpu, 50 * 2**20, 96 * 2**20, is_answering=is_answering)
        for n in numbers
    ]
    host = HostSample(20.0, 2**30, len(numbers))
    return {"type": "samples", "host": wire.to_plain(host), "guests": wire.to_plain(rounds)}
