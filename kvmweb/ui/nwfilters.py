"""Network filters in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from kvmweb.core.networks import FilterRecord
from kvmweb.ui import commands, xml_text
from kvmweb.ui.words import Text

_ACTIONS: dict[str, tuple[Text, str]] = {
    "accept": (_("let through"), "good"),
    "drop": (_("drop silently"), "bad"),
    "reject": (_("refuse"), "bad"),
    "return": (_("go back to the filter that included this"), "calm"),
    "continue": (_("go on to the next rule"), "calm"),
}
_DIRECTIONS: dict[str, Text] = {
    "in": _("to the guest"),
    "out": _("from the guest"),
    "inout": _("both ways"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. tone: of its action."""

    action: Text
    tone: str
    direction: Text
    protocol: str


def rules(record: FilterRecord) -> list[Rule]:
    """Its own rules in order, in words."""
    found = []
    for action, direction, protocol in record.rules:
        label, tone = _ACTIONS.get(action, (action, "calm"))
        found.append(Rule(label, tone, _DIRECTIONS.get(direction, direction), protocol))
    return found


def shown(record: FilterRecord, uri: str) -> dict[str, object]:
    """What its page shows beside the filter itself."""
    return {
        "rules": rules(record),
        "pieces": xml_text.pieces(record.xml),
        "dumpxml": line(uri, "nwfilter-dumpxml", record.name),
    }


def line(uri: str, verb: str, name: str) -> str:
    """The virsh line for this verb."""
    return commands.virsh(uri, verb, name)


_STARTS: dict[str, Text] = {
    "blank": _("Empty: nothing is held up until rules are added"),
    "own-address": _("Own addresses only: the guest cannot pretend to be another"),
    "closed": _("Closed: the guest reaches out, nobody reaches in"),
    "web": _("Web server: SSH, HTTP and HTTPS reach in, the guest reaches out"),
}


def starts(kinds: Iterable[str], found: Iterable[tuple[str, str]]) -> list[Any]:
    """What a new filter can begin as, for a select. found: UUID and name of those to copy."""
    copies = [(uuid, name) for uuid, name in found]
    groups: list[Any] = [(kind, _STARTS.get(kind, kind)) for kind in kinds]
    return [*groups, (_now("A copy of"), copies)] if copies else groups
