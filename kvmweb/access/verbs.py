"""Every verb there is. A guarded service names one; a role is a set of them; an offer shows one."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.refs import Kind


@dataclass(frozen=True, slots=True)
class Verb:
    """kind: what it acts on; None for the portal. is_change: audited, not run unaudited."""

    name: str
    kind: Kind | None
    is_change: bool = True


_READ = [
    ("guest.view", Kind.GUEST),
    ("guest.definition", Kind.GUEST),
    ("guest.agent", Kind.GUEST),
    ("host.view", Kind.HOST),
    ("host.details", Kind.HOST),
    ("pool.view", Kind.POOL),
    ("network.view", Kind.NETWORK),
    ("network.definition", Kind.NETWORK),
    ("nwfilter.view", Kind.FILTER),
    ("people.view", None),
    ("audit.view", None),
    ("job.view", None),
]
_CHANGE = [
    ("guest.start", Kind.GUEST),
    ("guest.shutdown", Kind.GUEST),
    ("guest.reboot", Kind.GUEST),
    ("guest.reset", Kind.GUEST),
    ("guest.destroy", Kind.GUEST),
    ("guest.suspend", Kind.GUEST),
    ("guest.resume", Kind.GUEST),
    ("guest.save", Kind.GUEST),
    ("guest.discard", Kind.GUEST),
    ("guest.nmi", Kind.GUEST),
    ("guest.autostart", Kind.GUEST),
    ("guest.describe", Kind.GUEST),
    ("guest.disks", Kind.GUEST),
    ("guest.inspect", Kind.GUEST),
    ("guest.edit", Kind.GUEST),
    ("guest.limits", Kind.GUEST),
    ("guest.passthrough", Kind.GUEST),
    ("guest.create", Kind.HOST),
    ("guest.define", Kind.HOST),
    ("guest.delete", Kind.GUEST),
    ("guest.snapshot", Kind.GUEST),
    ("guest.revert", Kind.GUEST),
    ("guest.snapshot_delete", Kind.GUEST),
    ("guest.clone", Kind.GUEST),
    ("guest.template", Kind.GUEST),
    ("guest.rename", Kind.GUEST),
    ("guest.xml", Kind.GUEST),
    ("guest.password", Kind.GUEST),
    ("guest.keys", Kind.GUEST),
    ("guest.freeze", Kind.GUEST),
    ("guest.thaw", Kind.GUEST),
    ("guest.trim", Kind.GUEST),
    ("guest.time", Kind.GUEST),
    ("network.create", Kind.HOST),
    ("network.start", Kind.NETWORK),
    ("network.stop", Kind.NETWORK),
    ("network.autostart", Kind.NETWORK),
    ("network.edit", Kind.NETWORK),
    ("network.delete", Kind.NETWORK),
    ("network.reserve", Kind.NETWORK),
    ("network.boot", Kind.HOST),
    ("nwfilter.edit", Kind.HOST),
    ("nwfilter.assign", Kind.GUEST),
    ("console.watch", Kind.GUEST),
    ("console.drive", Kind.GUEST),
    ("console.takeover", Kind.GUEST),
    ("pool.create", Kind.HOST),
    ("pool.start", Kind.POOL),
    ("pool.stop", Kind.POOL),
    ("pool.autostart", Kind.POOL),
    ("pool.refresh", Kind.POOL),
    ("pool.edit", Kind.POOL),
    ("pool.build", Kind.POOL),
    ("pool.delete", Kind.POOL),
    ("volume.create", Kind.POOL),
    ("volume.resize", Kind.POOL),
    ("volume.clone", Kind.POOL),
    ("volume.wipe", Kind.POOL),
    ("volume.delete", Kind.POOL),
    ("volume.attach", Kind.POOL),
    ("volume.upload", Kind.POOL),
    ("volume.trust", Kind.POOL),
    ("volume.download", Kind.POOL),
    ("volume.inspect", Kind.POOL),
    ("host.add", None),
    ("host.remove", Kind.HOST),
    ("host.edit", Kind.HOST),
    ("host.maintain", Kind.HOST),
    ("host.secrets", Kind.HOST),
    ("host.bridge", Kind.HOST),
    ("host.network", Kind.HOST),
    ("network.use", Kind.NETWORK),
    ("people.change", None),
    ("people.grant", None),
    ("settings.change", None),
]

VERBS: dict[str, Verb] = {
    **{name: Verb(name, kind, is_change=False) for name, kind in _READ},
    **{name: Verb(name, kind) for name, kind in _CHANGE},
}

VIEW: dict[Kind, str] = {
    Kind.GUEST: "guest.view",
    Kind.HOST: "host.view",
    Kind.POOL: "pool.view",
    Kind.NETWORK: "network.view",
    Kind.VOLUME: "pool.view",
    Kind.INTERFACE: "network.view",
    Kind.FILTER: "nwfilter.view",
}
"""The verb without which an object does not exist for a person."""
