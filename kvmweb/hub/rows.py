"""Records as rows of the mirror: which facts have a column of their own.

Pure but for the clock's value that is handed in.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from kvmweb.core.records import GuestState
from kvmweb.core.refs import Kind
from kvmweb.hub.batches import Plain, Told
from kvmweb.inventory import models as mirror

MODELS: dict[Kind, type[mirror.Guest] | type[mirror.Pool] | type[mirror.Network]] = {
    Kind.GUEST: mirror.Guest,
    Kind.POOL: mirror.Pool,
    Kind.NETWORK: mirror.Network,
}
Row = mirror.Guest | mirror.Pool | mirror.Network

SHARED_FIELDS = ["name", "name_fold", "record", "digest", "rev", "is_gone", "changed_at"]
GUEST_FIELDS = [
    "title", "state", "vcpus", "memory", "has_autostart", "tags", "addresses", "running_since",
    "cpu", "memory_used", "is_answering", "sampled_at",
]  # fmt: skip


def digest(record: Plain) -> str:
    """The same for the same record, whatever the order of its fields."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def is_active(row: Row | None) -> bool:
    """Whether this row, if any, is of a guest that a process exists for."""
    return isinstance(row, mirror.Guest) and not row.is_gone and GuestState(row.state).is_active


def build(kind: Kind, host: str, told: Told, before: Row | None, now: datetime) -> Row:
    """A fresh row without key or revision; `before` lends what the record does not carry."""
    record = told.record
    shared: dict[str, Any] = {
        "host": host,
        "uuid": record["uuid"],
        "name": record["name"][:255],
        "name_fold": record["name"].casefold()[:255],
        "digest": digest(record),
    }
    if kind is not Kind.GUEST:
        return MODELS[kind](**shared, record=record)
    lean = {name: value for name, value in record.items() if name != "xml"}
    return mirror.Guest(
        **shared, record=lean, **_guest_columns(record), **_running(told, before, now)
    )


def _guest_columns(record: Plain) -> dict[str, Any]:
    tags = [tag.replace("|", " ") for tag in record["tags"]]
    addresses = [address for card in record["interfaces"] for address in card["addresses"]]
    return {
        "title": record["title"][:255],
        "state": record["state"],
        "vcpus": record["vcpus"],
        "memory": record["memory"],
        "has_autostart": record["has_autostart"],
        "tags": f"|{'|'.join(tags)}|" if tags else "",
        "addresses": " ".join(addresses),
    }


def _running(told: Told, before: Row | None, now: datetime) -> dict[str, Any]:
    """Since when it runs, and its last figures: both end with the process."""
    if not GuestState(told.record["state"]).is_active:
        return {"running_since": None}
    since = told.record.get("started_at")
    if not isinstance(before, mirror.Guest) or not is_active(before):
        began = since or told.event_at
        return {"running_since": moment(began) if began else now}
    return {
        "running_since": moment(since) if since else before.running_since or now,
        "cpu": before.cpu,
        "memory_used": before.memory_used,
        "is_answering": before.is_answering,
        "sampled_at": before.sampled_at,
    }


def moment(epoch: float) -> datetime:
    """Seconds since the epoch as the database keeps them."""
    return datetime.fromtimestamp(epoch, UTC)
