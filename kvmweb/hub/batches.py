"""What a worker said in one breath, folded so that the last word on each object counts.

Pure: no database, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kvmweb.core.refs import Kind

Plain = dict[str, Any]
"""A record or message as plain JSON."""

MIRRORED = (
    Kind.GUEST, Kind.POOL, Kind.NETWORK, Kind.VOLUME, Kind.INTERFACE, Kind.FILTER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """The last record of one object. event_at: libvirt's event that led to it, None: found."""

    record: Plain
    event_at: float | None = None


@dataclass(slots=True)
class Batch:
    """Several messages as one.

    told: per kind and UUID the last record; None: it is gone. listed: per kind everything that
    exists, where a full listing came along. link: (state, reason) of the connection.
    """

    told: dict[Kind, dict[str, Told | None]] = field(
        default_factory=lambda: {kind: {} for kind in MIRRORED}
    )
    listed: dict[Kind, set[str]] = field(default_factory=dict)
    link: tuple[str, str] | None = None
    host: Plain | None = None
    samples: Plain | None = None
    parts: dict[str, Plain] = field(default_factory=dict)
    """By its name, what was read of the host for itself: `{"record", "at"}`."""
    looks: set[str] = field(default_factory=set)
    """Volumes into which a look began, went on or ended."""


def fold(messages: Iterable[Plain]) -> Batch:
    """In order. A message of a type that we do not know is passed over."""
    batch = Batch()
    for message in messages:
        match message.get("type"):
            case ("guest" | "pool" | "network" | "volume" | "interface" | "nwfilter") as kind:
                _tell(batch, Kind(kind), message)
            case "gone":
                _gone(batch, Kind(message["kind"]), message["id"])
            case "listed":
                _list(batch, Kind(message["kind"]), set(message["ids"]))
            case "link":
                batch.link = (message["state"], message.get("reason") or "")
            case "host":
                batch.host = message["record"]
            case "samples":
                batch.samples = message
            case "part":
                batch.parts[message["part"]] = message
            case "look":
                batch.looks.add(str(message["id"]))
    return batch


def _tell(batch: Batch, kind: Kind, message: Plain) -> None:
    uuid = message["record"]["uuid"]
    batch.told[kind][uuid] = Told(message["record"], message.get("event_at"))
    if kind in batch.listed:
        batch.listed[kind].add(uuid)


def _gone(batch: Batch, kind: Kind, uuid: str) -> None:
    batch.told[kind][uuid] = None
    if kind in batch.listed:
        batch.listed[kind].discard(uuid)


def _list(batch: Batch, kind: Kind, ids: set[str]) -> None:
    batch.listed[kind] = ids
    for uuid in batch.told[kind].keys() - ids:
        batch.told[kind][uuid] = None
