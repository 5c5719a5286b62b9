"""Make storage pools: which types a host knows, what they could be made of, and the work itself."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs, wire
from kvmweb.core.actors import Actor
from kvmweb.core.details import HostLine
from kvmweb.core.errors import Exists, Invalid, NotFound, NotSupported
from kvmweb.core.pools import (
    BUILDS,
    ERASES,
    FINDS,
    FORMATS,
    PASSING,
    TYPES,
    PoolSpec,
    Source,
    places,
)
from kvmweb.core.records import HostState
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services import audit, jobs, pool_roots, pools
from kvmweb.services.guard import guarded, open_to_all, sifted
from kvmweb.services.works import Arguments, Work, carries, undoes, waiting
from kvmweb.store.models import Host

NAME = re.compile(r"(?!-)[^\s/'\"<>&\\\x00-\x1f]{1,64}")
MACHINE = re.compile(r"(?!-)[A-Za-z0-9._:\-\[\]]{1,253}")
WORD = re.compile(r"(?!-)[A-Za-z0-9._:/+@\-]{1,255}")
"""Names of groups, pools, volumes of servers, targets and initiators."""
DEVICE = re.compile(r"/dev/[A-Za-z0-9._:/+\-]{1,200}")
ADAPTER = re.compile(r"scsi_host\d{1,4}|[0-9a-f]{16}:[0-9a-f]{16}")
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DEFAULT = "default"

_NEEDS: dict[str, tuple[str, ...]] = {
    "dir": ("target",),
    "fs": ("target", "devices"),
    "netfs": ("target", "hosts", "source"),
    "logical": ("source",),
    "disk": ("devices",),
    "iscsi": ("hosts", "devices"),
    "iscsi-direct": ("hosts", "devices", "initiator"),
    "scsi": ("adapter",),
    "mpath": (),
    "rbd": ("hosts", "source"),
    "gluster": ("hosts", "source"),
    "zfs": ("source",),
}


@sifted("pool.create")
def hosts(actor: Actor) -> list[HostLine]:
    """Those that answer and on which this actor may make pools, by name."""
    reach = judge.reach(actor, "pool.create")
    up = mirror.HostMirror.objects.filter(state=HostState.UP).values_list("host", flat=True)
    rows = Host.objects.filter(key__in=list(up)).order_by("name")
    return [
        HostLine(
            host.ref,
            host.name,
            host.uri if judge.can_see(actor, host.ref) else "",
            HostState.UP,
        )
        for host in rows
        if reach.covers(host.ref)
    ]


@sifted("pool.create")
def is_blind(actor: Actor) -> bool:
    """The actor may make pools nowhere, whatever answers."""
    return judge.reach(actor, "pool.create").is_nowhere


@sifted("pool.create")
def without_default(actor: Actor) -> list[HostLine]:
    """Hosts of these that have no pool called `default`, which other tools expect."""
    named = mirror.Pool.objects.filter(name=DEFAULT, is_gone__in=[False])
    there = set(named.values_list("host", flat=True))
    return [host for host in hosts(actor) if host.ref.host not in there]


@guarded("pool.create", is_audited=False)
def types(actor: Actor, ref: Ref) -> tuple[str, ...]:
    """ref: a host. The types that its libvirt has a backend for and that we have a form for."""
    row = mirror.HostMirror.objects.filter(host=ref.host).first()
    known = set((row.record or {}).get("pool_types") or TYPES) if row else set(TYPES)
    return tuple(name for name in TYPES if name in known)


@guarded("pool.create")
def discover(
    actor: Actor, ref: Ref, pool_type: str, *, machine: str = "", initiator: str = ""
) -> list[Source]:
    """What a pool of this type could be made of. Raises Invalid (fields), NotSupported, Fault.

    Source: virConnectFindStoragePoolSources.
    """
    if pool_type not in FINDS:
        raise NotSupported(pool_type)
    if machine and not MACHINE.fullmatch(machine):
        raise Invalid(fields={"host": _("This is no name or address of a machine.")})
    if initiator and not WORD.fullmatch(initiator):
        raise Invalid(fields={"initiator": _("This is no name of an initiator.")})
    audit.running().detail.update(looked_for=pool_type, machine=machine)
    found = client.call(
        ref.host, "pool.discover", pool_type=pool_type, machine=machine, initiator=initiator
    )
    return [wire.from_plain(Source, one) for one in found]


@guarded("pool.create")
def create(
    actor: Actor, ref: Ref, spec: PoolSpec, *, build: bool = False, overwrite: bool = False
) -> UUID:
    """ref: a host. The job that defines, builds where asked for, and starts the pool.

    Raises: Invalid (fields), HostDown. Source: virStoragePoolDefineXML, Build, Create.
    """
    wrong = faults(spec)
    if mirror.Pool.objects.filter(host=ref.host, name=spec.name, is_gone__in=[False]).exists():
        wrong["name"] = _("A pool of this name is there already.")
    if not wrong:
        wrong = _place_faults(ref.host, spec)
    if wrong:
        raise Invalid(fields=wrong)
    if overwrite and spec.type not in ERASES:
        overwrite = False
    detail = {"name": spec.name, "type": spec.type, "places": list(places(spec))}
    audit.running().detail.update(detail, overwrite=overwrite)
    steps = [waiting("define-pool", spec.name), waiting("start-pool", spec.name)]
    if build and spec.type in BUILDS:
        steps.insert(1, waiting("build-pool", spec.name))
    return jobs.ask(
        actor, "pool.create", steps, called=spec.name,
        host=ref.host, spec=wire.to_plain(spec), overwrite=overwrite,
        builds=build and spec.type in BUILDS,
    )  # fmt: skip


@guarded("pool.create")
def allow(actor: Actor, ref: Ref, spec: PoolSpec) -> None:
    """ref: a host. Allow the places of this pool, for who may change settings. Raises Denied."""
    there = pool_roots.of_host(ref.host)
    for path in places(spec):
        if path not in there:
            with suppress(Exists):
                pool_roots.add(actor, path, ref.host)


@guarded("pool.create")
def create_default(actor: Actor, ref: Ref) -> UUID:
    """ref: a host. The pool that other tools expect, in libvirt's own folder."""
    if mirror.Pool.objects.filter(host=ref.host, name=DEFAULT, is_gone__in=[False]).exists():
        raise Invalid(_("A pool of this name is there already."))
    spec = PoolSpec(DEFAULT, "dir", target=pool_roots.STANDARD)
    if wrong := _place_faults(ref.host, spec):
        raise Invalid("; ".join(wrong.values()), fields=wrong)
    steps = [waiting(word, DEFAULT) for word in ("define-pool", "build-pool", "start-pool")]
    return jobs.ask(
        actor, "pool.create", steps, called=spec.name,
        host=ref.host, spec=wire.to_plain(spec), overwrite=False,
        builds=True,
    )  # fmt: skip


@guarded("pool.edit")
def edit(actor: Actor, ref: Ref, spec: PoolSpec, *, definition_hash: str) -> None:
    """Change where the stopped pool gets its data from; its name stays.

    Raises: Invalid (fields), Conflict when the definition is no longer the one that was seen.
    """
    row = pools.get(actor, ref)
    if spec.name != row.name or spec.type != row.record.type or spec.uuid != ref.id:
        raise NotFound(ref=str(ref))
    wrong = faults(spec) or _place_faults(ref.host, spec)
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(type=spec.type, places=list(places(spec)))
    plain = wire.to_plain(spec)
    client.call(ref.host, "pool.define", spec=plain, definition_hash=definition_hash)
    client.call(ref.host, "pool.autostart", uuid=ref.id, enabled=spec.has_autostart)


@open_to_all("a pure function")
def faults(spec: PoolSpec) -> dict[str, str]:
    """Field to the sentence that says what is wrong with it; paths as paths only."""
    found: dict[str, str] = {}
    if not NAME.fullmatch(spec.name) or spec.name in (".", ".."):
        found["name"] = _("1 to 64 characters without spaces, slashes, quotes or brackets.")
    elif spec.name.startswith(PASSING):  # nobody would see it
        found["name"] = _("A pool of this name is there already.")
    if spec.type not in TYPES:
        return {**found, "type": _("There is no such type.")}
    for field in _NEEDS[spec.type]:
        if not getattr(spec, field):
            found[field] = _("This is needed.")
    if spec.format and spec.format not in FORMATS.get(spec.type, ()):
        found["format"] = _("There is no such choice.")
    if spec.hosts and not all(MACHINE.fullmatch(host) for host in spec.hosts):
        found["hosts"] = _("This is no name or address of a machine.")
    if not 0 <= spec.port <= 65535:
        found["port"] = _("A port is at most 65535.")
    found |= {name: said for name, said in _source_faults(spec).items() if name not in found}
    if spec.target and (sentence := pool_roots.path_fault(spec.target)):
        found.setdefault("target", sentence)
    return found


def _source_faults(spec: PoolSpec) -> dict[str, str]:
    found: dict[str, str] = {}
    if spec.source:
        pattern = re.compile(r"/[^\x00-\x1f]{0,400}") if spec.type == "netfs" else WORD
        if not pattern.fullmatch(spec.source) or ".." in spec.source.split("/"):
            found["source"] = _("This cannot be the name of a source.")
    pattern = WORD if spec.type in ("iscsi", "iscsi-direct") else DEVICE
    if any(not pattern.fullmatch(it) or ".." in it.split("/") for it in spec.devices):
        found["devices"] = _("Devices are paths below /dev, targets are names such as iqn.….")
    if spec.initiator and not WORD.fullmatch(spec.initiator):
        found["initiator"] = _("This is no name of an initiator.")
    if spec.adapter and not ADAPTER.fullmatch(spec.adapter):
        found["adapter"] = _("Such as scsi_host3, or wwnn:wwpn of a Fibre Channel port.")
    if bool(spec.secret) is not bool(spec.username):
        found["secret"] = _("A name and the secret that belongs to it go together.")
    elif spec.secret and not UUID_TEXT.fullmatch(spec.secret):
        found["secret"] = _("The UUID of a secret that libvirt keeps.")
    return found


def _place_faults(host: str, spec: PoolSpec) -> dict[str, str]:
    """Every path that the pool opens must be allowed; said beside the field it comes from."""
    found = {}
    for path in places(spec):
        if sentence := pool_roots.fault(host, path):
            field = "target" if path == spec.target else "devices"
            if path not in (spec.target, *spec.devices):
                field = {"scsi": "adapter", "mpath": "type"}.get(spec.type, "source")
                sentence = f"{path}: {sentence}"
            found[field] = sentence
    return found


@carries("pool.create")
def _create(work: Work, arguments: Arguments) -> None:
    host, spec = arguments["host"], dict(arguments["spec"])
    work.require("pool.create", refs.host(host))
    with work.step("define-pool"):
        uuid = client.call(host, "pool.define", spec=spec)
        work.undo("pool.undefine", host=host, pool=uuid)
    if arguments["builds"]:
        with work.step("build-pool"):
            overwrite = arguments["overwrite"]
            client.call(host, "pool.build", deadline_s=600.0, uuid=uuid, overwrite=overwrite)
    with work.step("start-pool"):
        client.call(host, "pool.start", deadline_s=120.0, uuid=uuid)
        client.call(host, "pool.autostart", uuid=uuid, enabled=bool(spec["has_autostart"]))
    work.made(refs.pool(host, uuid))


@undoes("pool.undefine")
def _undefine(host: str, pool: str) -> None:
    """What was built stays: it may have been there before."""
    for verb in ("pool.stop", "pool.undefine"):
        _forgiving(host, verb, pool)


def _forgiving(host: str, verb: str, pool: str) -> Any:
    try:
        return client.call(host, verb, uuid=pool)
    except NotFound:
        return None
