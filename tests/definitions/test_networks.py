from __future__ import annotations

from pathlib import Path

import pytest

from kvmweb.definitions import networks

DATA = Path(__file__).parent.parent / "data" / "xml"


def test_nat_network_of_a_real_host():
    parsed = networks.parse((DATA / "network-nat.xml").read_text())
    assert parsed.name == "default"
    assert parsed.forward == "nat"
    assert parsed.bridge == "virbr0"
    assert parsed.has_dhcp
    (subnet,) = parsed.subnets
    assert subnet.startswith("192.168.")
    assert subnet.endswith(".0/24")
    assert len(parsed.uuid) == 36


def test_routed_network_with_both_families():
    parsed = networks.parse((DATA / "network-routed.xml").read_text())
    assert parsed.forward == "route"
    assert parsed.subnets == ("10.9.0.0/20", "fd00:9::/64")
    assert not parsed.has_dhcp


@pytest.mark.parametrize(
    ("xml", "forward"),
    [
        ("<network><name>x</name></network>", ""),
        ("<network><name>x</name><forward/></network>", "nat"),
        ("<network><name>x</name><forward mode='open'/></network>", "open"),
    ],
)
def test_forward_mode_and_its_default(xml, forward):
    assert networks.parse(xml).forward == forward


def test_address_that_is_none_is_left_out():
    xml = "<network><name>x</name><ip address='nowhere' netmask='x'/></network>"
    assert networks.parse(xml).subnets == ()
