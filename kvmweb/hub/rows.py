"""Records as rows of the mirror: which facts have a column of their own.

Pure but for the clock's value that is handed in.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from kvmweb.core.records import GuestState
from kvmweb.core.refs import Kind
from kvmweb.hub.batches import Plain, Told
from kvmweb.inventory import models as mirror

Row = mirror.Guest | mirror.Pool | mirror.Network | mirror.Volume | mirror.Interface | mirror.Filter
MODELS: dict[Kind, type[Row]] = {
    Kind.GUEST: mirror.Guest,
    Kind.POOL: mirror.Pool,
    Kind.NETWORK: mirror.Network,
    Kind.VOLUME: mirror.Volume,
    Kind.INTERFACE: mirror.Interface,
    Kind.FILTER: mirror.Filter,
}

GONE: dict[Kind, dict[str, bool]] = {Kind.GUEST: {"is_binned": False}}
"""What is so of a row that went away for good."""

SHARED_FIELDS = ["name", "name_fold", "record", "digest", "rev", "is_gone", "changed_at"]
GUEST_FIELDS = [
    "title", "state", "vcpus", "memory", "has_autostart", "tags", "addresses", "running_since",
    "cpu", "memory_used", "is_answering", "sampled_at", "is_binned",
    "is_template",
]  # fmt: skip
VOLUME_FIELDS = [
    "pool", "place", "alias_place", "backing_place", "format", "capacity", "allocation", "made_as",
]  # fmt: skip
FIELDS: dict[Kind, list[str]] = {Kind.GUEST: GUEST_FIELDS, Kind.VOLUME: VOLUME_FIELDS}
"""Columns beside the shared ones."""


def digest(record: Plain) -> str:
    """The same for the same record, whatever the order of its fields."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def is_active(row: Row | None) -> bool:
    """Whether this row, if any, is of a guest that a process exists for."""
    return isinstance(row, mirror.Guest) and not row.is_gone and GuestState(row.state).is_active


def there(kind: Kind, host: str) -> QuerySet[Any]:
    """The rows of what is on this host, those in the recycle bin among them."""
    present = Q(is_gone=False) | Q(is_binned=True) if kind is Kind.GUEST else Q(is_gone=False)
    return MODELS[kind]._default_manager.filter(present, host=host)


def is_known(row: Row | None) -> bool:
    """Whether what it says is of something that is there, be it in the recycle bin."""
    return row is not None and (not row.is_gone or is_binned(row))


def is_binned(row: Row) -> bool:
    """Whether this row is of a guest in the recycle bin."""
    return isinstance(row, mirror.Guest) and row.is_binned


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
    if kind is Kind.VOLUME:
        return mirror.Volume(**shared, record=record, **_volume_columns(record, before))
    if kind is not Kind.GUEST:
        return MODELS[kind](**shared, record=record)
    mark = record.get("bin")
    if mark:
        name = str(mark["name"]) or record["name"]
        shared |= {"is_gone": True, "name": name[:255], "name_fold": name.casefold()[:255]}
    lean = {name: value for name, value in record.items() if name not in ("xml", "stored_xml")}
    return mirror.Guest(
        **shared,
        record=lean,
        is_binned=bool(mark),
        is_template=bool(record.get("template")),
        **_guest_columns(record),
        **_running(told, before, now),
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


def _volume_columns(record: Plain, before: Row | None) -> dict[str, Any]:
    made_as = before.made_as if isinstance(before, mirror.Volume) and not before.is_gone else ""
    return {
        "pool": record["pool"],
        "place": mirror.place(record["path"]),
        "alias_place": mirror.place(record["alias"]),
        "backing_place": mirror.place(record["backing_path"]),
        "format": record["format"][:32],
        "capacity": min(record["capacity"], mirror.BIGGEST),
        "allocation": min(record["allocation"], mirror.BIGGEST),
        "made_as": made_as or record["format"][:32],
    }


def disk_uses(guest: mirror.Guest) -> dict[tuple[str, str], mirror.DiskUse]:
    """What a guest's disks are read from, by target and place, and the memory of its snapshots."""
    made = [
        mirror.DiskUse(
            guest=guest,
            host=guest.host,
            place=mirror.place(disk["source"]),
            target=disk["target"][:32],
            device=disk["device"][:16],
            format=disk["format"][:32],
            is_readonly=disk["is_readonly"],
        )
        for disk in guest.record["disks"]
        if disk["source"]
    ]
    made += [
        mirror.DiskUse(
            guest=guest,
            host=guest.host,
            place=mirror.place(snapshot["memory_file"]),
            target=snapshot["name"][:32],
            device=mirror.MEMORY,
            is_readonly=True,
        )
        for snapshot in guest.record.get("snapshot_tree", ())
        if snapshot.get("memory_file")
    ]
    return {(use.target, use.place): use for use in made}


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
