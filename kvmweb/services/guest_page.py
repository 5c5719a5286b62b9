"""One guest with everything that its page shows: a few queries of the mirror, no libvirt call."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from kvmweb.access import judge
from kvmweb.core.actors import Actor
from kvmweb.core.details import Asked, GuestDetails, GuestUse
from kvmweb.core.errors import NotFound
from kvmweb.core.offers import Obstacle
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.inventory import models as mirror
from kvmweb.services import hardware, inside, power, power_line, present, projects, sight, snapshots
from kvmweb.services.guard import guarded
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry

LATELY = timedelta(minutes=30)
TOLD_WITHIN = timedelta(seconds=power_line.PATIENCE_S)
_NOTHING_HAPPENED = ("denied", Outcome.UNCHANGED)
_NO_POWER = frozenset(
    {
        "guest.autostart", "guest.describe", "guest.edit", "guest.clone", "guest.rename",
        "guest.template",
        "guest.delete",
    }
)  # fmt: skip
_LIMITS = {
    right: max(verb.limit_s for verb in power.TABLE.values() if verb.right == right)
    for right in power.RIGHTS
    if right not in _NO_POWER
}
_LIMITS |= dict.fromkeys((snapshots.REVERT, snapshots.DELETE), snapshots.LIMIT_S)


@guarded("guest.view")
def show(actor: Actor, ref: Ref) -> GuestDetails:
    """What the mirror knows. Raises NotFound for a guest that is gone."""
    rev = mirror.Revision.current()
    guest = present.guest(ref, "history")
    host = mirror.HostMirror.objects.filter(host=ref.host).first()
    return GuestDetails(
        ref=ref,
        host=sight.host_line(actor, ref, host),
        record=present.record(guest),
        use=_use(guest),
        is_answering=guest.is_answering,
        rev=rev,
        offers=power.offers(actor, guest, host),
        may_read_definition=judge.can(actor, "guest.definition", ref),
        may_write_definition=judge.can(actor, "guest.xml", ref) and guest.record["is_persistent"],
        asked=_asked(actor, ref),
        snapshots=snapshots.lines(actor, guest, host),
        disks=_devices(actor, guest, host, "guest.disks"),
        limits=_devices(actor, guest, host, "guest.limits"),
        inside=inside.obstacle(actor, ref, is_active=GuestState(guest.state).is_active, host=host),
        hardware=hardware.of_guest(actor, guest, host),
        project=projects.of_guest(actor, ref),
        may_change_project=bool(projects.all_(actor)),
    )


@guarded("guest.definition")
def definition(actor: Actor, ref: Ref) -> str:
    """The XML, passwords masked by libvirt; live while the guest is active. Raises NotFound."""
    guest = present.guest(ref)
    found = mirror.GuestDefinition.objects.filter(guest=guest).values_list("xml", flat=True)
    return found.first() or ""


@guarded("guest.view")
def use(actor: Actor, ref: Ref) -> GuestUse:
    """What changes every two seconds, for one query more than the judge's. Raises NotFound."""
    guest = mirror.Guest.objects.select_related("history").filter(
        host=ref.host, uuid=ref.id, is_gone=False
    )
    found = guest.only(
        "cpu", "memory", "memory_used", "is_answering", "state", "history__samples"
    ).first()
    if found is None:
        raise NotFound(ref=str(ref))
    return _use(found)


def _use(guest: mirror.Guest) -> GuestUse:
    kept: list[list[float | None]] = guest.history.samples if hasattr(guest, "history") else []
    return GuestUse(
        is_active=GuestState(guest.state).is_active,
        memory=guest.memory,
        cpu=guest.cpu,
        memory_used=guest.memory_used,
        samples=tuple(tuple(sample) for sample in kept),
    )


@guarded("guest.view")
def name(actor: Actor, ref: Ref) -> str:
    """What the guest is called. Raises NotFound."""
    return present.guest(ref).name


def _devices(
    actor: Actor, guest: mirror.Guest, host: mirror.HostMirror | None, right: str
) -> Obstacle:
    if not judge.can(actor, right, guest.ref):
        return Obstacle.NO_RIGHT
    if guest.record.get("template"):
        return Obstacle.TEMPLATE
    return Obstacle.NONE if host is not None and host.is_up else Obstacle.HOST_AWAY


def _asked(actor: Actor, ref: Ref) -> Asked | None:
    """The newest power act, whoever asked: under way, done, or failed after the asker had left.

    What fails at once is told to its asker alone; what stayed begun beyond its limit was lost with
    the process that carried it.
    """
    now = timezone.now()
    entries = AuditEntry.objects.filter(ref=str(ref), verb__in=_LIMITS, at__gte=now - LATELY)
    for entry in entries.exclude(outcome__in=_NOTHING_HAPPENED)[:5]:
        is_lost = (
            entry.outcome == "begun" and (now - entry.at).total_seconds() > _LIMITS[entry.verb]
        )
        is_told = entry.ended_at is not None and entry.ended_at - entry.at < TOLD_WITHIN
        if is_lost or (is_told and entry.outcome != "ok"):
            continue
        may_read = judge.can(actor, "host.details", ref)
        problem = str(entry.detail.get("problem", "")) if may_read else ""
        return Asked(entry.verb, entry.at, entry.outcome, problem)
    return None
