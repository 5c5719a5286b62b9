"""libguestfs by its C interface: the few calls that looking takes, with names as plain bytes.

Not by its Python module: that belongs to the distribution's Python alone, and cannot give a name
that is no UTF-8. The interface of libguestfs.so.0 is promised to stay
(https://libguestfs.org/guestfs.3.html#abi-guarantee). Only the process of a look loads it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmweb.core import errors

LIBRARY = "libguestfs.so.0"
PLACES = ("lib/*/", "lib64/", "lib/", "local/lib/", "local/lib64/")
READER = "qemu-storage-daemon"
"""Turns an image's format into plain bytes."""
_READONLY, _FORMAT, _PROTOCOL, _SERVER = 1 << 0, 1 << 1, 1 << 5, 1 << 6
_QUIT, _PROGRESS = 0x0002, 0x0008
Progress = Callable[[int, int], None]


class _Statns(Structure):
    _fields_ = [
        (name, c_int64)
        for name in (
            "dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blksize", "blocks",
            "atime", "atime_nsec", "mtime", "mtime_nsec", "ctime", "ctime_nsec",
            "spare1", "spare2", "spare3", "spare4", "spare5", "spare6",
        )
    ]  # fmt: skip


class _StatnsList(Structure):
    _fields_ = [("len", c_uint32), ("val", POINTER(_Statns))]


class _Statvfs(Structure):
    _fields_ = [
        (name, c_int64)
        for name in (
            "bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "fsid",
            "flag", "namemax",
        )
    ]  # fmt: skip


class _Drive(Structure):
    _fields_ = [
        ("bitmask", c_uint64), ("readonly", c_int), ("format", c_char_p), ("iface", c_char_p),
        ("name", c_char_p), ("label", c_char_p), ("protocol", c_char_p),
        ("server", POINTER(c_char_p)), ("username", c_char_p), ("secret", c_char_p),
        ("cachemode", c_char_p), ("discard", c_char_p), ("copyonread", c_int),
        ("blocksize", c_int),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(
    None, c_void_p, c_void_p, c_uint64, c_int, c_int, c_void_p, c_size_t, POINTER(c_uint64),
    c_size_t,
)  # fmt: skip
_SIGNATURES: dict[str, tuple[Any, Any]] = {
    "create": (c_void_p, ()),
    "close": (None, ()),
    "set_error_handler": (None, (c_void_p, c_void_p)),
    "last_error": (c_char_p, ()),
    "set_memsize": (c_int, (c_int,)),
    "set_smp": (c_int, (c_int,)),
    "set_event_callback": (c_int, (_CALLBACK, c_uint64, c_int, c_void_p)),
    "add_drive_opts_argv": (c_int, (c_char_p, POINTER(_Drive))),
    "launch": (c_int, ()),
    "list_filesystems": (POINTER(c_void_p), ()),
    "list_partitions": (POINTER(c_void_p), ()),
    "list_devices": (POINTER(c_void_p), ()),
    "vfs_type": (c_void_p, (c_char_p,)),
    "vfs_label": (c_void_p, (c_char_p,)),
    "vfs_uuid": (c_void_p, (c_char_p,)),
    "blockdev_getsize64": (c_int64, (c_char_p,)),
    "mount_options": (c_int, (c_char_p, c_char_p, c_char_p)),
    "umount_all": (c_int, ()),
    "statvfs": (POINTER(_Statvfs), (c_char_p,)),
    "statns": (POINTER(_Statns), (c_char_p,)),
    "ls0": (c_int, (c_char_p, c_char_p)),
    "lstatnslist": (POINTER(_StatnsList), (c_char_p, POINTER(c_char_p))),
    "readlinklist": (POINTER(c_void_p), (c_char_p, POINTER(c_char_p))),
    "pread": (c_void_p, (c_char_p, c_int, c_int64, POINTER(c_size_t))),
    "free_statvfs": (None, None),
    "free_statns": (None, None),
    "free_statns_list": (None, None),
}


@dataclass(frozen=True, slots=True)
class Stat:
    """What an inode says. mtime: seconds since the epoch."""

    ino: int
    mode: int
    size: int
    mtime: int
    uid: int
    gid: int


def is_here() -> bool:
    """Whether this machine has the library, and the program that reads images for it."""
    return bool(shutil.which(READER)) and any(
        found.exists() for place in PLACES for found in Path("/usr").glob(place + LIBRARY)
    )


def has_kvm() -> bool:
    """Whether this machine's processor, kernel and permissions let an appliance run unemulated."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    is_fit = os.uname().machine == "aarch64" or bool(flags & {"vmx", "svm"})
    return is_fit and os.access("/dev/kvm", os.R_OK | os.W_OK)


class Handle:
    """One appliance. Whoever calls from several threads takes turns.

    Raises: Fault, with libguestfs's own words, from every call.
    """

    def __init__(self, *, memory_mib: int) -> None:
        self._lib = ctypes.CDLL(LIBRARY)
        self._libc = ctypes.CDLL(None)
        self._libc.free.argtypes = (c_void_p,)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, f"guestfs_{name}")
            function.restype = result
            if name.startswith("free_"):
                function.argtypes = (c_void_p,)
            elif name != "create":
                function.argtypes = (c_void_p, *arguments)
        self._handle = c_void_p(self._lib.guestfs_create())
        if not self._handle:
            raise errors.Fault("libguestfs gives no handle")
        self._lib.guestfs_set_error_handler(self._handle, None, None)
        self._done("set_memsize", memory_mib)
        self._done("set_smp", 1)
        self._told: Any = None
        self.is_gone = False
        """Its machine has ended; nothing can be asked any more."""

    def add(self, socket_path: str) -> None:
        """The disk that is served there, to be read only."""
        server = (c_char_p * 2)(f"unix:{socket_path}".encode(), None)
        drive = _Drive(
            bitmask=_READONLY | _FORMAT | _PROTOCOL | _SERVER,
            readonly=1,
            format=b"raw",
            protocol=b"nbd",
            server=server,
        )
        self._done("add_drive_opts_argv", b"", ctypes.byref(drive))

    def launch(self, progress: Progress) -> None:
        """Boot it: a quarter of a minute where the processor is emulated."""

        def tell(
            _g: Any, _opaque: Any, event: int, _id: Any, _flags: Any, _text: Any, _length: Any,
            numbers: Any, count: int,
        ) -> None:  # fmt: skip
            if event == _QUIT:
                self.is_gone = True
            elif count >= 4:
                progress(int(numbers[2]), int(numbers[3]))

        self._told = _CALLBACK(tell)
        self._done("set_event_callback", self._told, _QUIT | _PROGRESS, 0, None)
        self._done("launch")

    def file_systems(self) -> dict[str, str]:
        """Device to what libguestfs takes it for; `unknown`, `swap` and the like among them."""
        found = self._strings("list_filesystems")
        pairs = zip(found[::2], found[1::2], strict=True)
        return {device.decode(): kind.decode("ascii", "replace") for device, kind in pairs}

    def partitions(self) -> list[str]:
        """Of all disks, as devices."""
        return [device.decode() for device in self._strings("list_partitions")]

    def kind(self, device: str) -> str:
        """What is on it, by its signature."""
        return self._string("vfs_type", device.encode()).decode("ascii", "replace")

    def label(self, device: str) -> bytes:
        """What its maker called it."""
        return self._string("vfs_label", device.encode())

    def uuid(self, device: str) -> bytes:
        """As the file system says it."""
        return self._string("vfs_uuid", device.encode())

    def size(self, device: str) -> int:
        """Bytes of the device."""
        return self._number("blockdev_getsize64", device.encode())

    def mount(self, device: str) -> None:
        """At the root of the appliance, to be read only, instead of what is there."""
        self._done("umount_all")
        self._done("mount_options", b"ro,nodev,nosuid,noexec", device.encode(), b"/")

    def fill(self) -> tuple[int, int]:
        """Bytes used and all of the file system that is mounted."""
        with self._struct("statvfs", b"/") as found:
            unit = found.frsize or found.bsize
            return unit * max(0, found.blocks - found.bfree), unit * found.blocks

    def stat(self, path: bytes) -> Stat:
        """Of what is there at last: links are followed, inside of the appliance."""
        with self._struct("statns", path) as found:
            return _stat(found)

    def names(self, folder: bytes, pipe: str) -> None:
        """All names in it, each with a zero behind it, into this pipe."""
        self._done("ls0", folder, pipe.encode())

    def stats(self, folder: bytes, names: list[bytes]) -> list[Stat]:
        """Of these names themselves, links not followed; ino -1 for one that has none."""
        listed = (c_char_p * (len(names) + 1))(*names, None)
        with self._struct("lstatnslist", folder, listed) as found:
            return [_stat(found.val[number]) for number in range(found.len)]

    def targets(self, folder: bytes, names: list[bytes]) -> list[bytes]:
        """Where these links lead, as they say it; empty for what is none."""
        listed = (c_char_p * (len(names) + 1))(*names, None)
        return self._strings("readlinklist", folder, listed)

    def read(self, path: bytes, start: int, count: int) -> bytes:
        """So many bytes of a file, fewer at its end."""
        size = c_size_t()
        found = self._call("pread", path, count, start, ctypes.byref(size))
        try:
            return ctypes.string_at(found, size.value)
        finally:
            self._libc.free(found)

    def _call(self, name: str, *arguments: Any) -> Any:
        result = getattr(self._lib, f"guestfs_{name}")(self._handle, *arguments)
        if not result:
            raise self._problem(name)
        return result

    def _done(self, name: str, *arguments: Any) -> None:
        if getattr(self._lib, f"guestfs_{name}")(self._handle, *arguments) < 0:
            raise self._problem(name)

    def _number(self, name: str, *arguments: Any) -> int:
        found = int(getattr(self._lib, f"guestfs_{name}")(self._handle, *arguments))
        if found < 0:
            raise self._problem(name)
        return found

    def _string(self, name: str, *arguments: Any) -> bytes:
        found = self._call(name, *arguments)
        try:
            return ctypes.string_at(found)
        finally:
            self._libc.free(found)

    def _strings(self, name: str, *arguments: Any) -> list[bytes]:
        found = self._call(name, *arguments)
        listed: list[bytes] = []
        while item := found[len(listed)]:
            listed.append(ctypes.string_at(item))
            self._libc.free(item)
        self._libc.free(ctypes.cast(found, c_void_p))
        return listed

    @contextmanager
    def _struct(self, name: str, *arguments: Any) -> Iterator[Any]:
        found = self._call(name, *arguments)
        kind = {"lstatnslist": "statns_list"}.get(name, name)
        try:
            yield found.contents
        finally:
            getattr(self._lib, f"guestfs_free_{kind}")(ctypes.cast(found, c_void_p))

    def _problem(self, name: str) -> errors.Problem:
        said = self._lib.guestfs_last_error(self._handle) or b""
        return errors.Fault(f"{name}: {said.decode('utf-8', 'backslashreplace')[:400]}")


def _stat(found: _Statns) -> Stat:
    return Stat(found.ino, found.mode, found.size, found.mtime, found.uid, found.gid)
