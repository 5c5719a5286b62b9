"""What is wrong with a network is said beside its field, before libvirt refuses it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmweb.core import networks as core
from kvmweb.core.network_details import Neighbour, Surroundings
from kvmweb.core.networks import HostInterface, IpBlock, NetworkSpec, Reservation
from kvmweb.services import network_drafts, network_rules

GOOD = {
    "name": "office",
    "bridge": "virbr5",
    "ipv4": "192.168.100.1/24",
    "ranges4": "192.168.100.100 - 192.168.100.200",
}
AROUND = Surroundings(
    neighbours=(
        Neighbour("u1", "default", "virbr0", ("192.168.122.0/24",), is_active=True),
        Neighbour("u2", "asleep", "virbr9", ("10.50.0.0/16",), is_active=False),
        Neighbour("u3", "", "virbr8", ("10.60.0.0/16",), is_active=True),
    ),
    interfaces=(
        HostInterface("i1", "eth0", "ethernet", addresses=("172.16.0.9/12", "fd00:1::9/64")),
        HostInterface("i2", "virbr0", "bridge", addresses=("192.168.122.1/24",)),
    ),
)


def faults(mode: str = core.NAT, **typed: str) -> dict[str, str]:
    spec, unread = network_drafts.read(mode, {**GOOD, **typed})
    return {**network_rules.check(spec, AROUND).faults, **unread}


def test_a_usual_network_has_no_faults() -> None:
    assert faults() == {}


@pytest.mark.parametrize(
    ("typed", "field", "word"),
    [
        ({"name": ""}, "name", "name"),
        ({"name": "default"}, "name", "already there"),
        ({"name": "a/b"}, "name", "slashes"),
        ({"name": "evil\u202eeman"}, "name", "cannot be seen"),
        ({"bridge": "a-bridge-of-16-c"}, "bridge", "at most 15"),
        ({"bridge": "two words"}, "bridge", "Letters"),
        ({"bridge": "virbr9"}, "bridge", "asleep has this bridge"),
        ({"bridge": "virbr8"}, "bridge", "another network"),
        ({"bridge": "eth0"}, "bridge", "interface of this name"),
        ({"ipv4": "192.168.122.77/25"}, "ipv4", "overlaps 192.168.122.0/24 of default"),
        ({"ipv4": "10.60.3.1/24"}, "ipv4", "another network of this host"),
        ({"ipv4": "172.20.0.1/16"}, "ipv4", "on the host's interface eth0"),
        ({"ipv6": "fd00:1::1/64"}, "ipv6", "on the host's interface eth0"),
        ({"ipv4": "192.168.100.1"}, "ipv4", "with its prefix"),
        ({"ipv4": "192.168.100.0/24"}, "ipv4", "first free one is 192.168.100.1"),
        ({"ipv4": "192.168.100.1/31"}, "ipv4", "/30"),
        ({"ipv4": "::1/64"}, "ipv4", "with its prefix"),
        ({"ipv4": ""}, "ipv4", "nothing can be given out"),
        ({"ranges4": "192.168.101.5 - 192.168.101.9"}, "ranges4", "outside the subnet"),
        ({"ranges4": "192.168.100.9 - 192.168.100.5"}, "ranges4", "lower address first"),
        ({"ranges4": "192.168.100.9 - 192.168.100.255"}, "ranges4", "first and the last"),
        ({"ranges4": "fd00::1 - fd00::5"}, "ranges4", "not of the subnet"),
        ({"ranges4": "some"}, "ranges4", "Not understood"),
        (
            {"ranges4": "192.168.100.9 - 192.168.100.50\n192.168.100.40 - 192.168.100.60"},
            "ranges4",
            "share addresses",
        ),
        ({"reservations4": "52:54:00:00:00:01 10.0.0.1 a"}, "reservations4", "outside the subnet"),
        ({"reservations4": "52:54:00:00:00:01 192.168.100.1"}, "reservations4", "of the host"),
        (
            {"reservations4": "52:54:00:00:00:01 192.168.100.5\n52:54:00:00:00:01 192.168.100.6"},
            "reservations4",
            "52:54:00:00:00:01 is reserved twice",
        ),
        (
            {"reservations4": "52:54:00:00:00:01 192.168.100.5\n52:54:00:00:00:02 192.168.100.5"},
            "reservations4",
            "192.168.100.5 is reserved twice",
        ),
        (
            {"reservations4": "52:54:00:00:00:01 192.168.100.5 a\n"
                              "52:54:00:00:00:02 192.168.100.6 A"},
            "reservations4",
            "a is reserved twice",
        ),
        ({"reservations4": "nobody 192.168.100.5"}, "reservations4", "Not understood"),
        ({"domain": "-bad-.example"}, "domain", "A domain"),
        ({"dns_hosts": "10.0.0.1 bad_name!"}, "dns_hosts", "host name"),
        ({"dns_services": "_x._sctp target"}, "dns_services", "Not understood"),
        ({"mtu": "100"}, "mtu", "From 576"),
        ({"mtu": "1000", "ipv6": "fd00:7::1/64"}, "mtu", "1280"),
        ({"mtu": "lots"}, "mtu", "whole number"),
        ({"inbound_peak": "5"}, "inbound", "average"),
        ({"forward_dev": "eth7"}, "forward_dev", "no interface eth7"),
        ({"tftp_root": "srv"}, "tftp_root", "whole path"),
        ({"tftp_root": "/srv/../etc"}, "tftp_root", "whole path"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_beside_its_field(
    typed: dict[str, str], field: str, word: str
) -> None:
    found = faults(**typed)
    assert word in found.get(field, ""), found


@pytest.mark.parametrize(
    ("mode", "typed", "field"),
    [
        (core.BRIDGE, {"bridge": ""}, "bridge"),
        (core.BRIDGE, {"port_groups": "lan 10"}, "port_groups"),
        (core.OVS, {"port_groups": "lan 10\nlan 20"}, "port_groups"),
        (core.OVS, {"port_groups": "a 10 default\nb default"}, "port_groups"),
        (core.OVS, {"vlans": "5000"}, "vlans"),
        (core.MACVTAP, {"devices": ""}, "devices"),
        (core.MACVTAP, {"devices": "eth0 eth9"}, "devices"),
        (core.HOSTDEV, {"devices": "eth0 eth1"}, "devices"),
    ],
)
def test_each_mode_has_rules_of_its_own(mode: str, typed: dict[str, str], field: str) -> None:
    assert field in faults(mode, **typed)


def test_a_stopped_neighbour_with_the_same_subnet_is_a_warning() -> None:
    spec, _ = network_drafts.read(core.NAT, {**GOOD, "ipv4": "10.50.1.1/24", "ranges4": ""})
    found = network_rules.check(spec, AROUND)
    assert found.faults == {}
    assert "asleep, which is stopped" in found.warnings[0]


def test_a_network_does_not_stand_in_its_own_way() -> None:
    spec = NetworkSpec(
        name="default", mode=core.NAT, bridge="virbr0", ips=(IpBlock("192.168.122.1", 24),)
    )
    found = network_rules.check(spec, AROUND, own_uuid="u1", own_bridge="virbr0")
    assert (found.faults, found.warnings) == ({}, [])


@pytest.mark.parametrize(
    ("kept", "field"),
    [
        (Reservation("192.168.9.6", "52:54:00:00:00:05"), "mac"),
        (Reservation("192.168.9.5", "52:54:00:00:00:07"), "ip"),
        (Reservation("192.168.9.8", "52:54:00:00:00:08", "FIVE"), "name"),
        (Reservation("192.168.8.8", "52:54:00:00:00:08"), "ip"),
        (Reservation("192.168.9.255", "52:54:00:00:00:08"), "ip"),
        (Reservation("192.168.9.8", "52:54:00:00:00:08", "<b>"), "name"),
    ],
)
def test_a_reservation_that_clashes_is_refused_by_field(kept: Reservation, field: str) -> None:
    block = IpBlock("192.168.9.1", 24)
    there = [Reservation("192.168.9.5", "52:54:00:00:00:05", "five")]
    assert list(network_rules.reservation_faults(kept, block, there)) == [field]


DRAFT = {
    **GOOD,
    "forward_dev": "eth0",
    "reservations4": "52:54:00:00:00:01 192.168.100.5 five",
    "ipv6": "fd00:100::1/64",
    "ranges6": "fd00:100::100 - fd00:100::1ff",
    "reservations6": "00:03:00:01:52:54:00:00:00:05 fd00:100::5 six",
    "domain": "lab.example",
    "local_only": "on",
    "forwarders": "9.9.9.9\ncorp.example 10.0.0.53\nnobody.example",
    "dns_hosts": "192.168.100.7 printer lp",
    "dns_texts": "hello wide world",
    "dns_services": "_ldap._tcp.lab.example dc.lab.example 389 1 2\n_sip._udp",
    "mtu": "1400",
    "inbound": "1000",
    "inbound_peak": "2000",
    "inbound_burst": "512",
    "outbound": "128",
    "tftp_root": "/srv/tftp",
    "boot_file": "boot.ipxe",
    "boot_server": "192.168.100.2",
}


def test_what_is_written_is_read_as_the_same_again() -> None:
    spec, unread = network_drafts.read(core.NAT, DRAFT)
    assert unread == {}
    assert network_drafts.read(core.NAT, network_drafts.write(spec)) == (spec, {})
    groups = {"bridge": "ovs0", "vlans": "7", "port_groups": "lan 10 default\ntrunk 10,20"}
    spec, unread = network_drafts.read(core.OVS, {"name": "n", **groups})
    assert unread == {}
    assert network_drafts.read(core.OVS, network_drafts.write(spec)) == (spec, {})


def test_an_edit_keeps_what_its_form_does_not_show() -> None:
    third = IpBlock("10.1.0.1", 24)
    spec, _ = network_drafts.read(core.NAT, DRAFT)
    spec = replace(spec, ips=(spec.ips[0], third, spec.ips[1]), has_dns=False)
    draft = {**network_drafts.write(spec), "ipv6": "", "ranges6": "", "reservations6": ""}
    edited, unread = network_drafts.read(core.NAT, draft, spec)
    assert unread == {}
    assert edited.ips == (spec.ips[0], third)
    assert edited.name == spec.name
    assert not edited.has_dns
