"""Who says that a guest has an address."""

from __future__ import annotations

from kvmweb.core.records import InterfaceRecord

AGENT, LEASE, ARP = "agent", "lease", "arp"
"""The agent inside, libvirt's DHCP, the host's ARP table."""


def told(card: InterfaceRecord) -> list[tuple[str, str]]:
    """Each address of this interface with who said it, such as `agent+lease`; empty: not kept."""
    sources = [*card.told_by, *[""] * len(card.addresses)]
    return list(zip(card.addresses, sources, strict=False))
