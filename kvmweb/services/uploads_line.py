"""The data of an upload: who may send it, into which descriptor, and what becomes of it then."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kvmweb.access import judge
from kvmweb.core import errors, refs, spans, tokens
from kvmweb.core.actors import Actor
from kvmweb.core.flows import Verdict
from kvmweb.core.images import Format
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import UploadRecord, UploadState
from kvmweb.hostlink import client
from kvmweb.services import image_locks, images, jobs, people, sessions, uploads, works
from kvmweb.services.guard import guarded, internal, open_to_all
from kvmweb.services.works import Arguments, Work
from kvmweb.store.models import Person, TransferTicket, Upload, UploadPart

log = logging.getLogger(__name__)

HELD = timedelta(seconds=15)
"""A request that moves data says so every few seconds; then it is believed to be dead."""
PARTS_MOST = 8
"""Requests that move data of one file at once."""
SPANS_MOST = 64
"""Gaps between what arrived; the browser makes as many as it has requests."""
_RESUMABLE = ("host-down", "busy", "fault")


@dataclass(slots=True)
class Opened:
    """Where the data goes. start: of its first byte; left: bytes that may still come."""

    line: socket.socket
    start: int
    left: int


@open_to_all("the ticket is the proof of who asks; it is judged again by what it opens")
def holder(secret: str, way: str, ref: Ref, address: str) -> tuple[Actor, TransferTicket]:
    """Who holds this ticket for this pool. Raises Denied for one that is old, or of no session."""
    found = TransferTicket.objects.filter(
        token_hash=tokens.fingerprint(secret),
        way=way,
        pool=str(ref),
        expires_at__gt=timezone.now(),
    ).first()
    if found is not None:
        person = Person.objects.get(pk=found.person_id)
        actor = Actor(person.pk, str(person), found.session, address)
        if person.is_active and people.is_live(actor):
            return actor, found
    raise errors.Denied("the ticket is old or not known", ref=str(ref))


@guarded("volume.upload", is_audited=False)
def take(actor: Actor, ref: Ref, upload_id: UUID, offset: int, until: int | None = None) -> Opened:
    """A descriptor for the data from this offset on. One request at a time holds a part.

    until: the part ends before this byte, and others may be sent meanwhile; None: it is all the
    rest, from where the upload stands.
    Raises: NotFound, Busy (another request sends), Conflict (it goes on elsewhere: `offset`), and
    what opening the stream raises.
    """
    upload, part = _part(actor, ref, upload_id, offset, until)
    try:
        line, _ = client.take(
            ref.host,
            "volume.upload",
            uuid=ref.id,
            name=upload.name,
            offset=part.start,
            length=part.end - part.start,
            beside=until is not None,
        )
    except errors.Problem as problem:
        part.delete()
        if isinstance(problem, errors.NotFound):
            uploads.refuse(upload, "gone", problem.detail)
        raise
    return Opened(line, part.start, part.end - part.start)


@transaction.atomic
def _part(
    actor: Actor, ref: Ref, upload_id: UUID, offset: int, until: int | None
) -> tuple[Upload, UploadPart]:
    """The part that this request holds from now on. Raises as `take`."""
    now = timezone.now()
    here = Upload.objects.select_for_update().filter(pk=upload_id, pool=str(ref))
    upload = here.filter(person_id=actor.person_id).first()
    if upload is None:
        raise errors.NotFound(ref=f"upload:{upload_id}")
    if upload.state != UploadState.MOVING:
        raise errors.Conflict("this upload is over", state=upload.state)
    upload.parts.filter(held_until__lt=now).delete()
    held = list(upload.parts.values_list("start", "end"))
    end = upload.size if until is None else until
    if until is None:
        is_held, is_there = bool(held), offset != upload.offset
    else:
        if not offset < end <= upload.size:
            raise errors.Invalid("the part ends before it begins, or behind the file")
        there = [(0, upload.offset), *upload.beyond]
        is_held = len(held) >= PARTS_MOST or len(there) > SPANS_MOST
        is_held = is_held or spans.touches(held, offset, end)
        is_there = spans.touches(there, offset, end)
    if is_held:
        raise errors.Busy("another request sends this file")
    if is_there:
        raise errors.Conflict("it goes on elsewhere", offset=str(upload.offset))
    if until is None and upload.beyond:  # holes of what comes now cut off what is there
        upload.beyond = []
        upload.save(update_fields=["beyond"])
    part = upload.parts.create(start=offset, end=end, held_until=now + HELD)
    return upload, part


@guarded("volume.upload", is_audited=False)
def hold(actor: Actor, ref: Ref, upload_id: UUID, start: int) -> bool:
    """Data still moves, and whoever sends a file is not idle; False when it was given up."""
    sessions.touch(actor)
    here = Upload.objects.filter(pk=upload_id, pool=str(ref), state=UploadState.MOVING)
    held = UploadPart.objects.filter(upload__in=here, start=start)
    return bool(held.update(held_until=timezone.now() + HELD))


@open_to_all("judged inside: it only ever ends what is open")
def may_go_on(actor: Actor, ref: Ref, verb: str) -> bool:
    """Whether this transfer is still allowed: the session stands, and the right."""
    return people.is_live(actor) and judge.can(actor, verb, ref)


@open_to_all("ends what a request was let in for; the right may be gone by now, the data is not")
def settle(upload_id: UUID, start: int, verdict: Verdict) -> UploadRecord | None:
    """A request has ended: what libvirt confirmed is safe; with the last byte the image is read.

    start: where its data began; another request may have gone on meanwhile for one that hung, and
    what both have sent counts once. None when it was given up meanwhile.
    """
    upload = _counted(upload_id, start, verdict.moved)
    if upload is None:
        return None
    uploads.tell(upload)
    if upload.state == UploadState.CHECKING:
        _finish(upload)
    elif verdict.problem and verdict.problem not in _RESUMABLE:
        uploads.refuse(
            upload, "full" if verdict.problem == "quota" else verdict.problem, verdict.detail
        )
    return uploads.record(upload)


@transaction.atomic
def _counted(upload_id: UUID, start: int, moved: int) -> Upload | None:
    """The upload with these bytes counted; whoever brings the last ones has it examined."""
    here = Upload.objects.select_for_update()
    upload = here.filter(pk=upload_id, state=UploadState.MOVING).first()
    if upload is None:
        return None
    upload.parts.filter(start=start).delete()
    came = (start, min(upload.size, start + moved))
    there = spans.joined([(0, upload.offset), *upload.beyond, came])
    is_begun = bool(there) and there[0][0] == 0
    upload.offset = there[0][1] if is_begun else 0
    upload.beyond = there[1:] if is_begun else there
    upload.moved_at = timezone.now()
    if upload.offset == upload.size:
        upload.state = UploadState.CHECKING
    upload.save(update_fields=["offset", "beyond", "moved_at", "state"])
    return upload


@internal("the clockwork")
def sweep() -> None:
    """Read the images whose reader died."""
    old = timezone.now() - timedelta(minutes=2)
    for upload in Upload.objects.filter(state=UploadState.CHECKING, job=None, moved_at__lt=old):
        _finish(upload)


def _finish(upload: Upload) -> None:
    """Read the header; a checksum takes a job."""
    try:
        is_fit = _examine(upload)
    except errors.HostDown:
        log.info("%s waits for its host to be examined", upload)
        return
    if not is_fit:
        return
    if upload.wants_checksum:
        actor = Actor(upload.person_id, str(upload.person))
        steps = [works.waiting("checksum", upload.name)]
        pool = Ref.parse(upload.pool)
        upload.job = jobs.ask(
            actor, "volume.check", steps, about=refs.volume(pool.host, pool.id, upload.name),
            called=upload.name, upload=str(upload.pk),
        )  # fmt: skip
        upload.save(update_fields=["job"])
        uploads.tell(upload)
        return
    uploads.accept(upload)


def _examine(upload: Upload) -> bool:
    ref = Ref.parse(upload.pool)
    try:
        found = images.examine(
            ref, upload.name, upload.size, Format(upload.format), is_trusted=upload.is_trusted
        )
        upload.facts = found.plain()
        upload.save(update_fields=["facts"])
        if not found.refusals:
            images.keep(ref, upload.name, found, image_locks.FIT)
            return True
    except errors.NotFound as problem:
        uploads.refuse(upload, "gone", problem.detail)
        return False
    uploads.refuse(upload, found.refusals[0], found.names)
    return False


@works.carries("volume.check")
def _check(work: Work, arguments: Arguments) -> None:
    """Read the whole volume back and compare its checksum."""
    upload = Upload.objects.get(pk=arguments["upload"])
    work.undo("upload.check_again", upload=arguments["upload"])
    with work.step("checksum", upload.name):
        try:
            found = images.digest(
                Ref.parse(upload.pool),
                upload.name,
                upload.size,
                lambda done: work.report(done, upload.size),
            )
        except errors.Cancelled:
            uploads.refuse(upload, "cancelled", "")
            raise
        upload.facts = {**upload.facts, "sha256": found}
        if upload.sha256 and found != upload.sha256:
            uploads.refuse(upload, "checksum", found)
            raise errors.Invalid(f"SHA-256 is {found}")
    uploads.accept(upload)


@works.undoes("upload.check_again")
def _check_again(*, upload: str) -> None:
    """The host or the worker went away: the clock asks for another check."""
    Upload.objects.filter(pk=upload, state=UploadState.CHECKING).update(job=None)
