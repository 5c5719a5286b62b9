"""The virsh lines that change the devices of a guest."""

from __future__ import annotations

from kvmweb.core.details import GuestDetails
from kvmweb.core.records import DiskRecord
from kvmweb.ui import commands


def insert(details: GuestDetails, drive: DiskRecord, path: str = "IMAGE.iso") -> str:
    """Another medium into the drive."""
    word = "--update" if drive.source else "--insert"
    return _line(details, "change-media", drive.target, path, word)


def eject(details: GuestDetails, drive: DiskRecord) -> str:
    """No medium in the drive."""
    return _line(details, "change-media", drive.target, "--eject")


def _line(details: GuestDetails, verb: str, *words: str) -> str:
    record = details.record
    scope = ["--live"] if record.state.is_active else []
    scope += ["--config"] if record.is_persistent else []
    guest = commands.guest_word(record.name, record.uuid)
    return commands.virsh(details.host.uri, verb, guest, *words, *scope)
