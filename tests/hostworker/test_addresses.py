"""Who says which address a guest has, and what stands first."""

from __future__ import annotations

from kvmweb.core.addresses import AGENT, ARP, LEASE, told
from kvmweb.core.records import InterfaceRecord
from kvmweb.hostworker import addresses

ONE, TWO = "52:54:00:00:00:01", "52:54:00:00:00:02"


def test_an_address_has_all_its_sources_and_the_agents_stand_first() -> None:
    found = addresses.merge(
        {
            AGENT: {ONE: ("10.0.0.9", "10.0.0.5")},
            LEASE: {ONE: ("10.0.0.5",), TWO: ("10.0.0.6",)},
            ARP: {TWO: ("10.0.0.7", "10.0.0.6")},
        }
    )
    assert list(found[ONE].items()) == [("10.0.0.9", "agent"), ("10.0.0.5", "agent+lease")]
    assert list(found[TWO].items()) == [("10.0.0.6", "lease+arp"), ("10.0.0.7", "arp")]


def test_a_record_of_an_older_worker_names_no_source() -> None:
    card = InterfaceRecord(ONE, "network", "default", "virtio", addresses=("10.0.0.5",))
    assert told(card) == [("10.0.0.5", "")]
