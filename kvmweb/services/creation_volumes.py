"""The volumes of a creation: announced, made, filled, and taken back."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from kvmweb.core import flows
from kvmweb.core.creation import NewVolume
from kvmweb.core.errors import Busy, Conflict, HostDown, NotFound, Problem
from kvmweb.hostlink import client
from kvmweb.services import works
from kvmweb.services.marks import internal
from kvmweb.services.works import Work, undoes

MAKE_S = 600.0
SILENT_S = 60.0
PIECE = 256 * 1024

Report = Callable[[int, int], None]


@internal("a step of a creation")
def make(work: Work, host: str, volume: NewVolume) -> None:
    """One volume, announced first. Where the host says no, it has made none.

    Raises Conflict where what it grows from is not of the format any more that was looked at.
    """
    below: dict[str, Any] = {}
    if volume.backing:
        below = client.call(host, "volume.look", uuid=volume.backing_pool, name=volume.backing)
        if below["format"] != volume.backing_format:
            raise Conflict(f"{volume.backing} is {below['format']} now", name=volume.backing)
    work.undo("guest.drop_volume", host=host, pool=volume.pool, name=volume.name)
    try:
        client.call(
            host,
            "volume.create",
            deadline_s=MAKE_S,
            uuid=volume.pool,
            name=volume.name,
            capacity=volume.size,
            image_format=volume.format,
            backing=below.get("path", ""),
            backing_format=volume.backing_format,
        )
    except (HostDown, Busy):
        raise
    except Problem:
        work.withdraw()
        raise
    works.never_made(host, volume.pool, volume.name)


@internal("a step of a creation")
def fill(
    host: str, volume: NewVolume, content: BinaryIO, length: int, report: Report | None = None
) -> None:
    """Write so many bytes into it. Raises the problem that ended it."""
    flow, _said = client.take(
        host, "volume.upload", uuid=volume.pool, name=volume.name, offset=0, length=length
    )
    frames = flows.Frames()
    with flow:
        flow.settimeout(SILENT_S)
        try:
            sent = 0
            read = getattr(content, "read1", content.read)  # what is there, not all of it
            while sent < length and (piece := read(min(PIECE, length - sent))):
                flow.sendall(piece)
                sent += len(piece)
                if report:
                    report(sent, length)
            flow.shutdown(socket.SHUT_WR)
            while frames.verdict is None and (piece := flow.recv(65536)):
                for _part in frames.feed(piece):
                    pass
        except OSError as error:
            raise HostDown(str(error), host=host) from error
    if frames.verdict is None:
        raise HostDown(host=host)
    if frames.verdict.or_raise() < length:
        raise Busy("the source ended early")


@internal("a step of a creation")
def fill_with(host: str, volume: NewVolume, content: bytes) -> None:
    """As `fill`, with what is at hand."""
    fill(host, volume, io.BytesIO(content), len(content))


@internal("a step of a creation, and its undoing")
def drop(host: str, pool: str, name: str) -> None:
    """Delete what was made; it may be gone."""
    with suppress(NotFound):
        client.call(host, "volume.delete", deadline_s=MAKE_S, uuid=pool, name=name, force=True)


@undoes("guest.drop_volume")
def _drop(*, host: str, pool: str, name: str) -> None:
    drop(host, pool, name)
