"""Whether a disc is the one that an entry of the osinfo database describes.

A pattern is looked for anywhere in its id, as libosinfo does; an entry that asks for an id which
the disc lacks describes another one. Patterns are data: one that could take long is left out.
Source: libosinfo, osinfo/osinfo_db.c, compare_media (g_regex_match_simple).
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from kvmweb.core.images_facts import Disc
from kvmweb.core.systems import Medium

log = logging.getLogger(__name__)

PATTERN_MAX = 1000
STEPS_MAX = 2**26
"""What a search may cost at worst, in steps of the matcher; some seconds."""
_SHORT, _LONG = 32, 128
"""Bytes of ids in ISO 9660: of volume and system, of publisher and application."""
_LOOP = re.compile(
    r"""(?<!\\)\((?:\?:)?(?:
        (?:\\\.|[_-])(?:\\d|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\])[*+]?  # .1.2, _Alpha_Beta
        |\\d                                                                    # a digit
    )\)[*+]""",
    re.VERBOSE,
)
"""Groups that may be repeated: each round begins with what no round goes on with."""
_START = re.compile(r"\^?([\w -]+)(?![?*+{])", re.ASCII)
_ATOM = re.compile(r"\\.|\[[^\]]*\]|\(\?(?:[:=!]|<[=!])")


@dataclass(frozen=True, slots=True)
class Rule:
    """What an entry asks for: patterns for the ids of volume, system, publisher and application.

    start: what the volume's id holds in any case; to look for it costs a tenth of the pattern.
    """

    patterns: tuple[re.Pattern[str] | None, ...]
    size: int
    start: str

    def fit(self, disc: Disc) -> tuple[bool, int] | None:
        """How well it fits, more is better: told by its size, and how much of its ids was asked
        for. None: it is another disc."""
        if self.start not in disc.volume_id or (self.size and self.size != disc.size):
            return None
        asked, ids = 0, (disc.volume_id, disc.system_id, disc.publisher_id, disc.application_id)
        for pattern, value in zip(self.patterns, ids, strict=True):
            found = pattern.search(value) if pattern and value else None
            if pattern and not found:
                return None
            asked += found.end() - found.start() if found else 0
        return bool(self.size), asked


def rule(medium: Medium) -> Rule | None:
    """None for an entry that does not tell its system from others, or whose pattern is no good."""
    if not medium.volume and not medium.publisher and not medium.application:
        return None
    wanted = (
        (medium.volume, _SHORT),
        (medium.system, _SHORT),
        (medium.publisher, _LONG),
        (medium.application, _LONG),
    )
    patterns = tuple(compiled(text, width) if text else None for text, width in wanted)
    if any(text and not found for (text, _), found in zip(wanted, patterns, strict=True)):
        return None
    return Rule(patterns, medium.size, _start(medium.volume))


@lru_cache(maxsize=8192)
def compiled(text: str, width: int) -> re.Pattern[str] | None:
    """To search in so many characters; None where it is no pattern or could take long."""
    if len(text) > PATTERN_MAX or steps(text, width) > STEPS_MAX:
        log.warning("a pattern that could take long is left out: %.80r", text)
        return None
    try:
        return re.compile(text)
    except re.error:
        log.warning("not a pattern: %.80r", text)
        return None


def _start(text: str) -> str:
    """The plain text that a pattern begins with; empty where it begins with a choice."""
    found = _START.match(text)
    has_ways = "|" in re.sub(r"\([^()]*\)", "", text)
    return found[1] if found and not has_ways else ""


def steps(text: str, width: int) -> float:
    """At most so many for a search in so many characters; for ever where loops stand in loops."""
    shorter = _LOOP.sub("x*", text.removeprefix("(?i)"))
    plain = _ATOM.sub(lambda found: "(" if found[0][0] == "(" else "x", shorter)
    if "(?" in plain or re.search(r"\)[*+{]", plain):  # a comment, a flag: what is read otherwise
        return float("inf")
    loops = len(re.findall(r"[*+{]", plain))
    ways = [1 + part.count("|") for part in re.split(r"[()]", plain)]
    return float(width ** (loops + 1) * 2 ** plain.count("?") * math.prod(ways))
