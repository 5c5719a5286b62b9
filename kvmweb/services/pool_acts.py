"""What is done to a storage pool: started, stopped, built, deleted.

A slow act answers `ASKED` and goes on, as power does. Deleting is a work of steps in the one order
that libvirt takes: volumes, stop, content, definition.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, jobs, power_line, volume_users, volumes
from kvmweb.services.guard import guarded
from kvmweb.services.power_line import Outcome
from kvmweb.services.works import Arguments, Step, Work, carries, undoes, waiting

NAMED = 10
"""Users that a refusal names."""


@guarded("pool.start")
def start(actor: Actor, ref: Ref) -> Outcome:
    """Mount it, sign in, or what its type needs. Source: virStoragePoolCreate."""
    return power_line.carry_out(ref, "pool.start", 90.0, {})


@guarded("pool.stop")
def stop(actor: Actor, ref: Ref) -> Outcome:
    """libvirt serves it no more; nothing is deleted. Source: virStoragePoolDestroy."""
    return power_line.carry_out(ref, "pool.stop", 60.0, {})


@guarded("pool.refresh")
def refresh(actor: Actor, ref: Ref) -> Outcome:
    """Look at the storage again. Source: virStoragePoolRefresh."""
    return power_line.carry_out(ref, "pool.refresh", 120.0, {})


@guarded("pool.autostart")
def autostart(actor: Actor, ref: Ref, *, enabled: bool) -> Outcome:
    """Start with the host, or not. Source: virStoragePoolSetAutostart."""
    return power_line.carry_out(ref, "pool.autostart", 20.0, {"enabled": enabled})


@guarded("pool.build")
def build(actor: Actor, ref: Ref, *, overwrite: bool = False) -> Outcome:
    """Make the folder, the file system, the partition table or the volume group.

    overwrite: what is on the devices is lost. Raises Exists where something is and it is False.
    """
    audit.running().detail["overwrite"] = overwrite
    return power_line.carry_out(ref, "pool.build", 600.0, {"overwrite": overwrite})


@guarded("pool.delete")
def delete(
    actor: Actor, ref: Ref, *, with_volumes: bool = False, with_content: bool = False
) -> UUID:
    """The job that deletes it: volumes where asked for, stop, content, definition.

    Raises: Busy with the users while a guest or an image needs one of its volumes.
    """
    pool = volumes.pool_row(ref)
    there = list(volumes.all_of(ref))
    if with_volumes and not pool.record["is_active"]:
        raise Invalid("a stopped pool shows no volumes")
    if (with_volumes or with_content) and not judge.can(actor, "volume.delete", ref):
        raise Denied(verb="volume.delete", ref=str(ref))
    if with_volumes or with_content:
        _refuse_while_used(actor, ref, pool.name, there)
    audit.running().detail.update(with_volumes=with_volumes, with_content=with_content)
    steps: list[Step] = []
    if with_volumes:
        steps.append(waiting("delete-volumes"))
    if pool.record["is_active"]:
        steps.append(waiting("stop-pool", pool.name))
    if with_content:
        steps.append(waiting("delete-content", pool.record["path"]))
    if pool.record["is_persistent"]:
        steps.append(waiting("forget-pool", pool.name))
    held = _identities(ref, {it.name for it in there}) if with_volumes else []
    return jobs.ask(
        actor, "pool.delete", steps, about=ref, called=pool.name,
        host=ref.host, pool=ref.id, name=pool.name,
        volumes=held,
    )  # fmt: skip


def _identities(ref: Ref, names: set[str]) -> list[dict[str, str]]:
    """The volumes that the person was shown, each with what tells it from a later one."""
    found = client.call(ref.host, "volume.identities", uuid=ref.id)
    return [
        {"name": name, "identity": str(identity)}
        for name, identity in found.items()
        if name in names
    ]


def _refuse_while_used(actor: Actor, ref: Ref, name: str, there: list[Any]) -> None:
    own = {it.uuid for it in there}
    names: list[str] = []
    hidden = 0
    for users in volume_users.of_volumes(actor, ref.host, name, there).values():
        outside = (user for user in users.seen if user.is_guest or user.ref.id not in own)
        names += [user.name for user in outside]
        hidden += users.hidden
    if names or hidden:
        shown = [*dict.fromkeys(names)][:NAMED]
        raise Busy(users=", ".join(shown) or str(hidden))


@carries("pool.delete")
def _delete(work: Work, arguments: Arguments) -> None:
    """The words of the steps that were asked for are those that are done."""
    host, pool = arguments["host"], {"uuid": arguments["pool"]}
    work.require("pool.delete", refs.pool(host, arguments["pool"]))
    wanted = {step["word"] for step in work.steps}
    if wanted & {"delete-volumes", "delete-content"}:
        work.require("volume.delete", refs.pool(host, arguments["pool"]))
    if "delete-volumes" in wanted:
        with work.step("delete-volumes"):
            found = arguments["volumes"]
            for done, volume in enumerate(found):
                work.report(done, len(found))
                _forgiving(host, "volume.delete", **volume, **pool)
    if "stop-pool" in wanted:
        with work.step("stop-pool"):
            if wanted & {"delete-content", "forget-pool"}:
                work.undo("pool.start", host=host, pool=arguments["pool"])
            client.call(host, "pool.stop", deadline_s=60.0, **pool)
    if "delete-content" in wanted:
        with work.step("delete-content"):
            client.call(host, "pool.delete_content", **pool)
    if "forget-pool" in wanted:
        with work.step("forget-pool"):
            client.call(host, "pool.undefine", **pool)


def _forgiving(host: str, verb: str, **args: Any) -> None:
    """What is gone already need not be deleted."""
    try:
        client.call(host, verb, **args)
    except NotFound:
        return


@undoes("pool.start")
def _start_again(host: str, pool: str) -> None:
    _forgiving(host, "pool.start", uuid=pool)
