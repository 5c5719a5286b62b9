"""New guests as copies of a template or a guest, for the page that creates guests.

What is copied and how is cloning's; here a wish chooses for all disks at once.
"""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import CopyPlan, Original, Way
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.core.wishes import CloudWish, GuestWish, Source
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    cloning,
    cloud_seeds,
    creation,
    present,
    projects,
    renaming,
    sight,
    templates,
)
from kvmweb.services.guard import guarded, sifted

RIGHT = "guest.create"
MOST = 500


@sifted("guest.clone")
def originals(actor: Actor, host: str, source: Source) -> list[tuple[str, str]]:
    """UUID and name of the templates, or of the guests, of this host that this actor may copy."""
    seen = sight.where(judge.reach(actor, "guest.clone"))
    if judge.reach(actor, "guest.clone").is_nowhere:
        return []
    rows = mirror.Guest.objects.filter(seen, host=host, is_gone__in=[False])
    wants_template = source is Source.TEMPLATE
    found = rows.order_by("name_fold").values_list("uuid", "name", "record__template")
    return [(uuid, name) for uuid, name, mark in found if bool(mark) is wants_template][:MOST]


@guarded(RIGHT, is_audited=False)
def defaults(actor: Actor, ref: Ref, original: str) -> CloudWish:
    """ref: the host. What a template wants cloud-init to be told; nothing for what is none."""
    record = _record(actor, ref, original)
    mark = record.template if record else None
    return templates.defaults(mark) if mark else CloudWish()


@guarded(RIGHT, is_audited=False)
def way(actor: Actor, ref: Ref, original: str, wanted: str) -> str:
    """ref: the host. `copy` where the original has no disk that can be linked, else as wanted."""
    if wanted != Way.LINK or _record(actor, ref, original) is None:
        return wanted
    found = cloning.ask(actor, refs.guest(ref.host, original))
    return wanted if found.may_link else Way.COPY.value


@guarded(RIGHT, is_audited=False)
def plan(actor: Actor, ref: Ref, wish: GuestWish) -> CopyPlan:
    """ref: the host. What would be made, and what is wrong with it; nothing is made."""
    faults = renaming.name_faults(ref.host, wish.name)
    faults |= projects.faults(projects.choices(actor, ref.host), wish.project)
    record = _record(actor, ref, wish.original)
    if record is None:
        return CopyPlan(None, {}, {**faults, "original": _("Choose one.")})
    original = cloning.ask(actor, refs.guest(ref.host, wish.original))
    ways = _ways(original, wish, faults)
    if original.obstacles:
        faults["original"] = " ".join(original.obstacles)
    if wish.has_cloud:
        faults.update(cloud_seeds.faults(wish.cloud))
        if wish.cloud.is_fixed and not record.next_interfaces:
            faults["addressing"] = _("It has no network card.")
    if wish.into and wish.into not in {pool.uuid for pool in original.pools}:
        faults["into"] = _("Choose a pool that you may make volumes in.")
    return CopyPlan(
        original=original,
        ways=ways,
        faults=faults,
        machine=f"{record.virt_type.upper()}, {record.machine}",
        vcpus=record.vcpus,
        memory=record.memory,
        networks=tuple(card.source or card.type for card in record.next_interfaces),
    )


@guarded(RIGHT, is_audited=False)
def preview(actor: Actor, ref: Ref, wish: GuestWish, found: CopyPlan) -> str:
    """ref: the host. The definition that would be made; empty where that cannot be shown."""
    if found.original is None or "into" in found.faults:
        return ""
    return cloning.preview(
        actor,
        found.original.ref,
        found.original,
        name=wish.name or "NAME",
        ways=_plain(found),
        pool=wish.into,
        has_cloud=wish.has_cloud,
        mac=_mac(wish),
    )


def _plain(found: CopyPlan) -> dict[str, str]:
    return {target: way.value for target, way in found.ways.items()}


@guarded(RIGHT, is_audited=False)
def create(actor: Actor, ref: Ref, wish: GuestWish) -> UUID:
    """ref: the host. The job that makes the copy. Raises Invalid (fields), and as cloning does."""
    found = plan(actor, ref, wish)
    if found.faults or found.original is None:
        raise Invalid(fields=dict(found.faults))
    try:
        return cloning.clone(
            actor,
            found.original.ref,
            name=wish.name,
            ways=_plain(found),
            pool=wish.into,
            cloud=wish.cloud if wish.has_cloud else None,
            mac=_mac(wish),
            is_started=wish.is_started,
            project=wish.project,
        )
    except Invalid as invalid:
        raise Invalid(fields={_field(name): it for name, it in invalid.fields.items()}) from invalid


def _mac(wish: GuestWish) -> str:
    """Of the first card, where cloud-init finds that by it; empty leaves it to libvirt."""
    return creation.first_mac(wish) if wish.has_cloud and wish.cloud.is_fixed else ""


def _ways(original: Original, wish: GuestWish, faults: dict[str, str]) -> dict[str, Way]:
    """Linked where that is wanted and possible; what cannot be linked is as proposed."""
    ways = {disk.target: disk.ways[0] for disk in original.disks if disk.ways}
    if wish.way == Way.LINK:
        linked = {disk.target: Way.LINK for disk in original.disks if Way.LINK in disk.ways}
        if not linked:
            faults["way"] = original.unlinked or _("It has no disk that can be linked.")
        ways |= linked
    return ways


def _record(actor: Actor, ref: Ref, uuid: str) -> GuestRecord | None:
    """The original, where this actor may copy it."""
    guest = refs.guest(ref.host, uuid)
    if not uuid or not judge.can(actor, cloning.VERB, guest):
        return None
    try:
        return present.record(present.guest(guest))
    except NotFound:
        return None


def _field(name: str) -> str:
    """What the page of a new guest calls it."""
    return "way" if name.startswith("way-") else {"pool": "into"}.get(name, name)
