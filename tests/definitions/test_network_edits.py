"""Networks built and edited: golden XML, libvirt's own schema, and nothing lost on the way."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from lxml import etree

from kvmweb.core import networks as core
from kvmweb.core.errors import Invalid
from kvmweb.core.networks import (
    DhcpRange,
    DnsHost,
    DnsService,
    DnsText,
    Flow,
    Forwarder,
    IpBlock,
    NetworkSpec,
    PortGroup,
    Reservation,
    Route,
)
from kvmweb.definitions import network_edits, network_updates, networks

DATA = Path(__file__).parent.parent / "data" / "xml"
SCHEMA = Path("/usr/share/libvirt/schemas/network.rng")
BLOCK4 = IpBlock(
    "10.9.0.1", 24,
    ranges=(DhcpRange("10.9.0.100", "10.9.0.200"),),
    reservations=(Reservation("10.9.0.5", "52:54:00:00:00:05", "five"),),
    tftp_root="/srv/tftp", boot_file="boot.ipxe", boot_server="10.9.0.2",
)  # fmt: skip
BLOCK6 = IpBlock(
    "fd00:9::1", 64,
    ranges=(DhcpRange("fd00:9::100", "fd00:9::1ff"),),
    reservations=(Reservation("fd00:9::5", name="six", id="00:03:00:01:52:54:00:00:00:05"),),
)  # fmt: skip
SPECS = {
    "nat": NetworkSpec(
        name="nat", mode=core.NAT, forward_dev="eth0", bridge="virbr7", ips=(BLOCK4, BLOCK6),
        routes=(Route("10.20.0.0", 16, "10.9.0.7"),), domain="lab.example", is_domain_local=True,
        forwarders=(Forwarder("9.9.9.9"), Forwarder("10.0.0.53", "corp.example"),
                    Forwarder("", "nobody.example")),
        dns_hosts=(DnsHost("10.9.0.77", ("printer", "lp")),),
        dns_texts=(DnsText("hello", "wide world"),),
        dns_services=(DnsService("ldap", "tcp", "lab.example", "dc.lab.example", 389, 1, 2),),
        mtu=1400, inbound=Flow(1000, 2000, 512), outbound=Flow(128),
    ),
    "route": NetworkSpec(name="route", mode=core.ROUTE, bridge="virbr8", ips=(BLOCK6,)),
    "isolated": NetworkSpec(name="isolated", bridge="virbr9", has_dns=False),
    "open": NetworkSpec(name="open", mode=core.OPEN, bridge="virbr10", ips=(BLOCK4,)),
    "bridge": NetworkSpec(
        name="bridge", mode=core.BRIDGE, bridge="br0", port_groups=(PortGroup("all", True),)
    ),
    "ovs": NetworkSpec(
        name="ovs", mode=core.OVS, bridge="ovsbr0", vlans=(42,),
        port_groups=(PortGroup("lan", True, (10,)),
                     PortGroup("trunk", False, (10, 20), Flow(10), Flow(20, 30))),
    ),
    "macvtap": NetworkSpec(
        name="macvtap", mode=core.MACVTAP, devices=("eth0", "eth1"), macvtap_mode="vepa"
    ),
    "hostdev": NetworkSpec(name="hostdev", mode=core.HOSTDEV, devices=("ens1f0",), vlans=(7,)),
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(SCHEMA))


@pytest.mark.parametrize("name", SPECS)
def test_each_mode_is_built_as_its_golden_file_and_as_libvirt_wants_it(name, schema):
    built = network_edits.build(SPECS[name])
    assert built == (DATA / "networks" / f"{name}.xml").read_text().rstrip("\n")
    assert schema.validate(etree.fromstring(built)), schema.error_log


@pytest.mark.parametrize("name", SPECS)
def test_what_was_built_is_read_as_it_was_meant(name):
    spec = SPECS[name]
    assert networks.parse(network_edits.build(spec)).spec == spec


def test_every_decision_is_held_by_some_golden_file():
    empty = NetworkSpec()
    for part in fields(NetworkSpec):
        said = [getattr(spec, part.name) for spec in SPECS.values()]
        assert any(value != getattr(empty, part.name) for value in said), part.name


STRANGE = """<network xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0" ipv6="yes">
  <name>strange</name>
  <uuid>5c1e0000-0000-4000-8000-000000000001</uuid>
  <forward mode="nat"><nat><address start="1.2.3.4" end="1.2.3.10"/></nat></forward>
  <bridge name="virbr3" stp="off" delay="3" zone="trusted"/>
  <dns><host ip="10.9.0.3"><hostname>kept</hostname></host></dns>
  <ip address="10.9.0.1" netmask="255.255.255.0" localPtr="yes">
    <dhcp><range start="10.9.0.10" end="10.9.0.90"><lease expiry="24" unit="hours"/></range></dhcp>
  </ip>
  <ip address="10.10.0.1" netmask="255.255.255.0"/>
  <dnsmasq:options><dnsmasq:option value="log-queries"/></dnsmasq:options>
</network>"""


def test_an_edit_leaves_everything_alone_that_it_does_not_name():
    spec = networks.parse(STRANGE).spec
    assert network_edits.edit(STRANGE, spec) == STRANGE
    block = replace(spec.ips[0], reservations=(Reservation("10.9.0.5", "52:54:00:00:00:05"),))
    edited = network_edits.edit(STRANGE, replace(spec, ips=(block, spec.ips[1]), mtu=1400))
    for kept in ("1.2.3.4", 'zone="trusted"', 'expiry="24"', "log-queries", 'localPtr="yes"'):
        assert kept in edited
    assert networks.parse(edited).spec.ips == (block, spec.ips[1])
    assert networks.parse(edited).uuid == networks.parse(STRANGE).uuid


def test_an_edit_can_take_everything_away_again(schema):
    for spec in SPECS.values():
        bare = NetworkSpec(name=spec.name, mode=core.ISOLATED, bridge="virbr5")
        edited = network_edits.edit(network_edits.build(spec), bare)
        assert networks.parse(edited).spec == bare
        assert schema.validate(etree.fromstring(edited)), schema.error_log


def test_what_a_network_says_of_itself_while_it_runs_is_no_pending_change():
    stored = "<network><name>n</name><forward mode='nat'/><bridge name='virbr0'/></network>"
    live = stored.replace(
        "<forward mode='nat'/>",
        "<forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>",
    ).replace("<network>", "<network connections='3'>")
    assert networks.is_same(live, stored)
    assert not networks.is_same(live, stored.replace("virbr0", "virbr1"))
    ports = live.replace("65535", "40000")
    assert not networks.is_same(ports, stored)


def test_only_what_differs_is_changed_while_it_runs():
    spec = SPECS["nat"]
    block = replace(
        BLOCK4,
        ranges=(DhcpRange("10.9.0.50", "10.9.0.60"),),
        reservations=(*BLOCK4.reservations, Reservation("10.9.0.6", "52:54:00:00:00:06")),
    )
    wanted = replace(spec, ips=(block, BLOCK6), dns_hosts=(), mtu=9000)
    found = [(it.command, it.section, it.index) for it in network_updates.steps(spec, wanted)]
    assert found == [
        ("delete", "ip-dhcp-range", 0),
        ("delete", "dns-host", -1),
        ("add", "ip-dhcp-host", 0),
        ("add", "ip-dhcp-range", 0),
    ]
    assert network_updates.steps(spec, spec) == []


def test_another_subnet_waits_for_the_next_start():
    spec = SPECS["open"]
    moved = replace(BLOCK4, address="10.8.0.1", ranges=(), reservations=())
    assert network_updates.steps(spec, replace(spec, ips=(moved,))) == []


def test_port_groups_are_changed_by_their_name():
    spec = SPECS["ovs"]
    wanted = replace(spec, port_groups=(PortGroup("lan", True, (11,)), PortGroup("new")))
    found = [(it.command, it.section) for it in network_updates.steps(spec, wanted)]
    assert found == [("delete", "portgroup"), ("modify", "portgroup"), ("add", "portgroup")]


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x07b"])
def test_a_name_that_no_file_could_hold_is_refused(name):
    with pytest.raises(Invalid):
        network_edits.build(NetworkSpec(name=name))


def test_hostile_text_stays_text():
    name = '<b onclick="x">&amp;\u202e'
    built = network_edits.build(NetworkSpec(name=name))
    assert networks.parse(built).name == name
    assert "<b " not in built
