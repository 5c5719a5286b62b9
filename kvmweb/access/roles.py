"""The built-in roles: named sets of verbs. `store.CustomRole`s are sets of the same."""

from __future__ import annotations

from kvmweb.access.verbs import VERBS

_SEE = {"guest.view", "host.view", "pool.view", "network.view"}
_CONSOLE = {"guest.view", "console.watch", "console.drive"}
_POWER = {
    "guest.start", "guest.shutdown", "guest.reboot", "guest.reset", "guest.destroy",
    "guest.suspend", "guest.resume", "guest.save", "guest.discard", "guest.nmi", "job.view",
    "host.details", "guest.agent", "guest.thaw", "guest.trim", "guest.time",
}  # fmt: skip
_POOLS = {
    "pool.create", "pool.start", "pool.stop", "pool.autostart", "pool.refresh", "pool.edit",
    "pool.build", "pool.delete",
}  # fmt: skip
_FILL = {"volume.create", "volume.clone", "volume.resize", "volume.attach", "volume.upload"}
"""What whoever makes guests needs of a pool."""
_VOLUMES = _FILL | {
    "volume.wipe",
    "volume.delete",
    "volume.download",
    "volume.inspect",
    "volume.trust",
}
"""Looking inside shows what a download brings, to the same people."""
_HOST = {
    "host.add", "host.remove", "host.edit", "host.maintain", "host.secrets", "host.bridge",
    "host.network",
}  # fmt: skip
_CREATE = {
    "guest.create",
    "guest.delete",
    "guest.clone",
    "guest.inspect",
    "guest.template",
    "network.use",
}
"""Not the editor's: a disk holds the secrets of all who use the guest. Whoever makes guests reads
it anyway, by giving the disk, or a clone of it, to a guest of their own."""
_NETWORK = {
    "network.view", "network.definition", "network.create", "network.start", "network.stop",
    "network.autostart", "network.edit", "network.delete", "network.reserve", "nwfilter.view",
    "nwfilter.assign", "host.view", "guest.view",
}  # fmt: skip
"""Not network.boot (a folder of the host) nor nwfilter.edit (raw XML)."""
_EDIT = {
    "guest.autostart", "guest.describe", "guest.disks", "guest.definition", "guest.edit",
    "guest.snapshot", "guest.revert", "guest.snapshot_delete",
    "guest.rename", "guest.password", "guest.keys", "guest.freeze",
}  # fmt: skip
"""Not guest.xml: raw XML is root on the host. Not guest.limits: a limit is set against those who
use the guest, by who answers for its host."""

ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset(_SEE),
    "console": frozenset(_CONSOLE),
    "operator": frozenset(_SEE | _CONSOLE | _POWER),
    "editor": frozenset(_SEE | _CONSOLE | _POWER | _EDIT),
    "creator": frozenset(_SEE | _CONSOLE | _POWER | _EDIT | _FILL | _CREATE),
    "storage-admin": frozenset(
        {"pool.view", "host.view", "host.details", "job.view"} | _POOLS | _VOLUMES
    ),
    "network-admin": frozenset(_NETWORK | {"host.details"}),
    "host-admin": frozenset(
        _SEE
        | _CONSOLE
        | _POWER
        | _EDIT
        | _POOLS
        | _VOLUMES
        | _CREATE
        | _HOST
        | _NETWORK
        | {"console.takeover", "network.boot", "guest.limits"}
    ),
    "auditor": frozenset(
        _SEE
        | {"audit.view", "people.view", "job.view", "guest.definition", "host.details"}
        | {"guest.agent"}
        | {"network.definition", "nwfilter.view"}
    ),
    "project-owner": frozenset(
        _SEE | _CONSOLE | _POWER | _EDIT | _FILL | _CREATE | {"console.takeover"}
    ),
    "administrator": frozenset(VERBS),
}
