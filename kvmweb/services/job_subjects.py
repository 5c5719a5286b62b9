"""What jobs are about, as far as their reader may know: by the names that the mirror knows now.

What is gone keeps the name that the job remembers: who asked for the job knew it, and so may
whoever sees all that is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from kvmweb.access import judge
from kvmweb.access.verbs import VERBS, VIEW
from kvmweb.core import plain, refs
from kvmweb.core.actors import Actor
from kvmweb.core.jobs import JobSubject
from kvmweb.core.refs import Kind, Ref
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import open_to_all
from kvmweb.store.models import Job

_TABLES: dict[Kind, type[mirror.Mirrored]] = {
    Kind.GUEST: mirror.Guest,
    Kind.POOL: mirror.Pool,
    Kind.VOLUME: mirror.Volume,
}
NAMED = 3
"""So many guests of a press on many are named; its steps name the others."""
_IN_BIN = "guest.delete"
"""Who may delete a guest sees it in the recycle bin."""


@dataclass(frozen=True, slots=True)
class _About:
    """As the job remembers it. place: the host where it is made, while it has no identity."""

    ref: Ref | None
    name: str
    place: Ref | None


@open_to_all("judged inside: each by the right to see it; one's own by what one asked for")
def of(actor: Actor, found: Sequence[Job]) -> dict[UUID, tuple[JobSubject, ...]]:
    """For each of these jobs, in few queries; what the reader may not see is left out."""
    about = {job.pk: _remembered(job) for job in found}
    known = _rows(it.ref for all_of in about.values() for it in all_of if it.ref)
    judged: dict[UUID, tuple[JobSubject, ...]] = {}
    for job in found:
        is_own = job.person_id is not None and job.person_id == actor.person_id
        said = (_subject(actor, it, known, is_own=is_own) for it in about[job.pk])
        judged[job.pk] = tuple(it for it in said if it is not None)
    return judged


@open_to_all("judged inside: each by the right to see what the job is about")
def named_steps(actor: Actor, job: Job) -> list[bool]:
    """For each step of a job that somebody else asked for, whether this reader sees its names."""
    kept = job.arguments
    said = kept.get("about") or kept.get("guest") or job.result
    about = Ref.parse(said) if said else None
    host = str(kept.get("host", ""))
    if about is not None and about.kind is Kind.VOLUME:
        pool = str(kept.get("pool", ""))
        about = refs.pool(about.host, pool) if pool else about.on_host
        verb = VIEW[Kind.POOL]
    elif about is not None:
        verb = VIEW[about.kind]
    else:
        about = refs.host(host) if host else None
        verb = f"{job.verb.partition('.')[0]}.view"
    is_seen = verb in VERBS and judge.can(actor, verb, about)
    return [
        judge.can_see(actor, Ref.parse(step["ref"])) if "ref" in step else is_seen
        for step in job.steps
    ]


def _remembered(job: Job) -> list[_About]:
    """A press on many remembers in its steps; a work in what was asked for, or by what it made."""
    kept = job.arguments
    if any("ref" in step for step in job.steps):
        steps = job.steps[:NAMED]
        return [_About(Ref.parse(it["ref"]), it.get("name", ""), None) for it in steps]
    said = kept.get("about") or kept.get("guest") or job.result
    host = str(kept.get("host", ""))
    place = refs.host(host) if host else None
    if not said and not kept.get("called"):
        return []
    return [_About(Ref.parse(said) if said else None, kept.get("called", ""), place)]


def _rows(wanted: Iterable[Ref]) -> dict[Ref, mirror.Mirrored]:
    by_kind: defaultdict[Kind, set[Ref]] = defaultdict(set)
    for ref in wanted:
        by_kind[ref.kind].add(ref)
    return {
        row.ref: row
        for kind, chosen in by_kind.items()
        if kind in _TABLES
        for row in _TABLES[kind].objects.filter(  # type: ignore[attr-defined]
            host__in={ref.host for ref in chosen}, uuid__in={ref.id for ref in chosen}
        ).defer("record")
    }  # fmt: skip


def _subject(
    actor: Actor, it: _About, known: dict[Ref, mirror.Mirrored], *, is_own: bool
) -> JobSubject | None:
    row = known.get(it.ref) if it.ref else None
    if row is not None and it.ref is not None:
        name = plain.line(row.name)
        if not row.is_gone:
            return JobSubject(name, it.ref) if _is_seen(actor, it.ref, row) else None
        if getattr(row, "is_binned", False) and judge.can(actor, _IN_BIN, it.ref):
            return JobSubject(name, it.ref, is_binned=True)
    place = it.ref or it.place
    may_know = is_own or judge.can(actor, VIEW[it.ref.kind if it.ref else Kind.GUEST], place)
    return JobSubject(plain.line(it.name)) if it.name and may_know else None


def _is_seen(actor: Actor, ref: Ref, row: mirror.Mirrored) -> bool:
    """A volume is seen by who sees its pool."""
    seen = refs.pool(ref.host, row.pool) if isinstance(row, mirror.Volume) else ref
    return judge.can_see(actor, seen)
