"""Operating systems: found by name, recognised in images, with what each wants of a machine.

The osinfo database is read from where distributions install it, and from `osinfo` in the data
folder, where `services.system_database` puts a newer one; without any, the most common systems are
known still.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from kvmweb.core import install_trees, media_rules
from kvmweb.core.errors import Invalid
from kvmweb.core.images import Disc
from kvmweb.core.install_trees import TreeInfo
from kvmweb.core.system_names import Names
from kvmweb.core.systems import Detected, Medium, Support, System
from kvmweb.definitions import osinfo, osinfo_known
from kvmweb.services.guard import open_to_all

log = logging.getLogger(__name__)

PLACES = ("/usr/share/osinfo", "/usr/local/share/osinfo", "/etc/osinfo")
"""Later ones add to earlier ones, and their files replace those of the same path, as for libosinfo
itself (osinfo_loader.c, osinfo_loader_find_files)."""
MOST = 200
Stamp = tuple[tuple[str, float], ...]
"""Of the database: another one when another is there."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The database as it was when these folders had these times."""

    stamp: Stamp
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
    """The system that this ISO installs; None when no entry fits.

    Of several entries the one for this very size counts most, then the one that asks for most of
    the ids; those for "some release of it" only where no release fits.
    """
    return _detect(_stamp(), disc)


@open_to_all("public knowledge about operating systems")
def of_tree(info: TreeInfo) -> System | None:
    """The system that a tree installs which calls itself so; the entry that asks for most counts.

    Where no release fits, its name may tell one that the database does not know yet; entries for
    "some release of it" count last.
    """
    fits = [
        (system.is_certain, asked, system.youth, system)
        for system, rule in _tree_rules(_stamp())
        if (asked := rule.fit(info)) is not None
    ]
    best = max(fits, key=lambda it: it[:3])[3] if fits else None
    if best and best.is_certain:
        return best
    guessed = guess(info.name) if info.family and info.version else None
    return guessed.system if guessed else best


@open_to_all("public knowledge about operating systems")
def guess(name: str) -> Detected | None:
    """The system that a file of this name holds: `debian-12-genericcloud-amd64.qcow2`."""
    found = _names(_stamp()).told(name)
    return Detected(found) if found else None


@open_to_all("public knowledge about operating systems")
def has_database() -> bool:
    """Whether an osinfo database is there; without, only the most common systems are known."""
    return bool(_stamp())


def _text(system: System) -> str:
    return f"{system.name} {system.id} {' '.join(system.names)} {system.codename}".casefold()


def _newest_first(system: System) -> tuple[int, str]:
    return (-system.youth, system.name)


@lru_cache(maxsize=4096)
def _detect(stamp: Stamp, disc: Disc) -> Detected | None:
    fits = [
        ((system.is_certain, *fit), system, medium)
        for system, medium, rule in _rules(stamp)
        if (fit := rule.fit(disc))
    ]
    if not fits:
        return None
    most = max(rank for rank, _, _ in fits)
    best = [(system, medium) for rank, system, medium in fits if rank == most]
    best.sort(key=lambda it: -it[0].youth)
    system, medium = best[0]
    others = {other.id: other for other, _ in best if other.id != system.id}
    return Detected(system, medium, tuple(others.values()))


@lru_cache(maxsize=1)
def _rules(_stamp: Stamp) -> tuple[tuple[System, Medium, media_rules.Rule], ...]:
    """Of all systems; to make them takes half a second."""
    return tuple(
        (system, medium, rule)
        for system in _database().values()
        for medium in system.media
        if (rule := media_rules.rule(medium))
    )


@lru_cache(maxsize=1)
def _tree_rules(_stamp: Stamp) -> tuple[tuple[System, install_trees.Rule], ...]:
    return tuple(
        (system, rule)
        for system in _database().values()
        for tree in system.trees
        if (rule := install_trees.rule(tree))
    )


@lru_cache(maxsize=1)
def _names(_stamp: Stamp) -> Names:
    return Names(_database().values())


def _database() -> Mapping[str, System]:
    global _kept
    stamp = _stamp()
    with _lock:
        if _kept is None or _kept.stamp != stamp:
            _kept = _Kept(stamp, _read(folder for folder, _ in stamp))
        return _kept.systems


def _stamp() -> Stamp:
    """The folders that exist, and when each was changed last."""
    found = []
    for place in (*PLACES, str(Path(settings.KVMWEB_DATA_DIR) / "osinfo")):
        folder = Path(place) / "os"
        if folder.is_dir():
            found.append((place, folder.stat().st_mtime))
    return tuple(found)


def _read(folders: Iterable[str]) -> Mapping[str, System]:
    entries: list[osinfo.Entry] = []
    files: dict[Path, Path] = {}
    for top in (Path(folder, "os") for folder in folders):
        files.update({path.relative_to(top): path for path in sorted(top.rglob("*.xml"))})
    for path in files.values():
        try:
            entries += osinfo.parse(path.read_text(encoding="utf-8"))
        except (Invalid, OSError, UnicodeDecodeError) as error:
            log.warning("%s is left out: %s", path, error)
    known = osinfo.resolve(entries)
    for system in osinfo_known.systems():
        known.setdefault(system.id, system)
    return known
