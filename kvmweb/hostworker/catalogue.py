"""Every verb of the socket as a line: what runs, on whose lines, what it concerns and answers.

A noun adds its verbs by a table here and functions in `hypervisor/<noun>.py`; a function is called
as `work(connection, **args)` on a line of its purpose, and raises a Problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kvmweb.core.hosts import Part
from kvmweb.hostworker.publisher import Kind
from kvmweb.hostworker.server import Reply
from kvmweb.hypervisor import (
    actions,
    agent,
    agent_acts,
    bins,
    boot_order,
    bridges,
    cards,
    cloning,
    creation,
    defining,
    disk_moves,
    disks,
    hardware,
    hosts,
    images,
    live_copies,
    media,
    network_acts,
    nwfilters,
    pools,
    renaming,
    screens,
    secrets,
    sizing,
    snapshot_acts,
    templates,
    thumbnails,
    tuning,
    volume_acts,
)

Work = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Lines that share one sort of work, so that what hangs on one sort delays no other."""

    name: str
    lines: int = 1


CONTROL = Purpose("control", 4)
FORCE = Purpose("force", 2)
"""Never behind anything else."""
EVENTS = Purpose("events")
PARTS = Purpose("parts")
"""What is read of the host for itself: it may take seconds."""
STORAGE = Purpose("pools", 2)
"""A store that hangs keeps its callers waiting, but no guest."""
DISCOVERY = Purpose("discovery")
"""Asks machines that may not be there."""
FILLING = Purpose("filling", 4)
"""Writes whole volumes: a call may last for hours."""


def plain(found: Any) -> Reply:
    """A record or a plain value, as it is."""
    return Reply(found)


def nothing(_found: Any) -> Reply:
    """It was done."""
    return Reply()


def changed(found: Any) -> Reply:
    """`{"changed": false}` when the object was so already."""
    return Reply({"changed": found is not False})


def handed(found: Any) -> Reply:
    """A descriptor, which is the caller's from now on."""
    return Reply(descriptor=found)


def pictured(found: Any) -> Reply:
    """A descriptor of an image, and its MIME type."""
    image, mime = found
    return Reply({"mime": mime}, image)


@dataclass(frozen=True, slots=True)
class Act:
    """kind: what `args["uuid"]` names: it is read again afterwards, whatever the outcome.

    part: of the host, read again afterwards.
    takes_turn: one after the other for the same object. wants_uri: `uri` is added to the arguments.
    touches: the argument whose keys are UUIDs of guests that are read again too.
    """

    work: Work
    purpose: Purpose = CONTROL
    kind: Kind | None = None
    answers: Callable[[Any], Reply] = plain
    takes_turn: bool = False
    wants_uri: bool = False
    part: Part | None = None
    touches: str = ""


def _guest(work: Work) -> Act:
    return Act(work, kind="guest", answers=changed, takes_turn=True)


GUESTS: dict[str, Act] = {
    "guest.start": _guest(actions.start),
    "guest.shutdown": _guest(actions.shutdown),
    "guest.reboot": _guest(actions.reboot),
    "guest.suspend": _guest(actions.suspend),
    "guest.resume": _guest(actions.resume),
    "guest.save": _guest(actions.save),
    "guest.discard_saved": _guest(actions.discard_saved),
    "guest.nmi": _guest(actions.nmi),
    "guest.autostart": _guest(actions.autostart),
    "guest.describe": _guest(actions.describe),
    "guest.sendkeys": _guest(actions.sendkeys),
    "guest.attach_disk": Act(disks.attach, STORAGE, "guest", takes_turn=True),
    "guest.edit_disk": Act(disks.edit, STORAGE, "guest", takes_turn=True),
    "guest.limit_disk": Act(disks.limit, STORAGE, "guest", takes_turn=True),
    "guest.copy_disk": Act(disk_moves.begin, STORAGE, "guest", nothing, takes_turn=True),
    "guest.copy_progress": Act(disk_moves.progress, STORAGE),
    "guest.pivot_disk": Act(disk_moves.pivot, STORAGE, "guest", nothing, takes_turn=True),
    "guest.repoint_disk": Act(disk_moves.repoint, STORAGE, "guest", nothing, takes_turn=True),
    "guest.abandon_move": Act(disk_moves.abandon, STORAGE, "guest", takes_turn=True),
    "guest.detach_disk": Act(disks.detach, STORAGE, "guest", takes_turn=True),
    "guest.boot_order": Act(boot_order.edit, CONTROL, "guest", takes_turn=True),
    "guest.tune": Act(tuning.edit, CONTROL, "guest", takes_turn=True),
    "guest.tune_firmware": Act(tuning.edit_firmware, STORAGE, "guest", takes_turn=True),
    "guest.media": Act(media.change, STORAGE, "guest", nothing, takes_turn=True),
    "guest.attach_card": Act(cards.attach, CONTROL, "guest", takes_turn=True),
    "guest.edit_card": Act(cards.edit, CONTROL, "guest", takes_turn=True),
    "guest.detach_card": Act(cards.detach, CONTROL, "guest", takes_turn=True),
    "guest.add_hardware": Act(hardware.add, CONTROL, "guest", takes_turn=True),
    "guest.edit_hardware": Act(hardware.edit, CONTROL, "guest", takes_turn=True),
    "guest.remove_hardware": Act(hardware.remove, CONTROL, "guest", takes_turn=True),
    "guest.convert_spice": Act(hardware.convert_spice, CONTROL, "guest", takes_turn=True),
    "guest.destroy": Act(actions.destroy, FORCE, "guest", changed),
    "guest.reset": Act(actions.reset, FORCE, "guest", changed),
    "guest.screenshot": Act(actions.screenshot, answers=pictured),
    "guest.open_screen": Act(screens.open_screen, answers=handed, wants_uri=True),
}

CREATION: dict[str, Act] = {
    "guest.define": Act(creation.define, STORAGE, "guest", nothing, takes_turn=True),
    "guest.start_installer": Act(creation.start_installer, CONTROL, "guest", changed, True),
    "guest.resize": Act(sizing.resize, CONTROL, "guest", plain, takes_turn=True),
    "guest.delete": Act(creation.delete, STORAGE, "guest", nothing, takes_turn=True),
    "guest.bin": Act(bins.put, STORAGE, "guest", nothing, takes_turn=True),
    "guest.unbin": Act(bins.take_out, STORAGE, "guest", nothing, takes_turn=True),
    "guest.purge": Act(bins.purge, STORAGE, "guest", changed, takes_turn=True),
    "guest.template": Act(templates.mark, CONTROL, "guest", nothing, takes_turn=True),
    "guest.clone": Act(cloning.clone, STORAGE, "guest", nothing, takes_turn=True),
    "guest.stored": Act(defining.stored),
    "guest.define_new": Act(defining.define_new, CONTROL, "guest", nothing, takes_turn=True),
    "guest.redefine": Act(defining.redefine, CONTROL, "guest", plain, takes_turn=True),
    "guest.rename": Act(renaming.rename, STORAGE, "guest", changed, takes_turn=True),
    "guest.unclone": Act(cloning.unclone, STORAGE, "guest", changed, takes_turn=True),
    "guest.forget": Act(creation.forget, STORAGE, "guest", changed, takes_turn=True),
}

SNAPSHOT_LINES = Purpose("snapshots", 2)
"""Memory is written, or an overlay merged, for as long as it takes."""
THUMBNAILS = Purpose("thumbnails")
SNAPSHOTS: dict[str, Act] = {
    "guest.thumbnail": Act(thumbnails.take, THUMBNAILS, answers=pictured),
    "guest.snapshot": Act(snapshot_acts.take, SNAPSHOT_LINES, "guest", nothing, takes_turn=True),
    "guest.revert": Act(snapshot_acts.revert, SNAPSHOT_LINES, "guest", nothing, takes_turn=True),
    "guest.snapshot_delete": Act(
        snapshot_acts.delete, SNAPSHOT_LINES, "guest", nothing, takes_turn=True
    ),
}

COPIES: dict[str, Act] = {
    "guest.mirror_begin": Act(live_copies.begin, SNAPSHOT_LINES, "guest", nothing, takes_turn=True),
    "guest.mirror_progress": Act(live_copies.progress),
    "guest.mirror_cut": Act(live_copies.end, SNAPSHOT_LINES, "guest", plain, takes_turn=True),
    "guest.mirror_stop": Act(live_copies.stop, SNAPSHOT_LINES, "guest", changed, takes_turn=True),
}

AGENT_READS = Purpose("agent-reads", 3)
AGENT_ACTS = Purpose("agent-acts", 3)
"""What a silent agent keeps waiting is never a guest's power: lines, and a turn, of their own."""
AGENTS: dict[str, Act] = {
    "agent.read": Act(agent.read, AGENT_READS, takes_turn=True),
    "agent.keys": Act(agent_acts.keys, AGENT_READS, takes_turn=True),
    "agent.password": Act(agent_acts.set_password, AGENT_ACTS, answers=nothing, takes_turn=True),
    "agent.change_keys": Act(agent_acts.change_keys, AGENT_ACTS, answers=nothing, takes_turn=True),
    "agent.freeze": Act(agent_acts.freeze, AGENT_ACTS, takes_turn=True),
    "agent.thaw": Act(agent_acts.thaw, AGENT_ACTS, takes_turn=True),
    "agent.trim": Act(agent_acts.trim, AGENT_ACTS, answers=nothing, takes_turn=True),
    "agent.time": Act(agent_acts.set_time, AGENT_ACTS, answers=nothing, takes_turn=True),
}


def _pool(work: Work) -> Act:
    return Act(work, STORAGE, "pool", changed, takes_turn=True)


POOLS: dict[str, Act] = {
    "pool.refresh": Act(pools.refresh, STORAGE, "pool", nothing),
    "pool.start": _pool(pools.start),
    "pool.stop": _pool(pools.stop),
    "pool.autostart": _pool(pools.autostart),
    "pool.build": _pool(pools.build),
    "pool.delete_content": _pool(pools.delete_content),
    "pool.undefine": _pool(pools.undefine),
    "pool.define": Act(pools.define, STORAGE),
    "pool.discover": Act(pools.discover, DISCOVERY),
    "pool.resolve": Act(pools.resolve, STORAGE, wants_uri=True),
}

VOLUMES: dict[str, Act] = {
    "volume.create": Act(volume_acts.create, FILLING, "volume"),
    "volume.clone": Act(volume_acts.clone, FILLING, "volume"),
    "volume.wipe": Act(volume_acts.wipe, FILLING, "volume", nothing),
    "volume.resize": Act(volume_acts.resize, STORAGE, "volume"),
    "volume.delete": Act(volume_acts.delete, STORAGE, "volume", nothing),
    "volume.look": Act(volume_acts.look, STORAGE),
    "volume.identities": Act(volume_acts.identities, STORAGE),
    "volume.measure": Act(images.measure, STORAGE),
}

NETWORK_LINES = Purpose("networks", 2)
"""dnsmasq and the firewall may take their time; guests do not wait for them."""


def _network(work: Work) -> Act:
    return Act(work, NETWORK_LINES, "network", takes_turn=True)


NETWORKS: dict[str, Act] = {
    "network.start": replace(_network(network_acts.start), answers=changed),
    "network.stop": replace(_network(network_acts.stop), answers=changed),
    "network.autostart": replace(_network(network_acts.autostart), answers=changed),
    "network.delete": replace(_network(network_acts.delete), answers=nothing),
    "network.define": Act(network_acts.define, NETWORK_LINES),
    "network.edit": _network(network_acts.edit),
    "network.amend": replace(_network(network_acts.amend), answers=nothing),
    "network.reattach": replace(_network(network_acts.reattach), answers=nothing, touches="guests"),
    "network.restart": replace(_network(network_acts.restart), answers=nothing, touches="guests"),
    "network.restart_dhcp": replace(_network(network_acts.restart_dhcp), answers=nothing),
    "guest.filter": Act(nwfilters.assign, CONTROL, "guest", takes_turn=True),
    "nwfilter.define": Act(nwfilters.define, NETWORK_LINES, "nwfilter"),
    "nwfilter.delete": Act(nwfilters.delete, NETWORK_LINES, "nwfilter", nothing),
}

HOSTS: dict[str, Act] = {
    "host.ping": Act(hosts.ping, EVENTS),
    "host.test": Act(hosts.read, wants_uri=True),
    "host.facts": Act(hosts.read, wants_uri=True),
    "host.check": Act(hosts.ping, EVENTS, part=Part.READINESS),
    "host.devices": Act(hosts.ping, EVENTS, part=Part.DEVICES),
    "host.bridges": Act(hosts.ping, EVENTS, part=Part.BRIDGES),
    "host.network_plan": Act(bridges.plan, PARTS, wants_uri=True),
    "host.network": Act(bridges.change, PARTS, wants_uri=True, part=Part.BRIDGES),
    "host.network_settle": Act(bridges.settle, PARTS, wants_uri=True, part=Part.BRIDGES),
}

SECRETS: dict[str, Act] = {
    "secret.define": Act(secrets.define, PARTS, part=Part.SECRETS),
    "secret.set_value": Act(secrets.set_value, PARTS, part=Part.SECRETS, answers=nothing),
    "secret.undefine": Act(secrets.undefine, PARTS, part=Part.SECRETS, answers=nothing),
}

CATALOGUE: dict[str, Act] = {
    **GUESTS,
    **CREATION,
    **SNAPSHOTS,
    **COPIES,
    **AGENTS,
    **POOLS,
    **VOLUMES,
    **NETWORKS,
    **HOSTS,
    **SECRETS,
}
