"""Downloads: what a volume's data would be, and a descriptor that brings it, from any place on."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from kvmweb.core import errors, tokens, wire
from kvmweb.core.actors import Actor
from kvmweb.core.records import VolumeRecord
from kvmweb.core.refs import Ref
from kvmweb.hostlink import client
from kvmweb.services import audit, image_locks, images, uploads, volumes
from kvmweb.services.guard import guarded
from kvmweb.store.models import TransferTicket

_SUFFIXES = {"iso": ".iso", "qcow2": ".qcow2", "vmdk": ".vmdk", "vdi": ".vdi", "vhdx": ".vhdx"}


@dataclass(frozen=True, slots=True)
class Download:
    """One volume's data as it is now. etag: another one when the data may be others."""

    name: str
    size: int
    etag: str
    format: str


@guarded("volume.download", is_audited=False)
def measure(actor: Actor, ref: Ref, volume: UUID) -> Download:
    """What a download of this volume of this pool would be.

    Raises: NotFound, Busy (it is still coming in), WrongState, HostDown.
    """
    record = _record(ref, volume)
    image_locks.require_fit(ref, record.name)
    sizes = images.measure(ref, record.name)
    said = (sizes.key, sizes.size, sizes.capacity, sizes.allocation, sizes.modified_at)
    etag = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    return Download(_file_name(record), sizes.size, f'"{etag}"', record.format)


@guarded("volume.download", is_audited=False)
def open_(actor: Actor, ref: Ref, volume: UUID, offset: int, length: int) -> socket.socket:
    """A descriptor of frames (`core.flows`) with these bytes. Raises as `measure`.

    Written to the audit before a byte leaves.
    """
    record = _record(ref, volume)
    image_locks.require_fit(ref, record.name)
    audit.note(actor, "volume.download", ref, name=record.name, offset=offset, length=length)
    line, _ = client.take(
        ref.host, "volume.download", uuid=ref.id, name=record.name, offset=offset, length=length
    )
    return line


@guarded("volume.download", is_audited=False)
def ticket(actor: Actor, ref: Ref, volume: UUID) -> str:
    """A secret for a command line: this volume, for an hour, while the session stands."""
    record = _record(ref, volume)
    secret = tokens.fresh()
    TransferTicket.objects.create(
        token_hash=tokens.fingerprint(secret),
        person_id=actor.person_id,
        session=actor.session,
        way="down",
        pool=str(ref),
        name=record.name,
        expires_at=timezone.now() + uploads.COMMAND_LASTS,
    )
    return secret


def _record(ref: Ref, volume: UUID) -> VolumeRecord:
    row = volumes.volume_row(ref, str(volume))
    record = wire.from_plain(VolumeRecord, row.record)
    if record.type == "dir":
        raise errors.NotSupported("a folder has no data of its own")
    return record


def _file_name(record: VolumeRecord) -> str:
    """What it should be called elsewhere: its name, with the suffix that tells what it is."""
    suffix = _SUFFIXES.get(record.format, "")
    name = record.name.rpartition("/")[2]
    return name if "." in name or not suffix else name + suffix
