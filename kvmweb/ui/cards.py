"""A guest's network interfaces: choices, and what came of a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from kvmweb.core.cards import CardPlace
from kvmweb.core.records import InterfaceRecord
from kvmweb.ui import device_words

_NAMES = {
    "virtio": "VirtIO",
    "e1000e": "Intel e1000e",
    "e1000": "Intel e1000",
    "rtl8139": "RTL8139",
}


def places(found: Iterable[CardPlace], now: InterfaceRecord | None = None) -> list[Any]:
    """For a select: networks, then bridges. now: how it is connected; it may stay so."""
    there = list(found)
    groups = [
        (_("Virtual networks"), [(it.key, _shown(it)) for it in there if it.type == "network"]),
        (_("Bridges of the host"), [(it.key, _shown(it)) for it in there if it.type == "bridge"]),
    ]
    shown = [group for group in groups if group[1]]
    if now is None:
        return shown
    as_it_is = _("As it is: %(source)s") % {"source": f"{now.source or '–'} ({now.type})"}
    return [("", as_it_is), *shown]


def _shown(it: CardPlace) -> str:
    return it.source if it.is_active else _("%(network)s (stopped)") % {"network": it.source}


def models(found: Iterable[str], now: str = "") -> list[tuple[str, str]]:
    """For a select; one that we do not know stays possible where it is there."""
    known = [(name, _NAMES.get(name, name)) for name in found]
    return known if not now or now in dict(known) else [(now, now), *known]


def added(mac: str, when: str) -> str:
    """What came of adding one."""
    if when == "next":
        return device_words.no_slot()
    return _("Interface %(mac)s was added.") % {"mac": mac}


def edited(when: str) -> str:
    """What came of a change."""
    return device_words.saved(when)


def linked(mac: str, is_up: bool) -> str:
    """What came of the cable."""
    said = _("The link of %(mac)s is up.") if is_up else _("The link of %(mac)s is down.")
    return said % {"mac": mac}


def removed(mac: str, when: str) -> str:
    """What came of removing one."""
    return device_words.gone(when) or _("Interface %(mac)s was removed.") % {"mac": mac}
