"""The one decision point: may this actor do this verb on this object (DESIGN 6).

Rights are read once per person and rights epoch and kept until the next grant begins or ends.
Nobody outside this package asks about roles.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from kvmweb.access.roles import ROLES
from kvmweb.access.verbs import VERBS, VIEW
from kvmweb.core.actors import Actor
from kvmweb.core.refs import Kind, Ref
from kvmweb.store.models import Belonging, CustomRole, Grant, Person, Project, RightsEpoch

ON_ITS_HOSTS = frozenset({"host.view", "guest.create"})
"""What a project gives of the hosts that it has something on; all else of a host it does not."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a verb may be used. everything, or whole hosts and single objects."""

    everything: bool = False
    hosts: frozenset[str] = frozenset()
    objects: frozenset[Ref] = frozenset()

    @property
    def is_nowhere(self) -> bool:
        """The person holds no such right at all: a state of its own, never an empty list."""
        return not (self.everything or self.hosts or self.objects)

    def covers(self, ref: Ref | None) -> bool:
        """Whether this object lies within; None is the portal itself."""
        if self.everything:
            return True
        return ref is not None and (ref.host in self.hosts or ref in self.objects)

    def __or__(self, other: Reach) -> Reach:
        if self.everything or other.is_nowhere:
            return self
        if other.everything or self.is_nowhere:
            return other
        return Reach(hosts=self.hosts | other.hosts, objects=self.objects | other.objects)

    def includes(self, other: Reach) -> bool:
        """Whether all of the other lies within this one."""
        return self.everything or (
            not other.everything
            and other.hosts <= self.hosts
            and all(self.covers(ref) for ref in other.objects)
        )


@dataclass(frozen=True, slots=True)
class Rights:
    """All reaches of one person, as of one epoch. valid_until: a grant begins or ends then.

    beyond: without what projects give. projects: the keys of those that give a verb.
    """

    epoch: int
    valid_until: datetime | None
    reaches: dict[str, Reach] = field(default_factory=dict)
    beyond: dict[str, Reach] = field(default_factory=dict)
    projects: dict[str, frozenset[int]] = field(default_factory=dict)


NOWHERE = Reach()
EVERYWHERE = Reach(everything=True)
_kept: dict[int, Rights] = {}
_looked: ContextVar[list[int] | None] = ContextVar("looked", default=None)
_lock = threading.Lock()


def reach(actor: Actor, verb: str) -> Reach:
    """Where this actor may use this verb."""
    if actor.is_portal:
        return EVERYWHERE
    return _rights(actor.person_id).reaches.get(verb, NOWHERE)


def reaches(actor: Actor, verbs: Iterable[str]) -> dict[str, Reach]:
    """Where this actor may use each of these verbs, for one look at the epoch: for lists."""
    if actor.is_portal:
        return dict.fromkeys(verbs, EVERYWHERE)
    held = _rights(actor.person_id).reaches
    return {verb: held.get(verb, NOWHERE) for verb in verbs}


def can(actor: Actor, verb: str, ref: Ref | None = None) -> bool:
    """The decision. Closed by default."""
    return reach(actor, verb).covers(ref)


def can_beyond(actor: Actor, verb: str, ref: Ref) -> bool:
    """Whether this would be so without any project."""
    return actor.is_portal or _rights(actor.person_id).beyond.get(verb, NOWHERE).covers(ref)


def projects(actor: Actor, verb: str) -> frozenset[int]:
    """The keys of the projects that give this actor this verb on what they have."""
    if actor.is_portal:
        return frozenset()
    return _rights(actor.person_id).projects.get(verb, frozenset())


def can_see(actor: Actor, ref: Ref) -> bool:
    """Whether the object exists for this person."""
    return can(actor, VIEW[ref.kind], ref)


def can_give(actor: Actor, role: str, scope: str) -> bool:
    """Nobody gives what they do not hold; an administrator holds everything."""
    scopes = _Scopes([scope])
    return all(reach(actor, verb).includes(scopes.reach(scope, verb)) for verb in verbs_of(role))


def can_put_into(actor: Actor, project: Project, ref: Ref) -> bool:
    """Whoever holds a role on the project holds it on this too, from then on: so must the actor."""
    verbs = {
        verb for grant in Grant.objects.filter(scope=project.scope) for verb in verbs_of(grant.role)
    }
    of_kind = (verb for verb in verbs if VERBS[verb].kind is ref.kind)
    on_host = all(can(actor, verb, ref.on_host) for verb in verbs & ON_ITS_HOSTS)
    return on_host and all(can(actor, verb, ref) for verb in of_kind)


def can_rule(actor: Actor, person_id: int) -> bool:
    """Whether the actor holds all that this person holds, so that ruling the one gains nothing.

    What is granted for later counts: a password set today opens the door then.
    """
    person = Person.objects.filter(pk=person_id).first()
    theirs = _read(person, _epoch(), timezone.now(), even_later=True).reaches
    return all(reach(actor, verb).includes(their) for verb, their in theirs.items())


def loses(person: Person, grant: Grant) -> frozenset[str]:
    """What this person may no longer do where the grant reaches, once it is taken back."""
    left = _read(person, _epoch(), timezone.now(), without=grant.pk).reaches
    scopes = _Scopes([grant.scope])
    return frozenset(
        verb
        for verb in verbs_of(grant.role)
        if not left.get(verb, NOWHERE).includes(scopes.reach(grant.scope, verb))
    )


def holds_anything(actor: Actor) -> bool:
    """Whether there is any right at all: without, a page of its own says how to ask."""
    return actor.is_portal or bool(_rights(actor.person_id).reaches)


def verbs_of(role: str) -> frozenset[str]:
    """What this role may do; nothing for a role that is gone."""
    if role in ROLES:
        return ROLES[role]
    found = CustomRole.objects.filter(key=role).values_list("verbs", flat=True).first()
    return frozenset(found or ()) & frozenset(VERBS)


def administrators(*, lasting: bool = False) -> frozenset[int]:
    """Active people who may do everything everywhere now; lasting: with no end in sight."""
    now = timezone.now()
    full = [key for key, verbs in ROLES.items() if verbs >= frozenset(VERBS)]
    full += [role.key for role in CustomRole.objects.all() if set(role.verbs) >= set(VERBS)]
    grants = Grant.objects.filter(
        Q(starts_at__isnull=True) | Q(starts_at__lte=now), role__in=full, scope=Grant.EVERYTHING
    )
    no_end = Q(ends_at__isnull=True)
    grants = grants.filter(no_end if lasting else no_end | Q(ends_at__gt=now))
    people = Person.objects.filter(is_active=True).filter(
        Q(grants__in=grants) | Q(teams__grants__in=grants)
    )
    return frozenset(people.values_list("pk", flat=True))


def forget() -> None:
    """Read all rights anew: for tests, whose epochs begin again."""
    with _lock:
        _kept.clear()


def signature(actor: Actor) -> int:
    """The epoch that this actor's rights were read at: what was shown under another is stale."""
    return 0 if actor.is_portal else _rights(actor.person_id).epoch


class _Scopes:
    """What scopes reach, with one look at what belongs to the projects among them."""

    def __init__(self, scopes: Iterable[str]) -> None:
        keys = {key for scope in scopes if (key := project_key(scope))}
        self._parts: dict[int, list[Ref]] = {key: [] for key in keys}
        found = Belonging.objects.filter(project__in=keys) if keys else ()
        for part in found:
            self._parts[part.project_id].append(part.ref)
        self._known: dict[tuple[int, Kind | None], Reach] = {}

    def reach(self, scope: str, verb: str) -> Reach:
        """Of this verb, in this scope."""
        if scope == Grant.EVERYTHING:
            return EVERYWHERE
        key = project_key(scope)
        if key:
            return self._of_project(key, verb)
        ref = Ref.parse(scope)
        if ref.kind is Kind.HOST:
            return Reach(hosts=frozenset({ref.host}))
        return Reach(objects=frozenset({ref}))

    def _of_project(self, key: int, verb: str) -> Reach:
        kind = VERBS[verb].kind
        if kind is Kind.HOST and verb not in ON_ITS_HOSTS:
            return NOWHERE
        if (key, kind) not in self._known:
            self._known[key, kind] = _reach_of(self._parts[key], kind)
        return self._known[key, kind]


def project_key(scope: str) -> int:
    """The key of the project that this scope names; 0 for any other scope."""
    head, found, key = scope.partition(Project.SCOPE)
    return int(key) if found and not head and key.isdecimal() else 0


def _reach_of(parts: Iterable[Ref], kind: Kind | None) -> Reach:
    if kind is Kind.HOST:
        return Reach(hosts=frozenset(ref.host for ref in parts))
    return Reach(objects=frozenset(ref for ref in parts if ref.kind is kind))


@contextmanager
def one_look() -> Iterator[None]:
    """Within it the epoch is read once: a page that asks twenty times asks the database once."""
    token = _looked.set([])
    try:
        yield
    finally:
        _looked.reset(token)


def _epoch() -> int:
    looked = _looked.get()
    if looked is None:
        return RightsEpoch.current()
    if not looked:
        looked.append(RightsEpoch.current())
    return looked[0]


def _rights(person_id: int) -> Rights:
    epoch = _epoch()
    now = timezone.now()
    with _lock:
        kept = _kept.get(person_id)
    if kept and kept.epoch == epoch and (kept.valid_until is None or now < kept.valid_until):
        return kept
    fresh = _read(Person.objects.filter(pk=person_id, is_active=True).first(), epoch, now)
    with _lock:
        _kept[person_id] = fresh
    return fresh


def _read(
    person: Person | None,
    epoch: int,
    now: datetime,
    *,
    even_later: bool = False,
    without: int = 0,
) -> Rights:
    """without: a grant that is looked away from."""
    if person is None:
        return Rights(epoch, None)
    found = Grant.objects.filter(Q(person=person) | Q(team__members=person)).distinct()
    grants = list(found.exclude(pk=without))
    custom = {role.key: frozenset(role.verbs) for role in CustomRole.objects.all()}
    scopes = _Scopes({grant.scope for grant in grants})
    rights = Rights(epoch, min(_turns(grants, now), default=None))
    for grant in grants:
        is_early = bool(grant.starts_at and grant.starts_at > now) and not even_later
        if is_early or (grant.ends_at and grant.ends_at <= now):
            continue
        verbs = ROLES.get(grant.role) or custom.get(grant.role, frozenset()) & frozenset(VERBS)
        _place(rights, scopes, grant.scope, verbs)
    return rights


def _turns(grants: Iterable[Grant], now: datetime) -> list[datetime]:
    moments = [at for grant in grants for at in (grant.starts_at, grant.ends_at)]
    return [at for at in moments if at and at > now]


def _place(rights: Rights, scopes: _Scopes, scope: str, verbs: frozenset[str]) -> None:
    key = project_key(scope)
    for verb in verbs:
        given = scopes.reach(scope, verb)
        if given.is_nowhere:
            continue
        rights.reaches[verb] = rights.reaches.get(verb, NOWHERE) | given
        if key:
            rights.projects[verb] = rights.projects.get(verb, frozenset()) | {key}
        else:
            rights.beyond[verb] = rights.beyond.get(verb, NOWHERE) | given
