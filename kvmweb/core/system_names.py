"""Which system the name of a file tells, such as `debian-12-genericcloud-amd64.qcow2`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kvmweb.core.systems import System

CODENAME_MIN = 5
"""Letters of a code name that tells a system by itself: `noble` does, `etch` might be anything."""
_WHOLE, _WORD, _VERSION = 1000, 60, 50
_SPLIT = re.compile(r"[^a-z0-9.]+|\.(?![0-9])")


class Names:
    """All systems by what their files are called."""

    def __init__(self, systems: Iterable[System]) -> None:
        self._files: defaultdict[str, list[System]] = defaultdict(list)
        self._words: defaultdict[str, list[System]] = defaultdict(list)
        self._distros: defaultdict[str, list[System]] = defaultdict(list)
        for system in systems:
            for file in _files(system):
                self._files[file].append(system)
            for word in _words(system):
                self._words[word].append(system)
            if system.distro and system.version:
                self._distros[system.distro.casefold()].append(system)

    def told(self, name: str) -> System | None:
        """The one that this name tells best: its own download's name before all others."""
        found = [(weight, system.youth, system) for weight, system in self._all(name.casefold())]
        return max(found, key=lambda it: it[:2])[2] if found else None

    def _all(self, name: str) -> Iterator[tuple[int, System]]:
        for system in self._files.get(name, ()):
            yield _WHOLE, system
        for word in set(_SPLIT.split(name)):
            for system in self._words.get(word, ()):
                yield _WORD, system
        for distro, systems in self._distros.items():
            if distro in name:
                for system in systems:
                    if _has_version(name, distro, system.version.casefold()):
                        yield _VERSION + len(distro) + len(system.version), system


def _files(system: System) -> set[str]:
    urls = [image.url for image in system.images] + [medium.url for medium in system.media]
    return {file for url in urls if (file := url.rpartition("/")[2].casefold())}


def _words(system: System) -> set[str]:
    codename = system.codename.casefold().partition(" ")[0]
    return {system.id, *system.names} | ({codename} if len(codename) >= CODENAME_MIN else set())


def _has_version(name: str, distro: str, version: str) -> bool:
    pattern = rf"{re.escape(distro)}[a-z_ -]*v?{re.escape(version)}(?![0-9])"
    return version in name and re.search(pattern, name) is not None
