"""Fetch an image from a URL into a pool, as a job: through the portal, never by the host itself."""

from __future__ import annotations

import hashlib
import http.client
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import UUID

from kvmweb.access import judge
from kvmweb.core import errors, flows, refs
from kvmweb.core.actors import Actor
from kvmweb.core.images import Format
from kvmweb.core.jobs import JobState, JobStep
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import Fetch, UploadRecord, UploadState, Wish
from kvmweb.hostlink import client
from kvmweb.services import fetch_line, image_locks, images, jobs, uploads, works
from kvmweb.services.fetch_line import Source
from kvmweb.services.guard import guarded, sifted
from kvmweb.services.works import Arguments, Work
from kvmweb.store.models import Upload

PIECE = 256 * 1024
REPORT_EVERY = 8 * 1024 * 1024
VERDICT_S = 120.0


@dataclass(frozen=True, slots=True)
class FetchWish:
    """url: http, https or ftp. name: of the volume; empty takes the URL's own."""

    url: str
    name: str = ""
    format: Format = Format.AUTO
    sha256: str = ""
    is_trusted: bool = False

    @property
    def volume(self) -> str:
        """What the volume will be called."""
        return self.name or unquote(urlsplit(self.url).path.rpartition("/")[2])


@sifted("volume.upload")
def mine(actor: Actor) -> list[Fetch]:
    """One's own of the last day, into any pool, but those that were put away."""
    found = Upload.objects.filter(person_id=actor.person_id, facts__has_key="url")
    rows = found.order_by("created_at").prefetch_related("parts")
    may = judge.reach(actor, "volume.upload")
    records = [uploads.record(row) for row in rows]
    return [Fetch(it, _step(actor, it)) for it in records if may.covers(it.pool)]


def _step(actor: Actor, upload: UploadRecord) -> JobStep | None:
    if upload.job is None or upload.state is not UploadState.CHECKING:
        return None
    try:
        steps = jobs.show(actor, upload.job).steps
    except errors.NotFound:
        return None
    return next((step for step in steps if step.state is JobState.RUNNING), None)


@guarded("volume.upload", is_audited=False)
def begin(actor: Actor, ref: Ref, wish: FetchWish) -> UUID:
    """The job that fetches it. Raises Invalid, Conflict, Quota, Denied, WrongState."""
    try:
        fetch_line.check(wish.url)
    except errors.Invalid as invalid:
        raise errors.Invalid(fields={"url": invalid.detail}) from invalid
    name = wish.volume
    known = Wish(name, 1, wish.format, "", wish.sha256, bool(wish.sha256), wish.is_trusted)
    facts = {"url": _shown(wish.url)}
    upload = uploads.claim(actor, ref, known, UploadState.CHECKING, facts=facts)
    steps = [works.waiting(word, name) for word in ("reach", "fetch", "inspect")]
    job = jobs.ask(
        actor, "volume.fetch", steps, about=refs.volume(ref.host, ref.id, upload.name),
        called=upload.name, upload=str(upload.pk), url=wish.url,
    )  # fmt: skip
    Upload.objects.filter(pk=upload.pk).update(job=job)
    uploads.tell(upload)
    return job


def _shown(url: str) -> str:
    """An address as others may read it: a signature or token in its query is a key to the file."""
    plain, mark, _query = url.partition("?")
    return f"{plain}?…" if mark else plain


@works.carries("volume.fetch")
def _fetch(work: Work, arguments: Arguments) -> None:
    upload = Upload.objects.get(pk=arguments["upload"])
    work.undo("fetch.give_up", upload=arguments["upload"])
    try:
        work.require("volume.upload", Ref.parse(upload.pool))
        _carry(work, upload, arguments["url"])
    except errors.Problem as problem:
        code = "cancelled" if isinstance(problem, errors.Cancelled) else problem.code
        code = "full" if isinstance(problem, errors.Quota) else code
        if Upload.objects.filter(pk=upload.pk, state=UploadState.CHECKING).exists():
            uploads.refuse(upload, code, problem.detail)
        raise


@works.undoes("fetch.give_up")
def _give_up(*, upload: str) -> None:
    """What a worker that died has left."""
    found = Upload.objects.filter(pk=upload, state=UploadState.CHECKING).first()
    if found is not None:
        uploads.refuse(found, "interrupted", "")


def _carry(work: Work, upload: Upload, url: str) -> None:
    ref = Ref.parse(upload.pool)
    with work.step("reach", _shown(url)[:200]):
        entered = fetch_line.opened(url)
        source = entered.__enter__()
    try:
        with work.step("fetch", upload.name):
            uploads.prepare(ref, upload, source.size)
            found = _move(work, ref, upload, source)
    finally:
        entered.__exit__(None, None, None)
    if upload.sha256 and found != upload.sha256:
        uploads.refuse(upload, "checksum", found)
        raise errors.Invalid(f"SHA-256 is {found}")
    with work.step("inspect", upload.name):
        seen = images.examine(
            ref, upload.name, upload.size, Format(upload.format), is_trusted=upload.is_trusted
        )
        upload.facts = {**upload.facts, **seen.plain(), "sha256": found}
        if seen.refusals:
            uploads.refuse(upload, seen.refusals[0], seen.names)
            raise errors.Invalid(f"refused: {', '.join(seen.refusals)} {seen.names}".strip())
        images.keep(ref, upload.name, seen, image_locks.FIT)
    uploads.accept(upload)


def _move(work: Work, ref: Ref, upload: Upload, source: Source) -> str:
    """Everything into the pool; its checksum on the way."""
    digest, done, said = hashlib.sha256(), 0, 0
    line, _ = client.take(
        ref.host, "volume.upload", uuid=ref.id, name=upload.name, offset=0, length=upload.size
    )
    with line:
        line.settimeout(VERDICT_S)
        try:
            while piece := _piece(source, upload.size - done):
                work.check()
                digest.update(piece)
                line.sendall(piece)
                done += len(piece)
                if done - said >= REPORT_EVERY or done == upload.size:
                    said = done
                    work.report(done, upload.size)
            line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the verdict says why
        moved = _verdict(line).or_raise()
    if moved != upload.size:
        raise errors.Busy(f"the connection broke off after {moved} of {upload.size} bytes")
    return digest.hexdigest()


def _piece(source: Source, left: int) -> bytes:
    """The next part; nothing at the end, or where more comes than was announced."""
    if left <= 0:
        return b""
    try:
        return source.some(min(PIECE, left))
    except (OSError, http.client.HTTPException) as error:
        raise errors.Busy(f"the connection broke off: {error}") from error


def _verdict(line: socket.socket) -> flows.Verdict:
    frames = flows.Frames()
    try:
        while frames.verdict is None:
            came = line.recv(65536)
            if not came:
                raise errors.HostDown("the worker went away")
            list(frames.feed(came))
    except OSError as error:
        raise errors.HostDown(str(error)) from error
    return frames.verdict
