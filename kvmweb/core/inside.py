"""What is found inside a disk: file systems, files, and names that a stranger chose.

A name on a disk is any bytes but zero and slash. Where we print one, send one or put one into an
address it is text in which every byte that is no printable UTF-8 stands as `\\xHH`, and a backslash
as two: so each name has exactly one text, and each text at most one name.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from kvmweb.core import errors
from kvmweb.core.offers import Obstacle
from kvmweb.core.refs import Ref

PATH_MAX = 4096
NAME_MAX = 255
FORMATS = {"raw": "raw", "iso": "raw", "luks": "raw", "qcow2": "qcow2"}
"""What a disk may be said to be, and what then reads it: one file each, that names others in its
header alone."""
SORTS = ("name", "size", "modified")
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")


class LookState(StrEnum):
    """Of a look into one disk. NONE: nobody looks."""

    NONE = "none"
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One partition, logical volume or whole disk, and what is on it.

    device: as the appliance calls it; only these names are ever sent back to it. kind: ext4, xfs,
    swap, crypto_LUKS, LVM2_member, unknown, …  used: bytes, None where it could not be mounted.
    """

    device: str
    kind: str
    size: int
    label: str = ""
    uuid: str = ""
    used: int | None = None
    total: int | None = None
    is_open: bool = False
    """Its files can be listed."""

    @property
    def percent(self) -> float | None:
        """How full it is."""
        if self.used is None or not self.total:
            return None
        return 100 * min(1.0, self.used / self.total)


@dataclass(frozen=True, slots=True)
class Look:
    """How far a look is. done, total: steps of starting. problem: why it ended, a code."""

    state: LookState = LookState.NONE
    is_able: bool = True
    """The machine that would look has what it takes."""
    done: int = 0
    total: int = 0
    problem: str = ""
    detail: str = ""
    file_systems: tuple[FileSystem, ...] = ()
    began_at: float | None = None
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. name, target: as text, see above. size: bytes as its inode says."""

    name: str
    mode: int
    size: int
    modified_at: int
    owner: int
    group: int
    target: str = ""

    @property
    def is_folder(self) -> bool:
        """It can be gone into."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """It has data to be downloaded."""
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        """It names another place of the same file system."""
        return stat.S_ISLNK(self.mode)

    @property
    def mode_text(self) -> str:
        """As `ls -l` prints it."""
        return stat.filemode(self.mode)


@dataclass(frozen=True, slots=True)
class Folder:
    """What is in one folder. left_out: how many more names there are than `entries` has."""

    path: str
    entries: tuple[Entry, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """One file to be downloaded."""

    path: str
    size: int
    modified_at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a look is shown: a folder of one of its file systems, in an order."""

    device: str = ""
    path: str = "/"
    sort: str = "name"
    is_descending: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Choice:
        """What an address says; what it cannot mean is as if it were not there."""
        sort = query.get("sort", "")
        column = sort.removeprefix("-")
        return cls(
            device=query.get("fs", "")[:NAME_MAX],
            path=query.get("path", "")[: 4 * PATH_MAX] or "/",
            sort=column if column in SORTS else "name",
            is_descending=column in SORTS and sort.startswith("-"),
        )

    def query(self) -> str:
        """As an address says it."""
        said = {"fs": self.device, "path": self.path}
        if self.sort != "name" or self.is_descending:
            said["sort"] = ("-" if self.is_descending else "") + self.sort
        return urlencode(said)


@dataclass(frozen=True, slots=True)
class Place:
    """One disk to look into. ref: of the guest or pool that it was named by; verb: the right.

    which: the disk's target, or the volume's id. format: what its owner says it is, never guessed.
    chain: the images below it, by path. obstacle: why nobody can look now.
    """

    ref: Ref
    verb: str
    which: str
    title: str
    owner: str
    pool: str
    volume: Ref
    name: str
    path: str
    format: str
    chain: tuple[str, ...]
    obstacle: Obstacle = Obstacle.NONE

    @property
    def image(self) -> dict[str, Any]:
        """What the worker is asked for: who looks at it in another way looks at something else."""
        return {
            "uuid": self.pool,
            "name": self.name,
            "image_format": self.format,
            "chain": list(self.chain),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A place and what is seen of it. wanted: what of it was asked for."""

    place: Place
    look: Look
    wanted: Choice
    folder: Folder | None = None
    problem: str = ""
    """Why the folder is not there: a code of `core.errors`."""
    detail: str = ""
    may_read_details: bool = False


def text(name: bytes) -> str:
    """A name of the disk, as text on one line."""
    found = []
    for letter in name.decode("utf-8", "surrogateescape"):
        if letter == "\\":
            found.append("\\\\")
        elif letter.isprintable():
            found.append(letter)
        else:
            raw = letter.encode("utf-8", "surrogateescape")
            found.append("".join(f"\\x{byte:02x}" for byte in raw))
    return "".join(found)


def name(shown: str) -> bytes:
    """The bytes that this text means. Raises Invalid for a text that means none."""
    try:
        plain = shown.encode()
        out = bytearray()
        at = 0
        while at < len(plain):
            if plain[at : at + 1] != b"\\":
                out += plain[at : at + 1]
                at += 1
                continue
            found = _ESCAPE.match(plain[at : at + 4].decode("ascii", "replace"))
            if found is None:
                raise errors.Invalid("a backslash that means nothing")
            out += b"\\" if found[1] == "\\" else bytes([int(found[1][1:], 16)])
            at += 2 if found[1] == "\\" else 4
    except UnicodeEncodeError as error:
        raise errors.Invalid("no such name") from error
    if b"\0" in out or len(out) > PATH_MAX:
        raise errors.Invalid("no such name")
    return bytes(out)


def path(shown: str) -> bytes:
    """A place inside of a file system: absolute, without `.`, `..` and empty parts.

    Raises: Invalid.
    """
    found = name(shown or "/")
    parts = [part for part in found.split(b"/") if part]
    if not found.startswith(b"/") or b"." in parts or b".." in parts:
        raise errors.Invalid("no such place")
    return b"/" + b"/".join(parts)
