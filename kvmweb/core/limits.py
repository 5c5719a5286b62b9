"""The limits of a guest in words that compare: what one definition has and another would lift."""

from __future__ import annotations

from collections.abc import Iterable

from kvmweb.core.networks import UNLIMITED, Flow

Disk = tuple[str, tuple[str, ...]]
"""Target, and its limits as `core.disk_edits.DiskLimits` keeps them."""
Card = tuple[str, Flow, Flow]
"""MAC, to the guest, from the guest."""


def words(disks: Iterable[Disk], cards: Iterable[Card]) -> frozenset[str]:
    """`vda total_iops:500`, `52:54:00:12:34:56 in 1000/0/0`: one of each limit."""
    found = [f"{target} {limit}" for target, kept in disks for limit in kept]
    for mac, inbound, outbound in cards:
        for way, flow in (("in", inbound), ("out", outbound)):
            if flow != UNLIMITED:
                found.append(f"{mac} {way} {flow.average}/{flow.peak}/{flow.burst}")
    return frozenset(found)
