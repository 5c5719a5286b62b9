"""A bridge of the host in libvirt's words, with an interface more or less."""

from __future__ import annotations

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.definitions import interfaces

BRIDGE = """<interface type='bridge' name='br0'><start mode='onboot'/>
<bridge stp='off'><interface type='ethernet' name='eth0'/></bridge></interface>"""


def test_an_interface_joins_a_bridge_and_leaves_it() -> None:
    both = interfaces.with_port(BRIDGE, "eth1")
    assert interfaces.parse(both).members == ("eth0", "eth1")
    assert "onboot" in both
    assert interfaces.parse(interfaces.without_port(both, "eth0")).members == ("eth1",)


def test_what_is_no_bridge_takes_no_interface() -> None:
    with pytest.raises(Invalid):
        interfaces.with_port("<interface type='ethernet' name='eth0'/>", "eth1")
