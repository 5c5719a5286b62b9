"""What can be changed of a network while it runs: the steps of virNetworkUpdate. Pure.

Source: https://libvirt.org/formatnetwork.html and virNetworkUpdateSection; the rest of a definition
waits for the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kvmweb.core.networks import IpBlock, NetworkSpec, PortGroup
from kvmweb.definitions import network_edits as build

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Update:
    """One step. command: add, delete or modify. section: libvirt's word. index: of the <ip>."""

    command: str
    section: str
    index: int
    xml: str


def steps(live: NetworkSpec, wanted: NetworkSpec) -> list[Update]:
    """In the order in which libvirt takes them: what goes first, then what comes."""
    found: list[Update] = []
    if [_place(block) for block in live.ips] == [_place(block) for block in wanted.ips]:
        for index, (was, now) in enumerate(zip(live.ips, wanted.ips, strict=True)):
            kept = (was.reservations, now.reservations)
            found += _lists("ip-dhcp-host", index, *kept, build.reservation)
            found += _lists("ip-dhcp-range", index, was.ranges, now.ranges, build.dhcp_range)
    if live.has_dns and wanted.has_dns:
        found += _lists("dns-host", -1, live.dns_hosts, wanted.dns_hosts, build.dns_host)
        found += _lists("dns-txt", -1, live.dns_texts, wanted.dns_texts, build.dns_text)
        found += _lists("dns-srv", -1, live.dns_services, wanted.dns_services, build.dns_service)
    found += _groups(live.port_groups, wanted.port_groups)
    return sorted(found, key=lambda it: it.command != "delete")


def _place(block: IpBlock) -> tuple[str, int]:
    return block.address, block.prefix


def _lists(
    section: str, index: int, was: Sequence[T], now: Sequence[T], xml: Callable[[T], str]
) -> Iterator[Update]:
    yield from (Update("delete", section, index, xml(it)) for it in was if it not in now)
    yield from (Update("add", section, index, xml(it)) for it in now if it not in was)


def _groups(was: Sequence[PortGroup], now: Sequence[PortGroup]) -> Iterator[Update]:
    names = {it.name for it in was}
    kept = {it.name for it in now}
    for group in was:
        if group.name not in kept:
            yield Update("delete", "portgroup", -1, build.port_group(group))
    for group in now:
        if group not in was:
            command = "modify" if group.name in names else "add"
            yield Update(command, "portgroup", -1, build.port_group(group))
