"""A newer osinfo database, from the archive that libosinfo publishes (osinfo-db-YYYYMMDD.tar.xz).

Only its XML files and its VERSION are taken. Nothing is unpacked as the archive says: each file is
read, checked and written to a place of our own, and all of them take the former ones' place at
once. The portal looks at the folder whenever it is asked, so the next answer has the new ones.
Source: https://releases.pagure.org/libosinfo/, osinfo-db-tools' osinfo-db-import.
"""

from __future__ import annotations

import io
import lzma
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Invalid
from kvmweb.definitions import osinfo
from kvmweb.services import audit, systems
from kvmweb.services.guard import guarded_portal

MIB = 1024**2
PACKED_MAX, WHOLE_MAX, MEMORY_MAX = 32 * MIB, 64 * MIB, 256 * MIB
"""Of the file, of what it holds, of what it takes to unpack it; version 20221203: 0.1 and 4 MiB."""
FILES_MAX = 10_000
_VERSION = re.compile(r"[0-9][\w.-]{0,30}", re.ASCII)
_PART = re.compile(r"\w[\w.+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came. new: systems that nothing knew before."""

    version: str
    count: int
    new: int


@guarded_portal("settings.change")
def take(actor: Actor, path: Path) -> Arrived:
    """Put this archive in the place of what was taken before. Raises Invalid."""
    files = _files(_unpacked(path))
    version = files.pop("VERSION", b"").decode("ascii", "replace").strip()
    if not _VERSION.fullmatch(version):
        raise Invalid(_("This is no osinfo database: it does not say its version."))
    found = osinfo.resolve(entry for name in sorted(files) for entry in _entries(name, files[name]))
    if not found:
        raise Invalid(_("This is no osinfo database: it knows no operating system."))
    new = sum(systems.get(short_id) is None for short_id in found)
    _put({**files, "VERSION": f"{version}\n".encode()})
    audit.tell("osinfo", "", act="osinfo", version=version)
    return Arrived(version, len(found), new)


def _unpacked(path: Path) -> bytes:
    """The tar archive in this file."""
    try:
        with path.open("rb") as file:
            packed = file.read(PACKED_MAX + 1)
    except OSError as error:
        said = _("%(file)s cannot be read: %(why)s.")
        raise Invalid(said % {"file": path, "why": error.strerror}) from error
    line = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MEMORY_MAX)
    try:
        whole = line.decompress(packed, WHOLE_MAX + 1)
    except lzma.LZMAError as error:
        raise Invalid(_("This is no archive of the kind .tar.xz, or it is damaged.")) from error
    if len(packed) > PACKED_MAX or len(whole) > WHOLE_MAX:
        raise Invalid(_("This archive is too large for an osinfo database."))
    if not line.eof:
        raise Invalid(_("This archive ends too early: it was not copied or loaded whole."))
    return whole


def _files(whole: bytes) -> dict[str, bytes]:
    """The content of its XML files and its VERSION, by path below the one folder at its top."""
    found: dict[str, bytes] = {}
    tops: set[str] = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
            for count, member in enumerate(tar):
                if count >= FILES_MAX:
                    raise Invalid(_("This archive is too large for an osinfo database."))
                top, *rest = _parts(member)
                tops.add(top)
                name = "/".join(rest)
                if member.isfile() and (name == "VERSION" or name.endswith(".xml")):
                    content = tar.extractfile(member)
                    found[name] = content.read() if content else b""
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Invalid(_("This is no archive of the kind .tar.xz, or it is damaged.")) from error
    if len(tops) != 1:
        raise Invalid(_("This is no osinfo database: it has more than one folder at its top."))
    return found


def _parts(member: tarfile.TarInfo) -> tuple[str, ...]:
    """Of its path. Raises Invalid for what is no plain file or folder, or could lie outside."""
    parts = PurePosixPath(member.name).parts
    is_plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
    if (
        not is_plain
        or member.sparse
        or not parts
        or not all(_PART.fullmatch(part) for part in parts)
    ):
        said = _("This archive holds what no osinfo database has: %(name)s.")
        raise Invalid(said % {"name": repr(member.name[:80])})
    return parts


def _entries(name: str, content: bytes) -> list[osinfo.Entry]:
    """The systems of one file. All files must be XML that is safe to read."""
    try:
        return osinfo.parse(content.decode("utf-8")) if name.startswith("os/") else []
    except (Invalid, UnicodeDecodeError) as error:
        why = error.detail if isinstance(error, Invalid) else error.reason
        raise Invalid(
            _("%(file)s cannot be read: %(why)s.") % {"file": name, "why": why}
        ) from error


def _put(files: Mapping[str, bytes]) -> None:
    """All of them instead of the former ones, or none."""
    place = Path(settings.KVMWEB_DATA_DIR) / "osinfo"
    try:
        beside = Path(tempfile.mkdtemp(prefix="osinfo-", dir=place.parent))
        try:
            for name, content in files.items():
                path = beside / "new" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            _show(beside / "new")
            _swap(beside / "new", place, beside / "former")
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        said = _("%(file)s cannot be written: %(why)s.")
        raise Invalid(said % {"file": place, "why": error.strerror}) from error


def _show(top: Path) -> None:
    """To every account: whoever runs the command may be another one than the portal."""
    for path in (top, *top.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _swap(new: Path, place: Path, former: Path) -> None:
    had_one = place.exists()
    if had_one:
        place.rename(former)
    try:
        new.rename(place)
    except OSError:
        if had_one:
            former.rename(place)
        raise
