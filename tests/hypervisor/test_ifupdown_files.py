"""/etc/network/interfaces with a bridge more or less; the rest of the file stays as it is."""

from __future__ import annotations

import pytest

from kvmweb.hypervisor import ifupdown_files as text

STATIC = """\
# This file describes the network interfaces
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.5/24
    gateway 192.0.2.1
    dns-nameservers 192.0.2.1 \\
        192.0.2.2
iface eth0 inet6 auto

# a second one
auto eth1
iface eth1 inet dhcp
    wpa-ssid not-for-a-bridge
"""
BY_HAND = """\
auto br0
iface br0 inet static
    bridge_ports eth0 eth1
    bridge_stp off
    address 192.0.2.5/24
iface eth0 inet manual
iface eth1 inet manual
"""


UP = {"eth0": "auto eth0", "eth1": "allow-hotplug eth0"}
"""A bridge is no hardware that appears: it is brought up at boot."""


def main(content: str) -> text.Files:
    return {text.MAIN: content}


def test_a_new_bridge_has_the_settings_of_its_interface() -> None:
    after = text.created(main(STATIC), "br0", "eth0")[text.MAIN]
    assert "iface br0 inet static\n" in after
    assert "    gateway 192.0.2.1\n" in after
    assert "        192.0.2.2\n" in after
    assert "iface br0 inet6 auto\n" in after
    assert "iface eth0 inet manual\n" in after
    assert "auto br0\n" in after
    assert "allow-hotplug" not in after
    assert text.ports(main(after), "br0") == ["eth0"]
    assert after.count("post-down ip link delete dev br0") == 1
    assert after.index("post-down") > after.index("iface br0 inet6")


def test_what_is_not_about_it_stays() -> None:
    after = text.created(main(STATIC), "br0", "eth0")[text.MAIN]
    for line in ("source /etc/network/interfaces.d/*", "# a second one", "iface lo inet loopback"):
        assert after.count(f"{line}\n") == 1
    assert after.endswith(STATIC[STATIC.index("# a second one") :])


def test_settings_of_a_radio_do_not_move() -> None:
    assert "wpa" not in text.created(main(STATIC), "br0", "eth1")[text.MAIN]


@pytest.mark.parametrize("device", ["eth0", "eth1"])
def test_a_bridge_that_goes_leaves_the_settings_behind(device: str) -> None:
    before = main(STATIC.replace("    wpa-ssid not-for-a-bridge\n", ""))
    after = text.deleted(text.created(before, "br0", device), "br0")[text.MAIN]
    kept = [it for it in after.splitlines() if it.strip()]
    wanted = before[text.MAIN].replace(
        "allow-hotplug eth0", f"a{'uto' if device == 'eth0' else 'llow-hotplug'} eth0"
    )
    assert kept == [it for it in wanted.splitlines() if it.strip()]


def test_an_interface_without_settings_gets_a_bridge_without() -> None:
    after = text.created(main(STATIC), "br0", "eth9")
    assert "iface br0 inet manual" in after[text.MAIN]
    assert text.ports(after, "br0") == ["eth9"]
    gone = text.deleted(after, "br0")[text.MAIN]
    assert "br0" not in gone


def test_settings_are_changed_in_the_file_that_holds_them() -> None:
    other = "/etc/network/interfaces.d/eth0"
    files = {text.MAIN: "source /etc/network/interfaces.d/*\n", other: "iface eth0 inet dhcp\n"}
    after = text.created(files, "br0", "eth0")
    assert after[text.MAIN] == files[text.MAIN]
    assert "iface br0 inet dhcp" in after[other]


def test_another_interface_joins_and_leaves() -> None:
    made = text.created(main(STATIC), "br0", "eth0")
    both = text.attached(made, "br0", "eth1")
    assert text.ports(both, "br0") == ["eth0", "eth1"]
    assert "iface eth1 inet dhcp" not in both[text.MAIN]
    assert "auto eth1" not in both[text.MAIN]
    assert text.ports(text.detached(both, "br0", "eth1"), "br0") == ["eth0"]


def test_a_bridge_that_was_written_by_hand_is_understood() -> None:
    files = main(BY_HAND)
    assert text.ports(files, "br0") == ["eth0", "eth1"]
    assert text.ports(text.attached(files, "br0", "eth2"), "br0") == ["eth0", "eth1", "eth2"]
    assert text.ports(text.detached(files, "br0", "eth1"), "br0") == ["eth0"]
    gone = text.deleted(files, "br0")[text.MAIN]
    assert "iface eth0 inet static\n    address 192.0.2.5/24" in gone
    assert "bridge_" not in gone
    assert "iface eth1 inet manual" in gone
