"""Write the audit. It is read through `services.activity`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from kvmweb.core import plain
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Fault, Problem
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import AUDIT, Notice
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services.marks import internal
from kvmweb.store.models import AuditEntry


@dataclass(slots=True)
class Act:
    """One act under way. outcome: what it will be called when nothing goes wrong.

    is_kept: it goes on after the service has returned; whoever keeps it ends it.
    """

    entry: AuditEntry
    outcome: str = "ok"
    is_kept: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


_running: ContextVar[Act | None] = ContextVar("audited_act", default=None)


@internal("an audited service says more about its own act")
def running() -> Act:
    """The act that the calling service is: for it to say more about. Raises RuntimeError."""
    found = _running.get()
    if found is None:
        raise RuntimeError("no audited act is running")
    return found


@internal("the guard and other services write the audit")
def begin(actor: Actor, verb: str, ref: Ref | None = None, **detail: Any) -> AuditEntry:
    """Write that an act begins. Raises: whatever the database raises, so that nothing runs."""
    entry = AuditEntry(
        person_id=actor.person_id or None,
        person_name=plain.line(actor.name, 100),
        address=plain.line(actor.address, 64),
        verb=verb,
        ref=str(ref) if ref else "",
        ref_name=_name(ref) if ref else "",
        detail=detail,
    )
    entry.save()
    return entry


@internal("the guard and other services write the audit")
def end(entry: AuditEntry, outcome: str, **detail: Any) -> None:
    """Close an act once; an entry that has its outcome keeps it."""
    AuditEntry.objects.filter(pk=entry.pk, outcome="begun").update(
        outcome=outcome,
        ended_at=timezone.now(),
        ref=entry.ref,
        ref_name=entry.ref_name,
        detail={**entry.detail, **detail},
    )
    publisher.publish(Notice(AUDIT, str(entry.pk)))


@internal("the guard and other services write the audit")
def note(
    actor: Actor, verb: str, ref: Ref | None = None, *, outcome: str = "ok", **detail: Any
) -> None:
    """An act that is over when it is written."""
    end(begin(actor, verb, ref, **detail), outcome)


@internal("the guard and other services write the audit")
def tell(subject: str = "", name: str = "", **detail: Any) -> None:
    """Add to the act that is running: what it is about where that is no `Ref`, and values.

    subject: such as `person:3`. name: what it is called now.
    """
    act = _running.get()
    if act is None:
        return
    entry = act.entry
    entry.ref = subject[:120] or entry.ref
    entry.ref_name = plain.line(name) or entry.ref_name
    entry.detail = {**entry.detail, **detail}
    AuditEntry.objects.filter(pk=entry.pk, outcome="begun").update(
        ref=entry.ref, ref_name=entry.ref_name, detail=entry.detail
    )


@internal("the guard and other services write the audit")
@contextmanager
def act(actor: Actor, verb: str, ref: Ref | None = None, **detail: Any) -> Iterator[AuditEntry]:
    """Begun before the block, its outcome after it: ok, or the problem's code."""
    act = Act(begin(actor, verb, ref, **detail))
    token = _running.set(act)
    try:
        yield act.entry
    except Problem as problem:
        end(act.entry, problem.code, **act.detail, problem=problem.detail[:500])
        raise
    except BaseException:
        end(act.entry, Fault.code, **act.detail)
        raise
    finally:
        _running.reset(token)
    if not act.is_kept:
        end(act.entry, act.outcome, **act.detail)


_MIRRORS: dict[Kind, type[mirror.Mirrored]] = {
    Kind.GUEST: mirror.Guest,
    Kind.POOL: mirror.Pool,
    Kind.NETWORK: mirror.Network,
    Kind.VOLUME: mirror.Volume,
    Kind.INTERFACE: mirror.Interface,
    Kind.FILTER: mirror.Filter,
}


def _name(ref: Ref) -> str:
    """What the object was called when it happened."""
    if ref.kind is Kind.HOST:
        return ref.host
    found = _MIRRORS[ref.kind]._default_manager.filter(host=ref.host, uuid=ref.id)
    return plain.line(found.values_list("name", flat=True).first() or ref.id)
