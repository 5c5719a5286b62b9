"""Installation trees: how one calls itself, and whether that is what the osinfo database describes.

Source: libosinfo, osinfo/osinfo_db.c (compare_tree): each pattern that an entry has must be found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvmweb.core import media_rules
from kvmweb.core.systems import System, Tree

WIDTH = 64
"""Characters of each value that are looked at."""


@dataclass(frozen=True, slots=True)
class TreeInfo:
    """What a `.treeinfo` says in general. arch: the machine's, such as x86_64."""

    family: str = ""
    variant: str = ""
    version: str = ""
    arch: str = ""

    @property
    def name(self) -> str:
        """As a person says it."""
        return f"{self.family} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class TreeHolding:
    """What a tree installs. name: as it calls itself. system: None where nothing tells it.

    problem: why nothing is known, in words.
    """

    name: str = ""
    system: System | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an entry asks for: patterns for family, variant, version and architecture."""

    patterns: tuple[re.Pattern[str] | None, ...]

    def fit(self, info: TreeInfo) -> int | None:
        """How much of what it says was asked for; None: it is another tree."""
        asked, values = 0, (info.family, info.variant, info.version, info.arch)
        for pattern, value in zip(self.patterns, values, strict=True):
            found = pattern.search(value[:WIDTH]) if pattern else None
            if pattern and (not found or _is_part_of_a_number(found)):
                return None
            asked += found.end() - found.start() if found else 0
        return asked


def _is_part_of_a_number(found: re.Match[str]) -> bool:
    """Plain `4` is found in 42 as well, which is another version."""
    text, start, end = found.string, found.start(), found.end()
    return text[start:end].isdecimal() and (
        text[:start][-1:].isdecimal() or text[end:][:1].isdecimal()
    )


def rule(tree: Tree) -> Rule | None:
    """None for an entry that does not tell its system from others, or whose pattern is no good."""
    if not tree.family:
        return None
    wanted = (tree.family, tree.variant, tree.version, tree.machine)
    patterns = tuple(media_rules.compiled(text, WIDTH) if text else None for text in wanted)
    if any(text and not found for text, found in zip(wanted, patterns, strict=True)):
        return None
    return Rule(patterns)
