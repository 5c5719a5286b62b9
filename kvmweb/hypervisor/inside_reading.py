"""File systems, folders and files of a disk, through an appliance that has it.

Runs in the process of a look. Devices and paths come from people: a device is only one of those
that were found, and a path is walked inside of the appliance alone.
"""

from __future__ import annotations

import heapq
import os
import re
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kvmweb.core import errors, inside
from kvmweb.core.inside import Entry, File, FileSystem, Folder
from kvmweb.hypervisor.guestfs import Handle, Stat

ENTRIES_MAX = 500
"""Names of a folder that are shown, the first by name; the rest is counted."""
NAME_MAX = 4096
DEVICES_MAX = 64
LABEL_MAX = 120
PIECE = 1024 * 1024
"""Of a file at once: libguestfs allows 4 MiB."""
CLOSED = frozenset({"", "unknown", "swap"})
"""What libguestfs lists among file systems, but cannot be opened."""


class Reader:
    """What is asked of a look. Calls take turns."""

    def __init__(self, handle: Handle, folder: str) -> None:
        self._handle = handle
        self._pipe = f"{folder}/names"
        self._devices: dict[str, FileSystem] = {}
        self._mounted = ""

    @property
    def is_gone(self) -> bool:
        """What it read with has ended: what a guest wrote may crash the kernel that mounts it."""
        return self._handle.is_gone

    def open(self) -> tuple[FileSystem, ...]:
        """Find out what is there; each file system is opened once, to see how full it is."""
        known = self._handle.file_systems()
        devices = dict.fromkeys([*self._handle.partitions(), *known])
        for device in list(devices)[:DEVICES_MAX]:
            self._devices[device] = self._look(device, known.get(device, ""))
        return tuple(sorted(self._devices.values(), key=lambda it: _in_order(it.device)))

    def folder(self, device: str, place: str) -> Folder:
        """What is in this folder. Raises NotFound, Invalid, NotSupported."""
        path = inside.path(place)
        self._mount(device)
        if not stat.S_ISDIR(self._stat(path).mode):
            raise errors.Invalid("not a folder")
        names, more = self._names(path)
        return Folder(inside.text(path), tuple(self._entries(path, names)), more)

    def file(self, device: str, place: str) -> File:
        """A file that can be downloaded; links are followed. Raises NotFound, Invalid."""
        path = inside.path(place)
        self._mount(device)
        found = self._stat(path)
        if not stat.S_ISREG(found.mode):
            raise errors.Invalid("not a file")
        return File(inside.text(path), found.size, found.mtime)

    def piece(self, device: str, place: str, start: int, most: int) -> bytes:
        """A part of it. Raises as `file`: a pipe or device in its place is never opened."""
        self.file(device, place)
        return self._handle.read(inside.path(place), start, min(most, PIECE))

    def _look(self, device: str, kind: str) -> FileSystem:
        handle, found = self._handle, FileSystem(device, kind or "unknown", 0)
        try:
            if not device.startswith("btrfsvol:"):
                found = replace(found, size=handle.size(device))
            if kind in CLOSED:
                found = replace(found, kind=handle.kind(device) or found.kind)
            label, uuid = _label(handle.label(device)), _label(handle.uuid(device))
            found = replace(found, label=label, uuid=uuid)
        except errors.Fault:
            if handle.is_gone:
                raise
            return found
        return self._filled(found) if found.kind not in CLOSED else found

    def _filled(self, found: FileSystem) -> FileSystem:
        """With its fill where it can be opened; broken and encrypted ones stay closed."""
        try:
            self._handle.mount(found.device)
            self._mounted = found.device
            used, total = self._handle.fill()
        except errors.Fault:
            self._mounted = ""
            if self._handle.is_gone:
                raise
            return found
        return replace(found, used=used, total=total, is_open=True)

    def _mount(self, device: str) -> None:
        known = self._devices.get(device)
        if known is None:
            raise errors.NotFound("no such file system")
        if not known.is_open:
            raise errors.NotSupported("this file system cannot be opened")
        if self._mounted != device:
            self._mounted = ""
            self._handle.mount(device)
            self._mounted = device

    def _stat(self, path: bytes) -> Stat:
        try:
            return self._handle.stat(path)
        except errors.Fault as problem:
            raise errors.NotFound(problem.detail) from problem

    def _names(self, path: bytes) -> tuple[list[bytes], int]:
        """The first by name, and how many more: a folder of millions costs no more memory."""
        Path(self._pipe).unlink(missing_ok=True)
        os.mkfifo(self._pipe, 0o600)
        found: list[bytes] = []
        counted = [0]

        def read() -> None:
            with open(self._pipe, "rb") as pipe:
                found.extend(heapq.nsmallest(ENTRIES_MAX, _counting(_split(pipe), counted)))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            self._handle.names(path, self._pipe)
        finally:
            _release(self._pipe)
            reader.join()
        return found, counted[0] - len(found)

    def _entries(self, path: bytes, names: list[bytes]) -> Iterator[Entry]:
        if not names:
            return
        stats = self._handle.stats(path, names)
        links = [
            name
            for name, found in zip(names, stats, strict=True)
            if found.ino != -1 and stat.S_ISLNK(found.mode)
        ]
        targets = dict(zip(links, self._handle.targets(path, links), strict=True)) if links else {}
        for name, found in zip(names, stats, strict=True):
            is_known = found.ino != -1
            yield Entry(
                name=inside.text(name),
                mode=found.mode if is_known else 0,
                size=found.size if is_known else 0,
                modified_at=found.mtime if is_known else 0,
                owner=found.uid,
                group=found.gid,
                target=inside.text(targets.get(name, b""))[:NAME_MAX],
            )


def _split(pipe: object) -> Iterator[bytes]:
    """Names with a zero behind each; one that is longer than any can be is cut."""
    rest = b""
    while piece := pipe.read(65536):  # type: ignore[attr-defined]
        *whole, rest = (rest + piece).split(b"\0")
        yield from (name[:NAME_MAX] for name in whole if name not in (b"", b".", b".."))
        rest = rest[:NAME_MAX]


def _counting(names: Iterator[bytes], counted: list[int]) -> Iterator[bytes]:
    for name in names:
        counted[0] += 1
        yield name


def _release(pipe: str) -> None:
    """Where libguestfs never opened its end, whoever reads would wait for ever."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return


def _in_order(device: str) -> list[tuple[int, str]]:
    """sda2 before sda10."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", device)]


def _label(said: bytes) -> str:
    return inside.text(said)[:LABEL_MAX]
