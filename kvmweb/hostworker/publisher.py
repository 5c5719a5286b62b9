"""What the worker knows, and who listens: records go out only when they differ from the last.

Lives on the worker's asyncio thread. A listener that reads slowly loses nothing: each object
waits at most once, in its newest form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

from kvmweb.core import wire
from kvmweb.core.hosts import Part
from kvmweb.core.networks import FilterRecord, HostInterface
from kvmweb.core.records import (
    GuestRecord,
    GuestSample,
    HostRecord,
    HostSample,
    NetworkRecord,
    PoolRecord,
    VolumeRecord,
)

Kind = Literal["guest", "pool", "network", "volume", "interface", "nwfilter"]
KINDS: tuple[Kind, ...] = ("guest", "pool", "network", "volume", "interface", "nwfilter")
Record = GuestRecord | PoolRecord | NetworkRecord | VolumeRecord | HostInterface | FilterRecord
Key = tuple[str, ...]

BATCH = 100
"""Messages encoded between two turns of the event loop."""


class Outbox:
    """What one listener has not been sent yet: the newest message of each key, in order."""

    def __init__(self) -> None:
        self._waiting: dict[Key, dict[str, Any]] = {}
        self._filled = asyncio.Event()

    def put(self, key: Key, message: dict[str, Any]) -> None:
        """Send this soon, instead of anything still waiting under the same key."""
        older = self._waiting.pop(key, None)
        if older and older.get("event_at") and "event_at" in message:
            first = min(older["event_at"], message["event_at"] or older["event_at"])
            message = {**message, "event_at": first}
        self._waiting[key] = message
        self._filled.set()

    async def take(self) -> bytes:
        """The next frames, encoded; waits until there is one."""
        await self._filled.wait()
        frames = []
        for key in list(self._waiting)[:BATCH]:
            frames.append(wire.frame(self._waiting.pop(key)))
        if not self._waiting:
            self._filled.clear()
        return b"".join(frames)


class Publisher:
    """The last known truth of this host, sent whole to a new listener and then as it changes."""

    def __init__(self) -> None:
        self.records: dict[Kind, dict[str, Record]] = {kind: {} for kind in KINDS}
        self.host: HostRecord | None = None
        self._link: dict[str, Any] = {"type": "link", "state": "connecting", "reason": ""}
        self._listed: set[Kind] = set()
        self._outboxes: set[Outbox] = set()
        self._parts: dict[str, dict[str, Any]] = {}

    @property
    def link_state(self) -> str:
        """up, connecting, down or silent."""
        return str(self._link["state"])

    @property
    def link_reason(self) -> str:
        """Why the link is not up."""
        return str(self._link["reason"])

    def subscribe(self) -> Outbox:
        """A new listener, with all that is known already waiting for it."""
        outbox = Outbox()
        outbox.put(("link",), self._link)
        if self.host:
            outbox.put(("host",), {"type": "host", "record": self.host})
        for name, message in self._parts.items():
            outbox.put(("part", name), message)
        for kind in KINDS:
            for identity, record in self.records[kind].items():
                outbox.put((kind, identity), _message(kind, record, None))
            if kind in self._listed:
                outbox.put(("listed", kind), self._listing(kind))
        self._outboxes.add(outbox)
        return outbox

    def unsubscribe(self, outbox: Outbox) -> None:
        """This listener has left."""
        self._outboxes.discard(outbox)

    def set_link(self, state: str, reason: str = "") -> None:
        """The state of the connection to libvirt."""
        message = {"type": "link", "state": state, "reason": reason}
        if message != self._link:
            self._link = message
            self._send(("link",), message)

    def set_host(self, record: HostRecord) -> None:
        """Facts of the host."""
        if record != self.host:
            self.host = record
            self._send(("host",), {"type": "host", "record": record})

    def set_part(self, part: Part, record: Any, at: float) -> None:
        """What was read of the host for itself, and when."""
        message = {"type": "part", "part": part.value, "record": record, "at": at}
        self._parts[part] = message
        self._send(("part", part), message)

    def set_record(self, kind: Kind, record: Record, event_at: float | None = None) -> None:
        """One object, as just read."""
        if self.records[kind].get(record.uuid) != record:
            self.records[kind][record.uuid] = record
            self._send((kind, record.uuid), _message(kind, record, event_at))

    def set_gone(self, kind: Kind, identity: str, event_at: float | None = None) -> None:
        """One object that is no more."""
        if self.records[kind].pop(identity, None):
            message = {"type": "gone", "kind": kind, "id": identity, "event_at": event_at}
            self._send((kind, identity), message)

    def set_listed(self, kind: Kind) -> None:
        """All objects of this kind have been read: what a mirror has beyond them is gone."""
        self._listed.add(kind)
        self._send(("listed", kind), self._listing(kind))

    def is_listed(self, kind: Kind) -> bool:
        """All objects of this kind have been read once."""
        return kind in self._listed

    def set_samples(self, host: HostSample, guests: Iterable[GuestSample]) -> None:
        """One round of statistics."""
        self._send(("samples",), {"type": "samples", "host": host, "guests": list(guests)})

    def tell_look(self, volume: str) -> None:
        """The look into this volume differs; whoever wants to know asks what it is now."""
        self._send(("look", volume), {"type": "look", "id": volume})

    def guests(self) -> list[GuestRecord]:
        """Every guest known."""
        return [
            record for record in self.records["guest"].values() if isinstance(record, GuestRecord)
        ]

    def pool(self, uuid: str) -> PoolRecord | None:
        """This pool, if known."""
        found = self.records["pool"].get(uuid)
        return found if isinstance(found, PoolRecord) else None

    def volumes(self, pool: str) -> dict[str, VolumeRecord]:
        """The volumes known of this pool, by name."""
        return {
            record.name: record
            for record in self.records["volume"].values()
            if isinstance(record, VolumeRecord) and record.pool == pool
        }

    def guest(self, uuid: str) -> GuestRecord | None:
        """This guest, if known."""
        found = self.records["guest"].get(uuid)
        return found if isinstance(found, GuestRecord) else None

    def networks(self) -> list[NetworkRecord]:
        """Every virtual network known."""
        found = self.records["network"].values()
        return [record for record in found if isinstance(record, NetworkRecord)]

    def _listing(self, kind: Kind) -> dict[str, Any]:
        return {"type": "listed", "kind": kind, "ids": list(self.records[kind])}

    def _send(self, key: Key, message: dict[str, Any]) -> None:
        for outbox in self._outboxes:
            outbox.put(key, message)


def _message(kind: Kind, record: Record, event_at: float | None) -> dict[str, Any]:
    return {"type": kind, "record": record, "event_at": event_at}
