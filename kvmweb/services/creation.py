"""Create guests: what a person may build one of, what would be made, and asking for it.

`creation_plan` makes a plan of a wish; `creation_work` carries it out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.creation import Ground, Plan, PoolVolumes, VolumeLine
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.jobs import JobState
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.records import HostRecord, HostState, NetworkRecord, PoolRecord
from kvmweb.core.refs import Kind, Ref
from kvmweb.core.specs import DirectBoot, GuestSpec
from kvmweb.core.systems import System
from kvmweb.core.wishes import GuestWish, Source
from kvmweb.definitions import guest_building
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    cloud_seeds,
    creation_plan,
    image_locks,
    install_trees,
    jobs,
    macs,
    maintenance,
    projects,
    sight,
    systems,
    volume_users,
    works,
)
from kvmweb.services.guard import guarded, internal, sifted
from kvmweb.services.install_trees import Tree
from kvmweb.store.models import Host, Job

VERB = "guest.create"
MAKING = (VERB, "guest.clone")
"""Kinds of long work that end with a new guest; each names its host and the guest."""
_PLAIN = ("raw", "", "none", "unknown", "iso", "dir")
_UNKNOWN = HostRecord("", "", "", "", "", "x86_64", "", 0, 0, None, None, False, {})
"""Of a host that never answered yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host that this person may create guests on."""

    key: str
    name: str
    is_up: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be made, before anything happens. xml: with the paths as they will be."""

    plan: Plan
    xml: str
    first_xml: str = ""
    """Of the first start, where that has a kernel of its own."""


@sifted(VERB)
def offer(actor: Actor, host: str = "") -> Offer:
    """The button: on this host, or wherever it is possible."""
    reach = judge.reach(actor, VERB)
    may = reach.covers(refs.host(host)) if host else not reach.is_nowhere
    if may and host in maintenance.resting():
        return Offer(VERB, Obstacle.MAINTENANCE)
    return Offer(VERB, Obstacle.NONE if may else Obstacle.NO_RIGHT)


@sifted(VERB)
def places(actor: Actor) -> list[Place]:
    """Where this actor may create guests, those that answer first."""
    reach = judge.reach(actor, VERB)
    states = dict(mirror.HostMirror.objects.values_list("host", "state"))
    found = [
        Place(host.key, host.name, states.get(host.key) == HostState.UP)
        for host in Host.objects.all()
        if reach.covers(host.ref)
    ]
    return sorted(found, key=lambda place: (not place.is_up, place.name.casefold()))


@guarded(VERB, is_audited=False)
def ground(actor: Actor, ref: Ref) -> Ground:
    """What the host has, as far as this actor may use it: a few queries, no call to the host."""
    host = Host.objects.filter(key=ref.host).first()
    row = mirror.HostMirror.objects.filter(host=ref.host).first()
    if host is None:
        raise NotFound(ref=str(ref))
    fill = judge.reaches(actor, ("volume.create", "volume.attach"))
    pools = {
        pool.uuid: wire.from_plain(PoolRecord, pool.record)
        for pool in mirror.Pool.objects.filter(sight.of_kind(actor, Kind.POOL), host=ref.host)
        if fill["volume.create"].covers(pool.ref)
    }
    return Ground(
        host=ref.host,
        name=host.name,
        uri=host.uri if judge.can(actor, "host.view", ref) else "",
        record=wire.from_plain(HostRecord, row.record) if row and row.record else _UNKNOWN,
        is_up=bool(row and row.is_up and row.record),
        names=names(ref.host),
        pools={key: pool for key, pool in pools.items() if pool.is_active},
        volumes=_volumes(ref.host, fill["volume.attach"]),
        users=_users(actor, ref.host),
        forged=_forged(ref.host),
        networks=networks(actor, ref.host),
        may_bridge=may_bridge(actor, ref.host),
        projects=tuple(projects.choices(actor, ref.host)),
    )


@sifted("network.use")
def networks(actor: Actor, host: str) -> dict[str, NetworkRecord]:
    """The networks of this host that this actor may connect guests to, by UUID."""
    reach = judge.reach(actor, "network.use")
    rows = mirror.Network.objects.filter(sight.of_kind(actor, Kind.NETWORK), host=host)
    return {
        network.uuid: wire.from_plain(NetworkRecord, network.record)
        for network in rows.order_by("name_fold")
        if reach.covers(network.ref)
    }


@sifted("host.bridge")
def may_bridge(actor: Actor, host: str) -> bool:
    """Whether this actor may name bridges and network devices of this host."""
    return judge.can(actor, "host.bridge", refs.host(host))


@guarded(VERB, is_audited=False)
def preview(actor: Actor, ref: Ref, wish: GuestWish, known: Ground | None = None) -> Preview:
    """What would be made of this wish, and what is wrong with it; nothing is made.

    known: the ground, where the caller has read it just now.
    """
    found = _plan(known or ground(actor, ref), wish)
    shown = found.shown
    xml = guest_building.build(replace(shown, direct=None))
    return Preview(found, xml, guest_building.build(shown) if shown.direct else "")


@guarded(VERB)
def create(actor: Actor, ref: Ref, wish: GuestWish) -> UUID:
    """Ask for the guest; the job that makes it. Raises Invalid (fields)."""
    plan = _plan(ground(actor, ref), wish)
    if plan.faults:
        raise Invalid(fields=dict(plan.faults))
    tree = install_trees.look(wish.url, plan.spec.arch) if plan.spec.direct else None
    spec = _told(plan.spec, tree) if tree else plan.spec
    job = jobs.ask(
        actor,
        VERB,
        _steps(wish, plan, tree),
        about=refs.guest(ref.host, plan.spec.uuid),
        called=wish.name,
        host=ref.host,
        name=wish.name,
        project=wish.project,
        spec=wire.to_plain(spec),
        volumes=wire.to_plain(plan.volumes),
        seed=wire.to_plain(plan.seed),
        answers=_answers(wish, plan) if plan.seed else None,
        tree={"kernel": tree.kernel, "initrd": tree.initrd} if tree else None,
        boot_volumes=wire.to_plain(plan.boot_volumes),
        is_started=wish.is_started,
        has_autostart=wish.has_autostart,
    )
    audit.running().detail.update(name=wish.name, guest=plan.spec.uuid, job=str(job))
    return job


@sifted(VERB)
def free_name(actor: Actor, host: str, stem: str) -> str:
    """The first of stem-1, stem-2, … that no guest of this host has."""
    taken = names(host) if judge.can(actor, VERB, refs.host(host)) else frozenset()
    return next(name for n in range(1, 100_000) if (name := f"{stem}-{n}") not in taken)


def _steps(wish: GuestWish, plan: Plan, tree: Tree | None) -> list[works.Step]:
    steps = [works.waiting("disk", volume.name) for volume in plan.volumes]
    steps += [works.waiting("seed", plan.seed.name)] if plan.seed else []
    if tree:
        steps += [works.waiting("kernel", url) for url in (tree.kernel, tree.initrd) if url]
    steps.append(works.waiting("define", wish.name))
    return [*steps, works.waiting("start", wish.name)] if wish.is_started else steps


def _told(spec: GuestSpec, tree: Tree) -> GuestSpec:
    """Its installer is told where it came from, unless somebody said so."""
    said = spec.direct.arguments if spec.direct else ""
    if "inst.repo=" not in said:
        said = f"{said} {tree.arguments}".strip()
    return replace(spec, direct=DirectBoot("", "", said))


def _answers(wish: GuestWish, plan: Plan) -> dict[str, str]:
    mac = next((card.mac for card in plan.spec.interfaces), "")
    return cloud_seeds.files(wish.cloud, wish.name, mac=mac)


def _plan(known: Ground, wish: GuestWish) -> Plan:
    system = _system(wish)
    plan = creation_plan.plan(_known_by_mac(wish), known, system)
    faults = {**plan.faults, **projects.faults(known.projects, wish.project)}
    if known.host in maintenance.resting():
        faults["host"] = _("This host is in maintenance: no guest is made there.")
    if wish.system and system is None:
        faults["system"] = _("No system of this name is known. Choose one of the list.")
    if plan.seed:
        faults.update(cloud_seeds.faults(wish.cloud))
        if wish.cloud.is_fixed and not wish.interfaces:
            faults["addressing"] = _("It has no network card.")
    return replace(plan, faults=faults)


def _known_by_mac(wish: GuestWish) -> GuestWish:
    """With a MAC for the first card where cloud-init finds the card by it, else as it is."""
    is_found = wish.source is Source.CLOUD and wish.cloud.is_fixed
    if not is_found or not wish.interfaces or wish.interfaces[0].mac:
        return wish
    first, *others = wish.interfaces
    return replace(wish, interfaces=(replace(first, mac=first_mac(wish)), *others))


@internal("a part of acts that make guests")
def first_mac(wish: GuestWish) -> str:
    """The same one for the same name: what is shown is what will be made."""
    return macs.free(wish.host, f"{wish.host} {wish.name}")


def _system(wish: GuestWish) -> System | None:
    return systems.get(wish.system) if wish.system else None


@internal("a part of acts that make guests")
def names(host: str) -> frozenset[str]:
    """Of the guests that are there, in the recycle bin or not, and of those under way."""
    guests = mirror.Guest.objects.filter(host=host, is_gone=False).values_list("name", flat=True)
    binned = mirror.Guest.objects.filter(host=host, is_binned=True)
    going = Job.objects.filter(verb__in=MAKING, state__in=(JobState.WAITING, JobState.RUNNING))
    names = {
        arguments["name"]
        for arguments in going.values_list("arguments", flat=True)
        if arguments.get("host") == host
    }
    return frozenset(guests) | set(binned.values_list("record__name", flat=True)) | names


def _volumes(host: str, reach: judge.Reach) -> dict[str, PoolVolumes]:
    found: defaultdict[str, PoolVolumes] = defaultdict(PoolVolumes)
    rows = mirror.Volume.objects.filter(host=host, is_gone=False).order_by("name_fold")
    pools = mirror.Pool.objects.filter(host=host, is_gone=False).values_list("uuid", flat=True)
    mine = [pool for pool in pools if reach.covers(refs.pool(host, pool))]
    unfit = image_locks.unfit_on(host)
    text = Cast("record", TextField())
    for pool, record, *line in rows.filter(pool__in=mine).values_list(
        "pool", text, "name", "format", "capacity", "place"
    ):
        volume = VolumeLine(*line)
        if (pool, volume.name) not in unfit:
            found[pool].add(volume, record)
    return dict(found)


def _forged(host: str) -> frozenset[str]:
    there = mirror.Volume.objects.filter(host=host, is_gone__in=[False], made_as="raw")
    let_in = image_locks.let_in_on(host)
    found = there.exclude(format__in=_PLAIN).values_list("uuid", "pool", "name", "format")
    return frozenset(uuid for uuid, *place in found if tuple(place) not in let_in)


def _users(actor: Actor, host: str) -> dict[str, tuple[str, ...]]:
    """Path of an image to who needs it: guests, where the actor sees them with their names, and
    images that build on it."""
    reach = judge.reach(actor, "guest.view")
    found: defaultdict[str, list[str]] = defaultdict(list)
    uses = mirror.DiskUse.objects.filter(mirror.HOLDS, host=host)
    fields = ("place", "guest__uuid", "guest__name", "guest__is_binned")
    for place, uuid, name, is_binned in uses.values_list(*fields):
        shown = volume_users.in_bin(name) if is_binned else name
        found[place].append(shown if reach.covers(refs.guest(host, uuid)) else "")
    seen = judge.reach(actor, "pool.view")
    above = mirror.Volume.objects.filter(host=host, is_gone__in=[False]).exclude(backing_place="")
    for place, pool, name in above.values_list("backing_place", "pool", "name"):
        found[place].append(name if seen.covers(refs.pool(host, pool)) else "")
    return {path: tuple(names) for path, names in found.items()}
