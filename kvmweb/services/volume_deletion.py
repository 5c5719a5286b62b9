"""Many volumes of a pool deleted at once: what nobody needs goes, the rest is named and stays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.core.refs import Ref
from kvmweb.core.volume_lists import VolumeRow
from kvmweb.hostlink import client
from kvmweb.services import audit, jobs, volumes
from kvmweb.services.guard import guarded, sifted
from kvmweb.services.works import Arguments, Work, carries, waiting

VERB = "volume.delete_many"
MOST = volumes.PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Chosen:
    """free: those that would go. kept: in use, still coming in, or refused and going anyhow."""

    free: tuple[VolumeRow, ...]
    kept: tuple[VolumeRow, ...]


@sifted("volume.delete")
def may(actor: Actor, ref: Ref) -> bool:
    """Whether this actor may delete volumes of this pool."""
    return judge.can(actor, "volume.delete", ref)


@guarded("volume.delete", is_audited=False)
def choose(actor: Actor, ref: Ref, chosen: Collection[str]) -> Chosen:
    """What would go of these volumes of this pool; what is gone already is left out."""
    found = volumes.some(actor, ref, [*chosen][:MOST])
    return Chosen(
        tuple(row for row in found if not row.users and not row.lock),
        tuple(row for row in found if row.users or row.lock),
    )


@guarded("volume.delete")
def delete(actor: Actor, ref: Ref, chosen: Collection[str]) -> UUID:
    """The job that deletes those that nobody needs. Raises Invalid where none is left."""
    names = [row.record.name for row in choose(actor, ref, chosen).free]
    if not names:
        raise Invalid(_("None of these volumes can be deleted."))
    audit.running().detail.update(volumes=names)
    return jobs.ask(
        actor, VERB, [waiting("delete-volumes")], about=ref, called=volumes.pool_row(ref).name,
        host=ref.host, pool=ref.id, volumes=names,
    )  # fmt: skip


@carries(VERB)
def _delete(work: Work, arguments: Arguments) -> None:
    """The host looks for users again before each goes."""
    host, pool, names = arguments["host"], arguments["pool"], arguments["volumes"]
    work.require("volume.delete", refs.pool(host, pool))
    with work.step("delete-volumes"):
        for done, name in enumerate(names):
            work.report(done, len(names))
            try:
                client.call(host, "volume.delete", uuid=pool, name=name)
            except NotFound:
                continue  # gone already
