"""Pictures of the screen beside snapshots: kept when one is taken, seen by who may see the screen.

A snapshot that goes, by whose hand ever, takes its picture along: the clockwork compares them with
the mirror.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.core import pictures
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound, Problem
from kvmweb.core.records import GuestRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.inventory import models as mirror
from kvmweb.services.guard import guarded, internal
from kvmweb.store.models import SnapshotPicture

log = logging.getLogger(__name__)

DEADLINE_S = 3.0
"""A snapshot is not kept waiting for its picture."""
COMES_WITHIN = timedelta(minutes=35)
"""A snapshot is written for half an hour at most; one that failed leaves a picture behind."""
GONE_AFTER = timedelta(hours=1)
CHUNK = 500


@internal("a part of taking a snapshot")
def keep(ref: Ref, record: GuestRecord, name: str) -> None:
    """The screen as it is now, for the snapshot that is about to be taken, where there is one."""
    SnapshotPicture.objects.filter(host=ref.host, uuid=ref.id, name=name).delete()
    if not (record.state.is_active and record.has_screen):
        return
    try:
        taken, _about = client.take_file(
            ref.host, "guest.thumbnail", deadline_s=DEADLINE_S, uuid=ref.id
        )
    except Problem as problem:
        log.info("no picture for a snapshot of %s: %s", ref, problem.code)
        return
    with taken:
        image = taken.read(pictures.SIZE_MAX + 1)
    if len(image) <= pictures.SIZE_MAX:
        SnapshotPicture.objects.create(
            host=ref.host, uuid=ref.id, name=name, taken_at=timezone.now(), image=image
        )


@internal("of a guest that the caller was shown already")
def of(actor: Actor, ref: Ref) -> dict[str, int | None]:
    """Names of its snapshots with a picture that this reader may see, each with its time."""
    if not judge.can(actor, "console.watch", ref):
        return {}
    rows = SnapshotPicture.objects.filter(host=ref.host, uuid=ref.id)
    return dict(rows.values_list("name", "created_at"))


@guarded("console.watch", is_audited=False)
def picture(actor: Actor, ref: Ref, name: str) -> bytes:
    """The PNG. Raises NotFound."""
    rows = SnapshotPicture.objects.filter(host=ref.host, uuid=ref.id, name=name)
    image = rows.values_list("image", flat=True).first()
    if image is None:
        raise NotFound(ref=str(ref))
    return bytes(image)


@internal("a chore of the clockwork")
def sweep() -> None:
    """Bind each picture to its snapshot once that is there; drop those whose snapshot is gone."""
    rows = SnapshotPicture.objects.only("host", "uuid", "name", "created_at", "taken_at")
    now = timezone.now()
    up = set(mirror.HostMirror.objects.filter(state="up").values_list("host", flat=True))
    for row in rows.iterator(CHUNK):
        if row.host not in up:
            continue
        there = mirror.Guest.objects.filter(Q(is_gone=False) | Q(is_binned=True))
        guest = there.filter(host=row.host, uuid=row.uuid).first()
        _settle(row, guest, now - row.taken_at)


def _settle(row: SnapshotPicture, guest: mirror.Guest | None, age: timedelta) -> None:
    if guest is None:
        if age > GONE_AFTER:
            row.delete()
        return
    tree = guest.record.get("snapshot_tree") or []
    at = next((it["created_at"] for it in tree if it["name"] == row.name), None)
    if at is not None and row.created_at is None:
        SnapshotPicture.objects.filter(pk=row.pk).update(created_at=at)
    elif at is None and guest.record.get("snapshots", 0) > len(tree):
        return  # the mirror lists the latest alone
    elif at != row.created_at or (at is None and age > COMES_WITHIN):
        row.delete()
