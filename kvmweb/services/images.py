"""Images: what a volume's header says, whether it may be used, and what can be installed from it.

libvirt and QEMU believe a header: one that names other files has them opened as root (measured).
So what comes from outside is read by our own eyes before anybody may use it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from kvmweb.core import errors, flows, topics, wire
from kvmweb.core import images as headers
from kvmweb.core.images import Facts, Format, Trouble
from kvmweb.core.images_facts import REFERENCES
from kvmweb.core.records import ImageSizes, PoolRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.hub import publisher
from kvmweb.services import systems, volumes
from kvmweb.services.guard import internal
from kvmweb.services.image_locks import REFUSED
from kvmweb.store.models import Image

log = logging.getLogger(__name__)

NOTED = frozenset({Trouble.HIDDEN_FORMAT})
"""Said, but no reason to refuse."""
TAKE_S = 60.0
GLANCE_S = 5.0
SWEPT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What an inspection found. refusals: why it is not taken; notes: what to know about it."""

    facts: Facts
    refusals: tuple[Trouble, ...]
    notes: tuple[Trouble, ...]
    system: str

    @property
    def names(self) -> str:
        """Of the other files that it would open."""
        facts = self.facts
        return ", ".join(filter(None, (facts.backing, facts.data_file, *facts.others)))[:500]

    def plain(self) -> dict[str, Any]:
        """As rows keep it."""
        return {
            **wire.to_plain(asdict(self.facts)),
            "refusals": list(self.refusals),
            "notes": list(self.notes),
            "system": self.system,
        }


@internal("a part of every way in")
def examine(
    ref: Ref, name: str, size: int, declared: Format, *, is_trusted: bool = False
) -> Finding:
    """Read the header of this volume of this pool. Raises what opening its stream raises."""
    facts = headers.inspect(first_bytes(ref, name, headers.FIRST, size), size)
    if facts.wants:
        facts = headers.inspect(first_bytes(ref, name, facts.wants, size), size)
    facts = replace(facts, troubles=(*facts.troubles, *_beside(ref, facts, declared)))
    allowed = REFERENCES if is_trusted else frozenset()
    refusals = tuple(t for t in facts.troubles if t not in NOTED and t not in allowed)
    notes = tuple(t for t in facts.troubles if t not in refusals)
    return Finding(facts, refusals, notes, _system(facts, name))


@internal("discs")
def glance(ref: Ref, name: str) -> Finding:
    """What the first sectors say: enough to know a disc, too little to let an image in."""
    size = measure(ref, name).size
    head = pieces(ref, name, length=min(headers.DISC, size), deadline_s=GLANCE_S)
    facts = headers.inspect(b"".join(head), size)
    return Finding(facts, (), (), _system(facts, name))


@internal("a part of every way in")
def keep(ref: Ref, name: str, finding: Finding, state: str) -> None:
    """Remember what was found."""
    sizes = measure(ref, name)
    Image.objects.update_or_create(
        pool=str(ref),
        name=name,
        defaults={
            "state": state,
            "seen": stamp(sizes.capacity, sizes.modified_at),
            "format": finding.facts.format,
            "system": finding.system,
            "facts": finding.plain(),
        },
    )
    tell(ref)


@internal("a part of every way in")
def stamp(capacity: int, modified_at: str) -> str:
    """Of a volume as it is now: another one when another file bears its name."""
    return f"{capacity}:{modified_at}"


@internal("a part of every way in")
def tell(ref: Ref) -> None:
    """What is known of the images in this pool changed."""
    publisher.publish(topics.Notice(topics.VOLUMES, str(ref)))


@internal("a part of every way in")
def lock(ref: Ref, name: str, size: int) -> None:
    """It was refused, but is still there: nobody uses it. size: by which it is known again."""
    Image.objects.update_or_create(
        pool=str(ref), name=name, defaults={"state": REFUSED, "seen": str(size)}
    )
    tell(ref)


@internal("the clockwork")
def sweep() -> None:
    """Delete what was refused while its host was away, or while somebody still wrote to it."""
    for image in Image.objects.filter(state=REFUSED).order_by("looked_at")[:SWEPT]:
        ref = Ref.parse(image.pool)
        try:
            if str(measure(ref, image.name).size) == image.seen:
                discard(ref, image.name)
            else:
                image.delete()  # another volume of that name by now
        except errors.NotFound:
            image.delete()
        except errors.Problem as problem:
            log.info("%s stays locked: %s", image, problem.detail)
            image.save(update_fields=["looked_at"])


@internal("a part of every way in and out")
def measure(ref: Ref, name: str) -> ImageSizes:
    """The sizes of this volume as its host says now. Raises NotFound, WrongState, HostDown."""
    said = client.call(ref.host, "volume.measure", uuid=ref.id, name=name)
    return wire.from_plain(ImageSizes, said)


@internal("a part of every way in")
def discard(ref: Ref, name: str) -> None:
    """Delete this volume, wherever it stands. Raises Busy, WrongState, HostDown."""
    with contextlib.suppress(errors.NotFound):
        client.call(ref.host, "volume.delete", uuid=ref.id, name=name, force=True)
    Image.objects.filter(pool=str(ref), name=name).delete()
    tell(ref)


@internal("a part of every way in")
def first_bytes(ref: Ref, name: str, count: int, size: int) -> bytes:
    """The beginning of the volume."""
    return b"".join(pieces(ref, name, length=min(count, size)))


@internal("a part of every way in")
def digest(ref: Ref, name: str, size: int, report: Callable[[int], None]) -> str:
    """SHA-256 of what is stored, read back: what arrived is what counts. May be cancelled."""
    found, done, said = hashlib.sha256(), 0, 0
    for piece in pieces(ref, name, length=size):
        found.update(piece)
        done += len(piece)
        if done - said > 16 * 1024 * 1024:
            report(done)
            said = done
    return found.hexdigest()


@internal("a part of every way in")
def pieces(
    ref: Ref, name: str, *, length: int, deadline_s: float | None = None
) -> Iterator[bytes | memoryview]:
    """The volume's data, holes as zeros. Raises the problem that ended it early.

    deadline_s: for all of it; without, for the next of it.
    """
    if not length:
        return
    line, _ = client.take(
        ref.host, "volume.download", uuid=ref.id, name=name, offset=0, length=length
    )
    frames = flows.Frames()
    until = time.monotonic() + deadline_s if deadline_s else None
    with line:
        while frames.verdict is None:
            line.settimeout(max(0.001, until - time.monotonic()) if until else TAKE_S)
            try:
                came = line.recv(1024 * 1024)
            except OSError as error:
                raise errors.HostDown(str(error), host=ref.host) from error
            if not came:
                raise errors.HostDown("the worker went away", host=ref.host)
            for piece in frames.feed(came):
                if isinstance(piece, int):
                    yield from _zeros(piece)
                else:
                    yield piece
    frames.verdict.or_raise()


def _zeros(count: int) -> Iterator[bytes]:
    whole, rest = divmod(count, len(flows.ZEROS))
    for _ in range(whole):
        yield flows.ZEROS
    yield flows.ZEROS[:rest]


def _beside(ref: Ref, facts: Facts, declared: Format) -> Iterator[Trouble]:
    """What only shows beside the wish and the pool."""
    if declared is Format.RAW and facts.format not in ("raw", "iso"):
        yield Trouble.HIDDEN_FORMAT
    elif declared not in (Format.AUTO, Format.RAW) and declared != facts.format:
        yield Trouble.OTHER_FORMAT
    pool = wire.from_plain(PoolRecord, volumes.pool_row(ref).record)
    if pool.capacity and facts.virtual_size > pool.capacity:
        yield Trouble.TOO_LARGE


def _system(facts: Facts, name: str) -> str:
    found = systems.detect(facts.disc) if facts.disc else None
    found = found or systems.guess(name)
    return found.system.id if found else ""
