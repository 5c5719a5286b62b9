"""What is to become of a guest's network interface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardChange:
    """Empty, or None, leaves a thing as it is. type: network or bridge, together with source."""

    type: str = ""
    source: str = ""
    model: str = ""
    mac: str = ""
    is_link_up: bool | None = None


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where an interface can be connected. key: `network:UUID` or `bridge:NAME`."""

    key: str
    type: str
    source: str
    is_active: bool = True
