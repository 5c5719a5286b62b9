"""The network that cloud-init is told of."""

from __future__ import annotations

from kvmweb.definitions import cloud_networks

MAC = "52:54:00:12:34:56"
FULL = """\
version: 2
ethernets:
  eth0:
    match:
      macaddress: '52:54:00:12:34:56'
    set-name: eth0
    dhcp4: false
    dhcp6: false
    addresses:
    - 192.0.2.10/24
    gateway4: 192.0.2.1
    nameservers:
      addresses:
      - 192.0.2.53
      - 2001:db8::53
"""
BARE = """\
version: 2
ethernets:
  eth0:
    match:
      macaddress: '52:54:00:12:34:56'
    set-name: eth0
    dhcp4: false
    dhcp6: false
    addresses:
    - 2001:db8::10/64
"""


def test_the_card_is_found_by_its_mac_and_gets_what_was_asked_for() -> None:
    servers = ("192.0.2.53", "2001:db8::53")
    assert cloud_networks.write(MAC, "192.0.2.10/24", "192.0.2.1", servers) == FULL


def test_what_was_not_asked_for_is_not_written() -> None:
    assert cloud_networks.write(MAC, "2001:db8::10/64", "", (), version=6) == BARE
    routed = cloud_networks.write(MAC, "2001:db8::10/64", "fe80::1", (), version=6)
    assert routed == BARE + "    gateway6: fe80::1\n"
