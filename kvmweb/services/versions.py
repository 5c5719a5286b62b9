"""The history of a guest's definition: what it was, since when, who changed it and by what.

The hub keeps a version of every definition that it sees; who did it stands in the audit. What no
act of the portal explains was changed outside it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.access.verbs import VERBS
from kvmweb.core.actors import Actor
from kvmweb.core.records import HostState
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.versions import History, Version
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import guarded, internal
from kvmweb.store.models import AuditEntry, GuestVersion, Host

log = logging.getLogger(__name__)

AFTER = timedelta(seconds=20)
"""So long after an act its effect is seen at the latest: by its event, or by the next listing."""
BEFORE = timedelta(seconds=2)
"""Clocks, and acts whose entry is written after the job's last step."""
ENTRIES = 500
SWEPT_AT_ONCE = 500
"""Guests in one round: the next comes soon."""
_IN_FORCE = frozenset(
    {
        "guest.start", "guest.shutdown", "guest.reboot", "guest.reset", "guest.destroy",
        "guest.suspend", "guest.resume", "guest.save", "guest.discard", "guest.nmi",
        "guest.autostart", "guest.clone", "guest.delete", "console.watch", "console.drive",
        "console.takeover", "guest.snapshot", "guest.snapshot_delete", "guest.password",
        "guest.keys", "guest.freeze", "guest.thaw", "guest.trim", "guest.time",
    }
)  # fmt: skip
"""Acts on guests that leave the definition as it is."""
_CHANGING = (
    *(name for name, verb in VERBS.items() if verb.kind is Kind.GUEST and verb.is_change
      and name not in _IN_FORCE),
    "guest.create", "guest.clone",
)  # fmt: skip


@internal("a chore of the clockwork")
def sweep() -> None:
    """Forget the definitions of guests that have been gone for KVMWEB_VERSIONS_DAYS.

    A guest of a host that is away is not taken for gone; one of a host that was removed is.
    """
    if settings.KVMWEB_VERSIONS_DAYS <= 0:
        return
    now = timezone.now()
    living = Exists(
        mirror.Guest.objects.filter(
            Q(is_gone__in=[False]) | Q(is_binned=True), host=OuterRef("host"), uuid=OuterRef("uuid")
        )
    )
    newest = GuestVersion.objects.filter(is_newest=True)
    newest.filter(living, gone_at__isnull=False).update(gone_at=None)
    hosts = dict(mirror.HostMirror.objects.values_list("host", "state"))
    added = set(Host.objects.values_list("key", flat=True))
    away = [key for key in added if hosts.get(key) != HostState.UP]
    missed = newest.filter(~living).exclude(host__in=away)
    missed.filter(gone_at__isnull=True).update(gone_at=now)
    past = missed.filter(gone_at__lt=now - timedelta(days=settings.KVMWEB_VERSIONS_DAYS))
    for host, uuid in list(past.values_list("host", "uuid")[:SWEPT_AT_ONCE]):
        count, _each = GuestVersion.objects.filter(host=host, uuid=uuid).delete()
        log.info("%d definitions of %s/%s, long gone, were forgotten", count, host, uuid)


@guarded("guest.definition")
def history(actor: Actor, ref: Ref) -> History:
    """Every version that is kept of this guest: three queries."""
    rows = list(GuestVersion.objects.filter(host=ref.host, uuid=ref.id).order_by("-pk"))
    acts = list(
        AuditEntry.objects.filter(
            Q(ref=str(ref), verb__in=_CHANGING) | Q(verb="volume.attach", detail__guest=str(ref)),
            outcome="ok",
        ).order_by("-at")[:ENTRIES]
    )
    total = len(rows)
    found = tuple(_version(row, total - place, acts) for place, row in enumerate(rows))
    return History(
        ref=ref,
        name=rows[0].name if rows else "",
        versions=found,
        may_restore=judge.can(actor, "guest.xml", ref),
    )


def _version(row: GuestVersion, number: int, acts: list[AuditEntry]) -> Version:
    act = _act(row, acts)
    return Version(
        id=row.pk,
        number=number,
        seen_at=row.seen_at,
        name=row.name,
        xml=row.xml,
        who=act.person_name if act else "",
        verb=act.verb if act else "",
        is_first=row.is_first,
        is_newest=row.is_newest,
    )


def _act(row: GuestVersion, acts: list[AuditEntry]) -> AuditEntry | None:
    """The act that brought it: by what it left, else by when it was."""
    if row.is_first:
        return next((act for act in acts if _made(act)), None)
    exact = next((act for act in acts if act.detail.get("after") == row.digest), None)
    if exact:
        return exact
    near = (
        act
        for act in acts
        if act.verb != "guest.clone" and act.at - BEFORE <= row.seen_at <= _end(act) + AFTER
    )
    return next(near, None)


def _made(act: AuditEntry) -> bool:
    """It brought the guest into being; the original of a clone has an entry of the asking too."""
    return act.verb == "guest.create" or (act.verb == "guest.clone" and "of" in act.detail)


def _end(act: AuditEntry) -> datetime:
    return act.ended_at or act.at
