"""Keep every definition that is seen of a guest, for its history: a bounded number of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from kvmweb.definitions import defining
from kvmweb.inventory.models import Guest
from kvmweb.store.models import GuestVersion

KEPT = 100
"""Of each guest; the oldest go first."""
CHUNK = 500


def keep(host: str, guests: Sequence[Guest], texts: Mapping[str, str], now: datetime) -> None:
    """Write a version of each of these guests whose definition is not the newest one known.

    texts: what the next start brings, by UUID. Runs within the transaction of the mirror.
    """
    for chunk in _chunks([it for it in guests if _is_of_use(it)]):
        known = GuestVersion.objects.filter(host=host, uuid__in=[it.uuid for it in chunk])
        newest = dict(known.filter(is_newest=True).values_list("uuid", "digest"))
        changed = [it for it in chunk if newest.get(it.uuid) != it.record["definition_hash"]]
        if not changed:
            continue
        known.filter(is_newest=True, uuid__in=[it.uuid for it in changed]).update(is_newest=False)
        GuestVersion.objects.bulk_create(
            GuestVersion(
                host=host,
                uuid=it.uuid,
                name=it.name,
                seen_at=now,
                digest=it.record["definition_hash"],
                xml=defining.masked(texts.get(it.uuid, "")),
                is_first=it.uuid not in newest,
            )
            for it in changed
        )
        for it in changed:
            if it.uuid in newest:
                _prune(host, it.uuid)


def _is_of_use(guest: Guest) -> bool:
    """The recycle bin changes a name and adds a mark, which nobody would want back."""
    return bool(guest.record.get("definition_hash")) and not guest.is_binned


def _prune(host: str, uuid: str) -> None:
    """Without the oldest beyond the bound."""
    of_guest = GuestVersion.objects.filter(host=host, uuid=uuid)
    beyond = of_guest.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1].first()
    if beyond is not None:
        of_guest.filter(pk__lte=beyond).delete()


def _chunks(items: list[Guest]) -> Iterator[list[Guest]]:
    """A query takes a limited number of values."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
