"""Uploads: begin one or go on with it, see it, give it up. Its data moves through `uploads_line`.

The volume is made at once, at its full size and under its name, and nobody may use it before its
header was read (`images`). Who loses the connection goes on from the last byte that libvirt has
confirmed; what nobody goes on with for a day is removed.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from kvmweb.access import judge
from kvmweb.core import errors, tokens, topics, wire
from kvmweb.core.actors import Actor
from kvmweb.core.records import PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import UploadRecord, UploadState, Wish
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.services import audit, images, volumes, works
from kvmweb.services.guard import guarded, internal, open_to_all, sifted
from kvmweb.store.models import AuditEntry, TransferTicket, Upload

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
DIGEST = re.compile(r"[0-9a-f]{64}")
LASTS = timedelta(days=1)
LATELY = timedelta(hours=1)
MOST = 20
"""Unfinished uploads of one person."""
PATIENCE_S = 3.0
COMMAND_LASTS = timedelta(hours=1)
_OPEN = (UploadState.MOVING, UploadState.CHECKING)


@guarded("volume.upload", is_audited=False)
def begin(actor: Actor, ref: Ref, wish: Wish) -> UploadRecord:
    """Make room for this file, or find what is there of it already.

    Raises: Invalid, Quota (it does not fit, or too many at once), Exists, Conflict (somebody is
    uploading a file of that name), Denied, and what making a volume raises.
    """
    _check(actor, ref, wish)
    known = Upload.objects.filter(pool=str(ref), name=wish.name, state__in=_OPEN).first()
    if known is not None:
        return _same(actor, known, wish)
    upload = claim(actor, ref, wish, UploadState.MOVING)
    try:
        prepare(ref, upload, wish.size)
    except errors.Problem as problem:
        _close(upload, problem.code, problem=problem.detail[:500])
        upload.delete()
        raise
    except BaseException:
        _close(upload, "fault")
        upload.delete()
        raise
    tell(upload)
    return record(upload)


@internal("every way in begins with it; who calls it has judged")
def claim(
    actor: Actor, ref: Ref, wish: Wish, state: UploadState, facts: dict[str, Any] | None = None
) -> Upload:
    """A row that keeps the name for this file, and its entry in the audit.

    Raises: Invalid, Denied, Quota, Conflict, WrongState.
    """
    _check(actor, ref, wish)
    _require_room(actor, ref, wish)
    entry = audit.begin(
        actor, "volume.upload", ref, name=wish.name, size=wish.size, **(facts or {})
    )
    try:
        with transaction.atomic():
            return Upload.objects.create(
                person_id=actor.person_id,
                pool=str(ref),
                name=wish.name,
                size=wish.size,
                format=wish.format,
                mark=wish.mark,
                sha256=wish.sha256,
                wants_checksum=wish.wants_checksum or bool(wish.sha256),
                is_trusted=wish.is_trusted,
                state=state,
                facts=facts or {},
                audit=entry.pk,
            )
    except IntegrityError as error:
        audit.end(entry, "conflict")
        raise errors.Conflict(
            "a file of this name is being uploaded", whose="other", name=wish.name
        ) from error


@internal("every way in makes its volume here")
def prepare(ref: Ref, upload: Upload, size: int) -> None:
    """Make the volume. What was there before is never deleted.

    Raw whatever the image is: then its file is as long as the image, and nothing lies beneath what
    is written. libvirt looks at the header again once the image is there.
    """
    pool = wire.from_plain(PoolRecord, volumes.pool_row(ref).record)
    if size > pool.available:
        raise errors.Quota("it does not fit", limit="pool", free=str(pool.available))
    client.call(
        ref.host,
        "volume.create",
        uuid=ref.id,
        name=upload.name,
        capacity=size,
        image_format="raw",
    )
    works.never_made(ref.host, ref.id, upload.name)
    upload.size, upload.is_made = size, True
    upload.save(update_fields=["size", "is_made"])


@guarded("pool.view")
def may(actor: Actor, ref: Ref) -> bool:
    """Whether this person may upload into this pool: what its page shows."""
    return judge.can(actor, "volume.upload", ref)


@sifted("volume.upload")
def among(actor: Actor, pools: Iterable[Ref]) -> list[Ref]:
    """Those of these pools that this person may upload into."""
    return [ref for ref in pools if judge.can(actor, "volume.upload", ref)]


@open_to_all("one's own uploads only, as numbers and states")
def standing(actor: Actor) -> list[tuple[str, str]]:
    """Which uploads of this person there are, and the state of each."""
    found = Upload.objects.filter(person_id=actor.person_id).order_by("created_at", "pk")
    return [(str(pk), state) for pk, state in found.values_list("pk", "state")]


@guarded("volume.upload", is_audited=False)
def require(actor: Actor, ref: Ref) -> None:
    """Before a form is shown: whoever may not send it shall not fill it in."""


@sifted("volume.trust")
def may_trust(actor: Actor, ref: Ref) -> bool:
    """Whether this person may let an image name other files."""
    return judge.can(actor, "volume.trust", ref)


@guarded("volume.upload", is_audited=False)
def show(actor: Actor, ref: Ref, upload_id: UUID) -> UploadRecord:
    """One's own upload into this pool. Raises NotFound."""
    return record(_own(actor, ref, upload_id))


@guarded("volume.upload", is_audited=False)
def mine(actor: Actor, ref: Ref) -> list[UploadRecord]:
    """One's own uploads into this pool that are not over, or ended lately."""
    found = Upload.objects.filter(pool=str(ref), person_id=actor.person_id)
    old = Q(state=UploadState.DONE, moved_at__lt=timezone.now() - LATELY)
    return [
        record(it) for it in found.exclude(old).order_by("created_at").prefetch_related("parts")
    ]


@guarded("volume.upload", is_audited=False)
def ticket(actor: Actor, ref: Ref, upload_id: UUID, *, is_for_command: bool = False) -> str:
    """The secret with which this upload's data may be sent; shown once. Raises NotFound, Conflict.

    is_for_command: it ends after an hour, for it stands in somebody's terminal.
    """
    upload = _own(actor, ref, upload_id)
    if upload.state != UploadState.MOVING:
        raise errors.Conflict("this upload is over", state=upload.state)
    secret = tokens.fresh()
    lasts = COMMAND_LASTS if is_for_command else LASTS
    TransferTicket.objects.filter(expires_at__lt=timezone.now()).delete()
    TransferTicket.objects.create(
        token_hash=tokens.fingerprint(secret),
        person_id=actor.person_id,
        session=actor.session,
        way="up",
        pool=str(ref),
        name=upload.name,
        upload=upload,
        expires_at=timezone.now() + lasts,
    )
    return secret


@guarded("volume.upload", is_audited=False)
def cancel(actor: Actor, ref: Ref, upload_id: UUID) -> None:
    """Give it up, or put away how it ended. Raises NotFound, Busy (it is being checked)."""
    upload = _own(actor, ref, upload_id)
    if upload.state == UploadState.CHECKING:
        raise errors.Busy("the image is being checked")
    if upload.state == UploadState.MOVING:
        refuse(upload, "cancelled", "")
    upload.delete()
    tell(upload)


@internal("other services end an upload")
def accept(upload: Upload) -> None:
    """The image is there, and anybody who may can use it."""
    upload.state = UploadState.DONE
    upload.save(update_fields=["state", "facts"])
    _close(upload, "ok", sha256=str(upload.facts.get("sha256", "")))
    tell(upload)


@internal("other services end an upload")
def refuse(upload: Upload, problem: str, detail: str) -> None:
    """Nothing of it stays; where it cannot be deleted now, it stays locked.

    A request that still sends has a moment to notice: libvirt deletes nothing that is written to.
    """
    ref = Ref.parse(upload.pool)
    upload.state, upload.problem, upload.detail = UploadState.REFUSED, problem, detail[:500]
    upload.save(update_fields=["state", "problem", "detail", "facts"])
    _close(upload, problem, detail=detail[:500])
    tell(upload)
    until = time.monotonic() + PATIENCE_S
    while upload.is_made:
        try:
            images.discard(ref, upload.name)
            return
        except errors.Problem as left:
            if isinstance(left, errors.HostDown) or time.monotonic() > until:
                log.warning("%s cannot be deleted: %s", upload, left.detail)
                images.lock(ref, upload.name, upload.size)
                return
        time.sleep(0.3)


def _close(upload: Upload, outcome: str, **detail: str) -> None:
    """Close the audit's entry of this upload."""
    entry = AuditEntry.objects.filter(pk=upload.audit).first()
    if entry is not None:
        audit.end(entry, outcome, moved=upload.offset, **detail)


@internal("the clockwork")
def sweep() -> None:
    """Remove what nobody went on with for a day; delete what was refused and could not be yet."""
    TransferTicket.objects.filter(expires_at__lt=timezone.now()).delete()
    old = Upload.objects.filter(moved_at__lt=timezone.now() - LASTS)
    for upload in old.filter(state=UploadState.MOVING)[:MOST]:
        refuse(upload, "expired", "")
    old.filter(state__in=(UploadState.DONE, UploadState.REFUSED)).delete()
    images.sweep()


@internal("other services move an upload on")
def tell(upload: Upload) -> None:
    """It looks different: on its pool's page, and maybe in the library."""
    ref = Ref.parse(upload.pool)
    publisher.publish(topics.Notice(topics.uploads_of(ref), str(upload.pk)))
    images.tell(ref)


@internal("the noun's own services carry the marks")
def record(upload: Upload) -> UploadRecord:
    """As its person sees it."""
    now = timezone.now()
    return UploadRecord(
        id=upload.pk,
        pool=Ref.parse(upload.pool),
        name=upload.name,
        size=upload.size,
        offset=upload.offset,
        format=upload.format,
        state=UploadState(upload.state),
        problem=upload.problem,
        detail=upload.detail,
        expires_at=_moved(upload) + LASTS,
        is_held=any(part.held_until > now for part in upload.parts.all()),
        job=upload.job,
        facts=upload.facts,
        beyond=tuple((start, end) for start, end in upload.beyond),
    )


def _moved(upload: Upload) -> datetime:
    return upload.moved_at or timezone.now()


def _own(actor: Actor, ref: Ref, upload_id: UUID) -> Upload:
    found = Upload.objects.filter(pk=upload_id, pool=str(ref), person_id=actor.person_id).first()
    if found is None:
        raise errors.NotFound(ref=f"upload:{upload_id}")
    return found


def _check(actor: Actor, ref: Ref, wish: Wish) -> None:
    fields = {}
    if not NAME.fullmatch(wish.name):
        fields["name"] = _(
            "Use letters, digits, dots, dashes and underscores; begin with a letter or a digit."
        )
    if not 0 < wish.size < 2**62:
        fields["size"] = _("The file is empty.")
    if wish.sha256 and not DIGEST.fullmatch(wish.sha256):
        fields["sha256"] = _("A SHA-256 checksum has 64 digits from 0 to 9 and a to f.")
    if fields:
        raise errors.Invalid(fields=fields)
    if wish.is_trusted and not judge.can(actor, "volume.trust", ref):
        raise errors.Denied(verb="volume.trust", ref=str(ref))


def _same(actor: Actor, known: Upload, wish: Wish) -> UploadRecord:
    """The same file of the same person goes on; any other is in the way."""
    is_same = (known.person_id, known.size, known.mark) == (actor.person_id, wish.size, wish.mark)
    if not is_same or not wish.mark:
        whose = "yours" if known.person_id == actor.person_id else "other"
        raise errors.Conflict("a file of this name is being uploaded", whose=whose, name=wish.name)
    return record(known)


def _require_room(actor: Actor, ref: Ref, wish: Wish) -> None:
    if Upload.objects.filter(person_id=actor.person_id, state__in=_OPEN).count() >= MOST:
        raise errors.Quota(f"{MOST} uploads at once", limit="uploads")
    pool = wire.from_plain(PoolRecord, volumes.pool_row(ref).record)
    if not pool.is_active:
        raise errors.WrongState("the pool is not running", state="stopped", name=pool.name)
    if wish.size > pool.available:
        raise errors.Quota("it does not fit", limit="pool", free=str(pool.available))
