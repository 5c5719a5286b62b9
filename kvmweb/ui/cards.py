"""A guest's network interfaces: choices, and what came of a change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core.cards import CardLimits, CardPlace
from kvmweb.core.networks import Flow
from kvmweb.core.records import InterfaceRecord
from kvmweb.ui import device_words
from kvmweb.ui.words import Text

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
        (
            _("Devices of the host (macvtap)"),
            [(it.key, _shown(it)) for it in there if it.type == "direct"],
        ),
    ]
    shown = [group for group in groups if group[1]]
    if now is None:
        return shown
    group = f" · {now.port_group}" if now.port_group else ""
    as_it_is = _("As it is: %(source)s") % {
        "source": f"{now.source or '–'}{group} ({kind(now.type)})"
    }
    return [("", as_it_is), *shown]


def _shown(it: CardPlace) -> str:
    name = f"{it.source} · {it.port_group}" if it.port_group else it.source
    return name if it.is_active else _("%(network)s (stopped)") % {"network": name}


KINDS: dict[str, Text] = {
    "network": gettext_lazy("Virtual network"),
    "bridge": gettext_lazy("Bridge"),
    "direct": "macvtap",
    "user": gettext_lazy("User networking"),
    "hostdev": gettext_lazy("Host device"),
}
"""Of what a card is connected to; those that are not here are called as libvirt calls them."""


def kind(name: str) -> str:
    """What sort of connection it is."""
    return str(KINDS.get(name, name))


MODES = [
    ("", "–"),
    ("bridge", gettext_lazy("bridge: guests of the device reach each other")),
    ("vepa", gettext_lazy("VEPA: through the switch outside, also between guests")),
    ("private", gettext_lazy("private: guests do not reach each other")),
    ("passthrough", gettext_lazy("passthrough: the device is the guest's alone")),
]
"""Of macvtap, for a select."""
_FLOWS = ("inbound", "outbound")
_PARTS = ("", "_peak", "_burst")


def known(card: InterfaceRecord) -> dict[str, Any]:
    """An interface as its form begins."""
    found: dict[str, Any] = {
        "place": "",
        "mode": card.mode,
        "is_link_up": "up" if card.is_link_up else "down",
        "model": card.model,
        "new_mac": card.mac,
        "mtu": card.mtu or None,
        "vlan": card.vlans[0] if card.vlans else None,
    }
    for name in _FLOWS:
        flow: Flow = getattr(card, name)
        found |= {
            name: flow.average or None,
            f"{name}_peak": flow.peak or None,
            f"{name}_burst": flow.burst or None,
        }
    return found


def limits(found: dict[str, Any]) -> CardLimits:
    """Taken out of what a form found; a form without flows leaves them as they are."""
    flows = [
        Flow(*(found.pop(f"{name}{part}") or 0 for part in _PARTS)) if name in found else None
        for name in _FLOWS
    ]
    return CardLimits(found.pop("mtu") or 0, found.pop("vlan") or 0, *flows)


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
