"""Clone a guest, off or running: what may become of each disk, and asking for it.

A clone holds all that the original holds, so whoever makes it needs the rights to make a guest
like it: `guest.create` on the host, the rights on pools and networks that creation asks for, and
`guest.xml` where only raw XML can have made what the original has.
"""

from __future__ import annotations

import posixpath
import uuid as uuids
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import pools as types
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.cloning import DiskPlan, Original, PoolChoice, Way
from kvmweb.core.creation import NewVolume
from kvmweb.core.errors import Denied, Invalid, WrongState
from kvmweb.core.records import DiskRecord, GuestRecord, GuestState, HostState, PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.volumes import is_seed
from kvmweb.core.wishes import CloudWish
from kvmweb.definitions import cloning as xml
from kvmweb.definitions import firmware
from kvmweb.inventory import models as mirror
from kvmweb.services import (
    audit,
    cloning_disks,
    cloud_seeds,
    creation,
    jobs,
    maintenance,
    present,
    projects,
    renaming,
    works,
)
from kvmweb.services.cloning_disks import Rights
from kvmweb.services.creation_devices import file_stem
from kvmweb.services.guard import guarded
from kvmweb.store.models import Host

VERB = "guest.clone"
LIVE = (GuestState.RUNNING, GuestState.BLOCKED, GuestState.PAUSED)
"""A guest that is cloned while its process is there: QEMU answers."""
_FILES = ("dir", "fs", "netfs")
"""Pools whose volumes are files: their names say what they are."""


@guarded(VERB, is_audited=False)
def ask(actor: Actor, ref: Ref) -> Original:
    """What a clone would be made of: shown before anything happens. Raises NotFound."""
    record, text = _known(ref)
    traits = xml.traits(text) if text else xml.Traits((), frozenset(), has_tpm=False)
    rights = Rights.of(actor, ref)
    disks = cloning_disks.plans(actor, ref, record, traits, rights)
    host = Host.objects.filter(key=ref.host).first()
    is_told = judge.can(actor, "host.view", refs.host(ref.host))
    return Original(
        ref=ref,
        name=record.name,
        host_name=host.name if host else ref.host,
        host_uri=host.uri if host and is_told else "",
        definition_hash=record.definition_hash,
        proposed_name=_free_name(ref.host, record.name),
        disks=disks,
        pools=tuple(
            PoolChoice(uuid, pool.name, pool.type, pool.available)
            for uuid, pool in rights.pools.items()
        ),
        obstacles=tuple(_obstacles(actor, ref, record, traits, disks)),
        notes=tuple(_notes(record, traits)),
    )


@guarded(VERB)
def clone(
    actor: Actor, ref: Ref, *, name: str, ways: Mapping[str, str], pool: str = "",
    definition_hash: str = "", cloud: CloudWish | None = None, mac: str = "",
    is_started: bool = False, project: int | None = None,
) -> UUID:  # fmt: skip
    """Ask for it; the job that makes it. ways: by target; a disk not named gets what is proposed.

    pool: where copies go; empty leaves each beside its original. cloud: what cloud-init is told at
    its first boot, on a disc of its own; None for no such disc. mac: of the first network card,
    empty leaves it to libvirt. project: None for the original's.
    Raises: WrongState (it sleeps or crashed), Denied, Maintenance, Conflict, Invalid (fields).
    """
    found = ask(actor, ref)
    _require(actor, ref, found, definition_hash)
    belongs = projects.beside(actor, ref) if project is None else project
    wrong = _wrong(actor, ref, name, cloud, belongs)
    chosen = _chosen(found, ways, wrong)
    rights = Rights.of(actor, ref)
    disks, seed = _volumes(found, chosen, name, pool, rights, wrong, has_cloud=bool(cloud))
    if wrong:
        raise Invalid(fields=wrong)
    made, running = str(uuids.uuid4()), _running(ref)
    for disk in disks:
        disk["is_live"] = bool(running) and _is_written(found, disk)
    answers = cloud_seeds.files(cloud, name, copy=made, mac=mac) if cloud else None
    job = jobs.ask(
        actor, VERB, _steps(disks, seed, name, is_started=is_started),
        about=ref, called=found.name, host=ref.host, guest=str(ref), uuid=made, name=name,
        disks=disks, definition_hash=found.definition_hash, project=belongs, mac=mac,
        seed=wire.to_plain(seed), answers=answers, is_started=is_started, running=running,
    )  # fmt: skip
    audit.running().detail.update(name=name, guest=made, job=str(job), disks=chosen)
    return job


@guarded(VERB, is_audited=False)
def preview(
    actor: Actor, ref: Ref, found: Original, *, name: str, ways: Mapping[str, str], pool: str = "",
    has_cloud: bool = False, mac: str = "",
) -> str:  # fmt: skip
    """The definition of the clone as it would be made; UUID and other MACs are libvirt's to choose.

    Empty where this actor may not read the original's, or nothing can be made.
    """
    _record, text = _known(ref)
    if not text or found.obstacles or not judge.can(actor, "guest.definition", ref):
        return ""
    wrong: dict[str, str] = {}
    rights = Rights.of(actor, ref)
    chosen = _chosen(found, ways, wrong)
    disks, seed = _volumes(found, chosen, name, pool, rights, wrong, has_cloud=has_cloud)
    if wrong:
        return ""
    places = {it["target"]: _place(rights, it["pool"], it["name"], it) for it in disks}
    disc = _place(rights, seed.pool, seed.name, {}) if seed else None
    variables = firmware.variables(text)
    own = posixpath.join(posixpath.dirname(variables), "UUID_VARS.fd") if variables else ""
    return xml.clone(text, uuid="", name=name, sources=places, nvram_path=own, seed=disc, mac=mac)


def _wrong(
    actor: Actor, ref: Ref, name: str, cloud: CloudWish | None, project: int
) -> dict[str, str]:
    """Field to sentence, of what has nothing to do with disks."""
    return {
        **renaming.name_faults(ref.host, name),
        **(cloud_seeds.faults(cloud) if cloud else {}),
        **projects.faults(projects.choices(actor, ref.host), project),
    }


def _place(rights: Rights, pool: str, name: str, disk: Mapping[str, Any]) -> xml.Source:
    """Where a volume will lie; an empty drive without a pool."""
    if not pool:
        return xml.Source()
    kind = "file" if rights.pools[pool].type in _FILES else "block"
    path = f"{rights.pools[pool].path}/{name}"
    return xml.Source(kind, path, str(disk.get("image_format", "")))


def _running(ref: Ref) -> str:
    """Its state while it has a process, else nothing."""
    record, _text = _known(ref)
    return record.state.value if record.state.is_active else ""


def _is_written(found: Original, disk: dict[str, Any]) -> bool:
    """Copied while its guest writes to it."""
    plan = next(it for it in found.disks if it.target == disk["target"])
    is_own = plan.device == "disk" and not plan.is_readonly
    return is_own and disk["way"] == Way.COPY


def _seeds(found: Original) -> set[str]:
    """Drives that hold the original's answers for cloud-init."""
    return {disk.target for disk in found.disks if is_seed(disk.name)}


def _steps(
    disks: list[dict[str, Any]], seed: NewVolume | None, name: str, *, is_started: bool
) -> list[works.Step]:
    live = ", ".join(disk["name"] for disk in disks if disk["is_live"])
    found = [works.waiting("copy-live", live)] if live else []
    found += [
        works.waiting(disk["way"], disk["name"])
        for disk in disks
        if disk["name"] and not disk["is_live"]
    ]
    found += [works.waiting("seed", seed.name)] if seed else []
    found.append(works.waiting("define", name))
    return [*found, works.waiting("start", name)] if is_started else found


def _known(ref: Ref) -> tuple[GuestRecord, str]:
    """With its stored definition, which is what a clone is made of also while it runs."""
    row = present.guest(ref)
    return present.record(row), present.stored(row)


def _require(actor: Actor, ref: Ref, found: Original, seen: str) -> None:
    """Rights and state, each with its own problem. seen: the hash of what the person was shown.

    Raises Denied, WrongState, Maintenance, Conflict.
    """
    if not judge.can(actor, creation.VERB, refs.host(ref.host)):
        raise Denied(verb=creation.VERB, ref=str(ref))
    record, _text = _known(ref)
    if record.state.is_active and record.state not in LIVE:
        raise WrongState(name=record.name, state=record.state)
    maintenance.require_open(ref.host)
    present.require_shown(seen, found.definition_hash, record.name)
    if found.obstacles:
        raise Invalid(fields={"": " ".join(found.obstacles)})


def _obstacles(
    actor: Actor, ref: Ref, record: GuestRecord, traits: xml.Traits, disks: Iterable[DiskPlan]
) -> Iterable[str]:
    """What stands in the way of every clone, in sentences."""
    if record.state.is_active and record.state not in LIVE:
        yield _("It can be cloned while it runs, is paused, or is shut off.")
    if record.state.is_active and _unsized(record.next_disks) != _unsized(record.disks):
        yield _("Changes of its disks are pending. Shut it down first: the clone would mix both.")
    if not record.is_persistent:
        yield _("The guest has no stored definition. It is gone when it stops.")
    up = mirror.HostMirror.objects.filter(host=ref.host, state=HostState.UP)
    if not up.exists():
        yield _("This host is not answering.")
    if ref.host in maintenance.resting():
        yield _("This host is in maintenance: no guest is made there.")
    if not judge.can(actor, creation.VERB, refs.host(ref.host)):
        yield _("You may not create guests on this host.")
    if traits.foreign and not judge.can(actor, "guest.xml", ref):
        yield _(
            "It has what only an administrator may give a guest: %(things)s. An administrator can"
            " clone it."
        ) % {"things": ", ".join(traits.foreign)}
    yield from _cards(actor, ref, record)
    for disk in disks:
        if not disk.ways:
            yield f"{disk.target}: {disk.reason}"


def _unsized(disks: Iterable[DiskRecord]) -> list[DiskRecord]:
    """Without what only a running guest's disks are measured to hold."""
    return [replace(disk, capacity=None, allocation=None) for disk in disks]


def _cards(actor: Actor, ref: Ref, record: GuestRecord) -> Iterable[str]:
    """Connections that this person may not give a guest."""
    mine = {network.name for network in creation.networks(actor, ref.host).values()}
    may_bridge = creation.may_bridge(actor, ref.host)
    for card in record.next_interfaces:
        if card.type == "network" and card.source not in mine:
            yield _("You may not connect guests to the network %(name)s.") % {"name": card.source}
        elif card.type not in ("network", "user") and not may_bridge:
            yield _("You may not connect guests to bridges and devices of the host.")


def _notes(record: GuestRecord, traits: xml.Traits) -> Iterable[str]:
    if record.state.is_active and record.is_agent_connected:
        yield _(
            "It runs on: its disks are copied as they are at one moment, in which its agent holds"
            " its file systems still. What is in its memory is not cloned."
        )
    elif record.state.is_active:
        yield _(
            "It runs on: its disks are copied as they are at one moment, as after a power cut. It"
            " is paused for that moment. What is in its memory is not cloned."
        )
    if record.has_saved_state:
        yield _("Its saved state is not cloned: the disks are as after a power cut.")
    if record.snapshots:
        yield _("Its snapshots are not cloned.")
    if traits.has_tpm:
        yield _("The clone gets an empty TPM: what is sealed with it does not open.")
    if traits.has_host_devices:
        yield _("Both will name the same devices of the host: only one of them can run at a time.")


def _free_name(host: str, name: str) -> str:
    taken = creation.names(host)
    stem = f"{name[:54].rstrip()}-clone"
    tails = ("", *(f"-{n}" for n in range(1, 10_000)))
    return next(found for tail in tails if (found := f"{stem}{tail}") not in taken)


def _chosen(found: Original, ways: Mapping[str, str], wrong: dict[str, str]) -> dict[str, str]:
    """The way of each disk, by target."""
    chosen: dict[str, str] = {}
    for disk in found.disks:
        way = ways.get(disk.target) or disk.ways[0]
        if way not in disk.ways:
            wrong[f"way-{disk.target}"] = disk.reason or _("This is not possible for this disk.")
        chosen[disk.target] = str(way)
    return chosen


def _volumes(
    found: Original, chosen: Mapping[str, str], name: str, pool: str, rights: Rights,
    wrong: dict[str, str], *, has_cloud: bool,
) -> tuple[list[dict[str, Any]], NewVolume | None]:  # fmt: skip
    """Its disks, and the disc with the answers for cloud-init, which takes the original's place."""
    disks = _disks(found, chosen, name, pool, rights, wrong)
    if not has_cloud:
        return disks, None
    disks = [it for it in disks if it["target"] not in _seeds(found)]
    return disks, cloning_disks.seed(disks, name, rights, wrong)


def _disks(
    found: Original, chosen: Mapping[str, str], name: str, pool: str, rights: Rights,
    wrong: dict[str, str],
) -> list[dict[str, Any]]:  # fmt: skip
    """Plain JSON for the job: each disk that is not shared."""
    made: list[dict[str, Any]] = []
    if pool and pool not in rights.pools:
        wrong["pool"] = _("Choose a pool that you may make volumes in.")
        return made
    for disk in found.disks:
        way = chosen[disk.target]
        plain: dict[str, Any] = {
            "target": disk.target, "way": way, "pool": "", "name": "", "source_pool": disk.pool,
        }  # fmt: skip
        if way in (Way.COPY, Way.LINK):
            into = pool or disk.pool
            target = rights.pools.get(into)
            if target is None:
                wrong["pool"] = _("Choose a pool that you may make volumes in.")
                continue
            form = _format(disk, target, way)
            plain.update(
                pool=into, name=_free_volume(rights, into, name, target.type, form, made),
                source=disk.name, source_format=disk.format, image_format=form,
                capacity=disk.capacity,
            )  # fmt: skip
        if way != Way.SHARE:
            made.append(plain)
    _check_room(found, made, rights, wrong)
    return made


def _format(disk: DiskPlan, pool: PoolRecord, way: str) -> str:
    if way == Way.LINK:
        return "qcow2"
    can = types.VOLUME_FORMATS.get(pool.type, ("raw",))
    return disk.format if disk.format in can else "raw"


def _free_volume(
    rights: Rights, pool: str, name: str, kind: str, form: str, made: list[dict[str, Any]]
) -> str:
    taken = rights.volumes(pool) | {disk["name"] for disk in made if disk["pool"] == pool}
    suffix = "" if kind not in _FILES else f".{'img' if form == 'raw' else form}"
    tails = ("", *(f"-{n}" for n in range(1, 10_000)))
    stem = file_stem(name)
    return next(it for tail in tails if (it := f"{stem}{tail}{suffix}") not in taken)


def _check_room(
    found: Original, made: list[dict[str, Any]], rights: Rights, wrong: dict[str, str]
) -> None:
    """A copy that cannot fit is not begun."""
    sizes = {disk.target: disk.allocation for disk in found.disks}
    for uuid, pool in rights.pools.items():
        wanted = sum(
            sizes[it["target"]] for it in made if it["pool"] == uuid and it["way"] == Way.COPY
        )
        if wanted > pool.available:
            wrong["pool"] = _("%(pool)s has less free space than the copies need.") % {
                "pool": pool.name
            }
