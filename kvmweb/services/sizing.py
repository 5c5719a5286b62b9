"""Change how many virtual CPUs and how much memory a guest has, now and at most."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kvmweb.core import sizes, wire
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.core.records import GuestRecord, HostRecord
from kvmweb.core.refs import Ref
from kvmweb.definitions import guests
from kvmweb.hostlink import client
from kvmweb.services import audit, creation_plan, present
from kvmweb.services.guard import guarded

MEMORY_MIN = 32 * 1024**2
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a guest is. Memory in bytes."""

    vcpus: int
    vcpus_max: int
    memory: int
    memory_max: int


@guarded("guest.view")
def ask(actor: Actor, ref: Ref) -> Size:
    """As large as the next start makes it, which waits for nothing. Raises NotFound."""
    return _stored(ref)


@guarded("guest.edit")
def resize(
    actor: Actor,
    ref: Ref,
    *,
    vcpus: int,
    vcpus_max: int,
    memory: int,
    memory_max: int,
    definition_hash: str = "",
) -> dict[str, str]:
    """Store all four; `{"vcpus", "memory"}` to when each is so: now, next, same or asked.

    memory: bytes. Raises Invalid (fields), Conflict, HostDown, and what libvirt says.
    """
    before, host = _stored(ref), wire.from_plain(HostRecord, present.host(ref.host).record)
    wanted = {"vcpus": vcpus, "vcpus_max": vcpus_max, "memory": memory, "memory_max": memory_max}
    wrong = _faults(wanted, host)
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(
        before={name: getattr(before, name) for name in wanted}, after=wanted
    )
    found = client.call(
        ref.host,
        "guest.resize",
        deadline_s=DEADLINE_S,
        uuid=ref.id,
        definition_hash=definition_hash,
        vcpus=vcpus,
        vcpus_max=vcpus_max,
        memory=memory,
        memory_max=memory_max,
    )
    return dict(found)


def _stored(ref: Ref) -> Size:
    """A balloon that does not obey makes no pending change: the definition alone knows of it."""
    row = present.guest(ref)
    found: GuestRecord | guests.Definition = present.record(row)
    with suppress(Invalid):  # the mirror has none that can be read
        found = guests.parse(present.stored(row))
    return Size(found.vcpus, found.vcpus_max, found.memory, found.memory_max)


def _faults(wanted: dict[str, int], host: HostRecord) -> dict[str, str]:
    found: dict[str, str] = {}
    limit = max((facts.vcpus_max for facts in host.domains), default=255)
    if not 1 <= wanted["vcpus_max"] <= limit:
        found["vcpus_max"] = creation_plan.too_many(limit)
    if not 1 <= wanted["vcpus"] <= wanted["vcpus_max"]:
        found["vcpus"] = _(
            "At least 1, and not more than “Virtual CPUs, at most” below, which is %(n)d."
        ) % {"n": wanted["vcpus_max"]}
    if wanted["memory"] < MEMORY_MIN:
        found["memory"] = _("At least %(size)s.") % {"size": sizes.typed(MEMORY_MIN)}
    elif wanted["memory"] > wanted["memory_max"]:
        found["memory"] = _("Not more than the greatest value below.")
    if host.memory and wanted["memory_max"] > host.memory:
        found["memory_max"] = _("More than the host has.")
    return found
