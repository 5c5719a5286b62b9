"""Network filters in words."""

from __future__ import annotations

from dataclasses import dataclass

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
