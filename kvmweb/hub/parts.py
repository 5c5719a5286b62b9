"""Parts of a host into the mirror: one row each, written whole."""

from __future__ import annotations

from datetime import datetime

from kvmweb.core.hosts import Part
from kvmweb.hub import rows
from kvmweb.hub.batches import Plain
from kvmweb.inventory.models import HostPart

ALWAYS_TOLD = frozenset({Part.READINESS})
"""Somebody who asked for it waits for the moment of the last look, even when all is as before."""


def write(host: str, parts: dict[str, Plain], now: datetime) -> bool:
    """Inside the writer's transaction. Whether there is anything to tell."""
    if not parts:
        return False
    known = dict(HostPart.objects.filter(host=host).values_list("part", "digest"))
    is_told = False
    for part, message in parts.items():
        digest = rows.digest(message["record"])
        is_told |= known.get(part) != digest or part in ALWAYS_TOLD
        HostPart.objects.update_or_create(
            host=host,
            part=part,
            defaults={
                "record": message["record"],
                "digest": digest,
                "read_at": rows.moment(message["at"]) if message.get("at") else now,
            },
        )
    return is_told


def forget(host: str) -> None:
    """The host was removed."""
    HostPart.objects.filter(host=host).delete()
