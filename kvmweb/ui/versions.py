"""The versions of a definition in words: who brought each, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kvmweb.core.versions import History, Version
from kvmweb.ui import words
from kvmweb.ui.words import Text

OUTSIDE: Text = _("Changed outside the portal")
FIRST: Text = _("Seen for the first time")


@dataclass(frozen=True, slots=True)
class VersionLine:
    """what: the act. who: empty for an act that is nobody's of the portal."""

    version: Version
    what: Text
    who: str
    is_outside: bool


def lines(found: History) -> tuple[VersionLine, ...]:
    """Each version, newest first."""
    return tuple(_line(version) for version in found.versions)


def _line(version: Version) -> VersionLine:
    if version.verb:
        return VersionLine(version, words.verb(version.verb).label, version.who, is_outside=False)
    return VersionLine(version, FIRST if version.is_first else OUTSIDE, "", is_outside=True)
