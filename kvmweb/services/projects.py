"""Projects: the guests of a team, with the pools and networks that they may use.

A role that is given on a project holds on all that belongs to it. So what is put into one is given
to whoever holds a role there: that is a matter of `people.grant`, as giving is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, grants, rights, sight
from kvmweb.services.guard import guarded, guarded_portal, internal, sifted
from kvmweb.services.works import Work, undoes
from kvmweb.store.models import Belonging, Grant, Host, Project

CREATE = "guest.create"
KINDS = (Kind.GUEST, Kind.POOL, Kind.NETWORK)
"""What can belong to a project."""
_TABLES = {Kind.GUEST: mirror.Guest, Kind.POOL: mirror.Pool, Kind.NETWORK: mirror.Network}


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project with how much belongs to it, and how many grants are on it."""

    id: int
    name: str
    description: str
    scope: str
    guests: int
    pools: int
    networks: int
    grants: int


@dataclass(frozen=True, slots=True)
class Part:
    """Something in a project. name: its identity where nobody knows it any more."""

    ref: Ref
    name: str
    host: str
    is_gone: bool


@guarded_portal("people.view")
def list_(actor: Actor) -> list[ProjectRow]:
    """All projects, by name."""
    return [_row(project) for project in _counted().order_by("name")]


@guarded_portal("people.view")
def get(actor: Actor, project_id: int) -> ProjectRow:
    """One project. Raises NotFound."""
    found = _counted().filter(pk=project_id).first()
    if found is None:
        raise NotFound(ref=f"project:{project_id}")
    return _row(found)


@guarded_portal("people.view")
def parts(actor: Actor, project_id: int) -> list[Part]:
    """What belongs to it: guests, pools, networks, each by name."""
    found = [part.ref for part in find(project_id).belongings.all()]
    names = _names(found)
    hosts = dict(Host.objects.values_list("key", "name"))
    rows = [
        Part(ref, names.get(ref, ref.id), hosts.get(ref.host, ref.host), ref not in names)
        for ref in found
    ]
    return sorted(rows, key=lambda part: (KINDS.index(part.ref.kind), part.name.casefold()))


@guarded_portal("people.view")
def candidates(actor: Actor, project_id: int, kind: Kind) -> list[tuple[str, str]]:
    """`str(Ref)` and name of the pools or networks that are not in it yet, as the actor sees."""
    inside = {part.ref for part in find(project_id).belongings.filter(kind=kind)}
    rows = _TABLES[kind].objects.filter(sight.of_kind(actor, kind)).order_by("host", "name_fold")  # type: ignore[attr-defined]
    hosts = dict(Host.objects.values_list("key", "name"))
    return [
        (str(row.ref), f"{row.name} · {hosts.get(row.host, row.host)}")
        for row in rows
        if row.ref not in inside
    ]


@guarded_portal("people.change")
def add(actor: Actor, name: str, description: str = "") -> int:
    """Make an empty project. Raises Invalid (fields)."""
    audit.tell(name=name, act="add-project")
    project = Project(name=name.strip(), description=description.strip())
    _clean(project)
    project.save()
    audit.tell(project.scope, project.name)
    return int(project.pk)


@guarded_portal("people.change")
def change(actor: Actor, project_id: int, name: str, description: str = "") -> None:
    """Call it differently. Raises NotFound, Invalid (fields)."""
    project = find(project_id)
    audit.tell(project.scope, project.name, act="change-project", to=name)
    project.name, project.description = name.strip(), description.strip()
    _clean(project)
    project.save()


@guarded_portal("people.change")
def remove(actor: Actor, project_id: int) -> None:
    """Take it away with the grants on it; what belonged to it stays as it is. Raises Denied."""
    project = find(project_id)
    audit.tell(project.scope, project.name, act="remove-project")
    for grant in Grant.objects.filter(scope=project.scope):
        if not judge.can_give(actor, grant.role, grant.scope):
            raise Denied("the project gives rights that you do not hold", verb="people.grant")
    with rights.changing():
        Grant.objects.filter(scope=project.scope).delete()
        project.delete()


@guarded_portal("people.grant")
def put_in(actor: Actor, project_id: int, what: str) -> None:
    """what: `host/guest`, or a ref. A guest leaves the project that it was in.

    Raises NotFound, Invalid (guest), Denied (more than the actor holds).
    """
    project, ref = find(project_id), _named(what)
    audit.tell(str(ref), project.name, act="put-into-project", project=project.scope)
    if not judge.can_see(actor, ref) or not _names([ref]):
        raise NotFound(ref=str(ref))
    if not judge.can_put_into(actor, project, ref):
        raise Denied("more than you hold yourself", verb="people.grant")
    with rights.changing():
        if ref.kind is Kind.GUEST:
            _belonging(ref).exclude(project=project).delete()
        _join(project, ref)
    _tell(ref)


@guarded_portal("people.grant")
def take_out(actor: Actor, project_id: int, what: str) -> None:
    """Whoever held rights on it by the project alone loses them. what: as `put_in` takes it.

    Raises NotFound, Invalid (guest), Denied.
    """
    project, ref = find(project_id), _named(what)
    audit.tell(str(ref), project.name, act="take-from-project", project=project.scope)
    if not judge.can_put_into(actor, project, ref):
        raise Denied("more than you hold yourself", verb="people.grant")
    with rights.changing():
        if not _belonging(ref).filter(project=project).delete()[0]:
            raise NotFound(ref=str(ref))
    _tell(ref)


@guarded("guest.view")
def of_guest(actor: Actor, ref: Ref) -> tuple[int, str]:
    """The project that this guest is in, key and name; (0, "") for none."""
    found = _belonging(ref).select_related("project").first()
    return (found.project.pk, found.project.name) if found else (0, "")


@sifted("people.grant")
def all_(actor: Actor) -> list[tuple[int, str]]:
    """Key and name of every project, for who gives grants."""
    if not judge.can(actor, "people.grant"):
        return []
    return list(Project.objects.order_by("name").values_list("pk", "name"))


@sifted("guest.view")
def listed(actor: Actor) -> tuple[tuple[int, str], ...]:
    """Key and name of those that give this actor guests to see; all, for who sees all guests."""
    found = Project.objects.order_by("name")
    if not judge.reach(actor, "guest.view").everything:
        keys = judge.projects(actor, "guest.view")
        found = found.filter(pk__in=keys) if keys else found.none()
    return tuple(found.values_list("pk", "name"))


@sifted(CREATE)
def choices(actor: Actor, host: str) -> list[tuple[int, str]]:
    """The projects that a new guest of this actor can be in on this host; (0, "") first for none.

    Those that let the actor make guests there; all, for who may put anything anywhere. Outside of
    projects only who may make guests on the host without one.
    """
    ref = refs.host(host)
    found = Project.objects.order_by("name")
    if not judge.can(actor, "people.grant"):
        there = Belonging.objects.filter(host=host).values("project")
        found = found.filter(pk__in=judge.projects(actor, CREATE)).filter(pk__in=there)
    named = list(found.values_list("pk", "name"))
    return [(0, ""), *named] if judge.can_beyond(actor, CREATE, ref) else named


@internal("one sentence for every way to make a guest")
def faults(possible: Iterable[tuple[int, str]], project_id: int) -> dict[str, str]:
    """Field to sentence, where a new guest cannot be in this project. possible: of `choices`."""
    return {} if project_id in dict(possible) else {"project": _("Choose one of your projects.")}


@internal("a part of every act that copies a guest")
def beside(actor: Actor, ref: Ref) -> int:
    """Where a copy of this guest goes: its project, or none, or the only one that is possible."""
    possible = dict(choices(actor, ref.host))
    own = _belonging(ref).values_list("project", flat=True).first() or 0
    return own if own in possible else next(iter(possible), 0)


@internal("before a guest is there: whoever made it sees it from its first moment")
def welcome(work: Work, ref: Ref, project_id: int) -> None:
    """The guest that this work is about to make belongs to this project, or to none (0).

    Raises Denied where its maker may not make guests there any more.
    """
    work.undo("project.forget", host=ref.host, uuid=ref.id)
    join(work.actor, ref, project_id)


@internal("as `welcome`, for what is made at once")
def join(actor: Actor, ref: Ref, project_id: int) -> None:
    """Raises Denied."""
    if faults(choices(actor, ref.host), project_id):
        raise Denied(verb=CREATE, ref=str(ref))
    if project_id:
        with rights.changing():
            _join(find(project_id), ref)


@undoes("project.forget")
def _forget(*, host: str, uuid: str) -> None:
    forget(refs.guest(host, uuid))


@internal("a part of undoing a guest, and of its end")
def forget(ref: Ref) -> None:
    """It is gone, and belongs to nothing."""
    if _belonging(ref).exists():
        with rights.changing():
            _belonging(ref).delete()


@internal("one way to look a project up")
def find(project_id: int) -> Project:
    """Raises NotFound."""
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise NotFound(ref=f"project:{project_id}")
    return project


def _named(what: str) -> Ref:
    try:
        scope = grants.scope_of(what)
    except Invalid as invalid:
        raise Invalid(fields={"guest": invalid.fields["scope"]}) from invalid
    ref = None if judge.project_key(scope) or scope == grants.EVERYTHING else Ref.parse(scope)
    if ref is None or ref.kind not in KINDS:
        raise Invalid(fields={"guest": _("Choose a guest, a pool or a network.")})
    return ref


def _belonging(ref: Ref) -> QuerySet[Belonging]:
    return Belonging.objects.filter(kind=ref.kind, host=ref.host, identity=ref.id)


def _join(project: Project, ref: Ref) -> None:
    project.belongings.get_or_create(kind=ref.kind.value, host=ref.host, identity=ref.id)


def _tell(ref: Ref) -> None:
    publisher.publish(Notice(topics.of(ref), str(ref)))


def _names(wanted: Iterable[Ref]) -> dict[Ref, str]:
    """What they are called, of those that are there or in the recycle bin."""
    found: dict[Ref, str] = {}
    wanted = set(wanted)
    for kind, table in _TABLES.items():
        there = Q(is_gone__in=[False])
        if kind is Kind.GUEST:
            there |= Q(is_binned=True)
        ids = {ref.id for ref in wanted if ref.kind is kind}
        rows = table.objects.filter(there, uuid__in=ids) if ids else ()  # type: ignore[attr-defined]
        found.update({row.ref: row.name for row in rows if row.ref in wanted})
    return found


def _clean(project: Project) -> None:
    try:
        project.full_clean(validate_unique=False)
    except ValidationError as error:
        problems = {name: " ".join(said) for name, said in error.message_dict.items()}
        raise Invalid(fields=problems) from error
    if project.name.isdecimal():
        raise Invalid(fields={"name": _("A number alone is no name.")})
    if Project.objects.filter(name__iexact=project.name).exclude(pk=project.pk).exists():
        raise Invalid(fields={"name": _("There is a project of this name already.")})


def _counted() -> QuerySet[Project]:
    numbers = {
        f"count_{kind}": Count("belongings", filter=Q(belongings__kind=kind.value))
        for kind in KINDS
    }
    return Project.objects.annotate(**numbers)


def _row(project: Project) -> ProjectRow:
    guests, pools, networks = (getattr(project, f"count_{kind}") for kind in KINDS)
    return ProjectRow(
        id=project.pk,
        name=project.name,
        description=project.description,
        scope=project.scope,
        guests=guests,
        pools=pools,
        networks=networks,
        grants=Grant.objects.filter(scope=project.scope).count(),
    )
