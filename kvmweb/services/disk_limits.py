"""The most that a disk of a guest may read and write in a second: stored, and at once."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kvmweb.core import wire
from kvmweb.core.actors import Actor
from kvmweb.core.disk_edits import DiskLimits
from kvmweb.core.errors import Invalid
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, disks, limits, present, templates
from kvmweb.services.guard import guarded

MOST = 2**53
"""Beyond this QEMU counts no more."""


@guarded(limits.VERB)
def limit(
    actor: Actor, ref: Ref, target: str, wanted: DiskLimits, *, definition_hash: str = ""
) -> str:
    """`now` or `same`. Raises: NotFound, Invalid (fields), Conflict, WrongState, HostDown."""
    templates.require_none(ref)
    present.reachable(ref)
    disk, _volume = disks.ask(actor, ref, target, is_next=True)
    wrong = _faults(wanted)
    if wrong:
        raise Invalid(fields=wrong)
    audit.running().detail.update(disk=target, before=list(disk.limits), after=list(wanted.kept()))
    return str(
        client.call(
            ref.host, "guest.limit_disk", uuid=ref.id, target=target,
            limits=wire.to_plain(wanted), definition_hash=definition_hash,
        )
    )  # fmt: skip


def _faults(wanted: DiskLimits) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in ("bytes", "iops"):
        parts = [getattr(wanted, f"{way}_{kind}") for way in ("read", "write")]
        if getattr(wanted, f"total_{kind}") and any(parts):
            found[f"total_{kind}"] = _("Either one limit for both, or one for each.")
    for name in DiskLimits.__slots__:
        if not 0 <= getattr(wanted, name) <= MOST:
            found[name] = _("No more than %(most)d.") % {"most": MOST}
    return found
