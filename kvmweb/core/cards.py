"""What is to become of a guest's network interface."""

from __future__ import annotations

from dataclasses import dataclass

from kvmweb.core.networks import Flow


@dataclass(frozen=True, slots=True)
class CardChange:
    """Empty, or None, leaves a thing as it is.

    type: network, bridge or direct, together with source and what belongs to that: port_group of a
    network, mode of direct. mtu: 0 for the default. vlan: 0 for none; of Open vSwitch alone.
    """

    type: str = ""
    source: str = ""
    model: str = ""
    mac: str = ""
    is_link_up: bool | None = None
    mtu: int | None = None
    vlan: int | None = None
    inbound: Flow | None = None
    outbound: Flow | None = None
    port_group: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class CardLimits:
    """What passes an interface. None leaves a thing as it is; 0, or an empty Flow, is none."""

    mtu: int | None = None
    vlan: int | None = None
    inbound: Flow | None = None
    outbound: Flow | None = None


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where an interface can be connected.

    key: `network:UUID`, `network:UUID/PORT GROUP`, `bridge:NAME` or `direct:DEVICE`.
    has_vlans: interfaces there can have a VLAN tag of their own.
    """

    key: str
    type: str
    source: str
    is_active: bool = True
    port_group: str = ""
    has_vlans: bool = False
