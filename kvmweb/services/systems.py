"""Operating systems: found by name, recognised in images, with what each wants of a machine.

The osinfo database is read from where distributions install it, and from `osinfo` in the data
folder, where a newer one may be put; without any, the most common systems are known still.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings

from kvmweb.core.errors import Invalid
from kvmweb.core.images import Disc
from kvmweb.core.systems import Detected, Medium, Support, System
from kvmweb.definitions import osinfo, osinfo_known
from kvmweb.services.guard import open_to_all

log = logging.getLogger(__name__)

PLACES = ("/usr/share/osinfo", "/usr/local/share/osinfo", "/etc/osinfo")
"""Later ones add to earlier ones, as for libosinfo itself."""
MOST = 200
_ARCHES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64", "i386": "i686"}
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Kept:
    """The database as it was when these folders had these times."""

    stamp: tuple[tuple[str, float], ...]
    systems: Mapping[str, System]


_kept: _Kept | None = None
_lock = threading.Lock()


@open_to_all("public knowledge about operating systems")
def search(
    words: str = "", *, family: str = "", even_ended: bool = False, today: date | None = None
) -> list[System]:
    """Those whose name holds all of the words, newest first; without words all.

    even_ended: also those that their vendor has given up. At most MOST.
    """
    wanted = words.casefold().split()
    day = today or date.today()
    found = [
        system
        for system in _database().values()
        if (not family or system.family == family)
        and (even_ended or system.support(day) is not Support.ENDED)
        and all(word in _text(system) for word in wanted)
    ]
    return sorted(found, key=_newest_first)[:MOST]


@open_to_all("public knowledge about operating systems")
def get(short_id: str) -> System | None:
    """The system of this short id, or of one of its other names; None when nobody knows it."""
    known = _database()
    if short_id in known:
        return known[short_id]
    return next((system for system in known.values() if short_id in system.names), None)


@open_to_all("public knowledge about operating systems")
def families() -> list[str]:
    """linux, winnt, freebsd, …: those that exist in the database, most systems first."""
    counts: dict[str, int] = {}
    for system in _database().values():
        counts[system.family] = counts.get(system.family, 0) + 1
    return sorted((name for name in counts if name), key=lambda name: -counts[name])


@open_to_all("public knowledge about operating systems")
def detect(disc: Disc) -> Detected | None:
    """The system that this ISO installs; None when no entry fits."""
    best, found = (0, 0), None
    for system in _database().values():
        for medium in system.media:
            weight = _weight(medium, disc)
            if weight and _UNKNOWN in system.id:
                weight = 1  # "some release of it": only where no release fits
            rank = (weight, _age(system))
            if weight and rank > best:
                best, found = rank, Detected(system, medium)
    return found


@open_to_all("public knowledge about operating systems")
def guess(name: str) -> Detected | None:
    """The system that a file of this name holds: `debian-12-genericcloud-amd64.qcow2`."""
    plain = name.casefold()
    best, found = (0, 0), None
    for system in _database().values():
        rank = (_named(system, plain), _age(system))
        if rank[0] and rank > best:
            best, found = rank, Detected(system)
    return found


@open_to_all("public knowledge about operating systems")
def has_database() -> bool:
    """Whether an osinfo database is there; without, only the most common systems are known."""
    return bool(_stamp())


def _text(system: System) -> str:
    return f"{system.name} {system.id} {' '.join(system.names)} {system.codename}".casefold()


def _newest_first(system: System) -> tuple[int, str]:
    return (-_age(system), system.name)


def _age(system: System) -> int:
    """The day of its release as a number; higher is younger, 0 unknown."""
    return system.released.toordinal() if system.released else 0


def _weight(medium: Medium, disc: Disc) -> int:
    """How well it fits: 0 not at all, more for every id that the entry asks for."""
    asked = (
        (medium.volume, disc.volume_id),
        (medium.system, disc.system_id),
        (medium.publisher, disc.publisher_id),
        (medium.application, disc.application_id),
    )
    if not medium.volume and not medium.application and not medium.publisher:
        return 0
    if medium.size and medium.size != disc.size:
        return 0
    weight = 100 if medium.size else 0
    for pattern, value in asked:
        if not pattern:
            continue
        if not _fits(pattern, value):
            return 0
        weight += 10 + min(len(pattern), 40)
    return weight


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        log.debug("not a pattern: %r", pattern)
        return False


def _named(system: System, name: str) -> int:
    """How well a file's name tells this system; its own download's name tells best."""
    urls = [image.url for image in system.images] + [medium.url for medium in system.media]
    if any(url and url.rpartition("/")[2].casefold() == name for url in urls):
        return 1000
    words = set(re.split(r"[^a-z0-9.]+|\.(?![0-9])", name))
    codename = system.codename.casefold().partition(" ")[0]
    if words & {system.id, *system.names} or (len(codename) > 4 and codename in words):
        return 60
    distro, version = system.distro.casefold(), system.version.casefold()
    if not distro or not version or distro not in name:
        return 0
    found = re.search(rf"{re.escape(distro)}[a-z_ -]*v?{re.escape(version)}(?![0-9])", name)
    return 50 + len(distro) + len(version) if found else 0


def _database() -> Mapping[str, System]:
    global _kept
    stamp = _stamp()
    with _lock:
        if _kept is None or _kept.stamp != stamp:
            _kept = _Kept(stamp, _read(folder for folder, _ in stamp))
        return _kept.systems


def _stamp() -> tuple[tuple[str, float], ...]:
    """The folders that exist, and when each was changed last."""
    found = []
    for place in (*PLACES, str(Path(settings.KVMWEB_DATA_DIR) / "osinfo")):
        folder = Path(place) / "os"
        if folder.is_dir():
            found.append((place, folder.stat().st_mtime))
    return tuple(found)


def _read(folders: Iterable[str]) -> Mapping[str, System]:
    entries: list[osinfo.Entry] = []
    for folder in folders:
        for path in sorted(Path(folder, "os").rglob("*.xml")):
            try:
                entries += osinfo.parse(path.read_text(encoding="utf-8"))
            except (Invalid, OSError, UnicodeDecodeError) as error:
                log.warning("%s is left out: %s", path, error)
    known = osinfo.resolve(entries)
    for system in osinfo_known.systems():
        known.setdefault(system.id, system)
    return known
