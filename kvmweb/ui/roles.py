"""Rights by what they are about: many are called alike, such as to start or to delete."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from kvmweb.core.refs import Kind
from kvmweb.ui import words
from kvmweb.ui.words import Text

_GROUPS: dict[str, Text] = {
    "guest": words.KINDS[Kind.GUEST],
    "console": _("Consoles"),
    "host": words.KINDS[Kind.HOST],
    "pool": words.KINDS[Kind.POOL],
    "volume": words.KINDS[Kind.VOLUME],
    "network": words.KINDS[Kind.NETWORK],
    "nwfilter": words.KINDS[Kind.FILTER],
    "": _("The portal"),
}


def groups(verbs: Iterable[str]) -> list[tuple[Text, list[str]]]:
    """What each group is called, with its verbs in their order; none that is empty."""
    found: dict[str, list[str]] = {name: [] for name in _GROUPS}
    for verb in verbs:
        noun = verb.partition(".")[0]
        found[noun if noun in found else ""].append(verb)
    return [(_GROUPS[name], there) for name, there in found.items() if there]
