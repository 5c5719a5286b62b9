"""The history of a guest's definition: what it was, since when, who changed it and by what.

The hub keeps a version of every definition that it sees; who did it stands in the audit. What no
act of the portal explains was changed outside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from kvmweb.access import judge
from kvmweb.access.verbs import VERBS
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.versions import History, Version
from kvmweb.services.guard import guarded
from kvmweb.store.models import AuditEntry, GuestVersion

AFTER = timedelta(seconds=20)
"""So long after an act its effect is seen at the latest: by its event, or by the next listing."""
BEFORE = timedelta(seconds=2)
"""Clocks, and acts whose entry is written after the job's last step."""
ENTRIES = 500
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
