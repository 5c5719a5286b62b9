"""What cloud-init reads of a guest's network: network-config, version 2.

Source: https://docs.cloud-init.io, network configuration version 2.
"""

from __future__ import annotations

from typing import Any

import yaml

NAME = "eth0"
"""What the card is called inside. Only netplan matches by MAC at every boot: cloud-init's writers
for ifupdown, sysconfig and networkd need the name that cloud-init has given it by `set-name`."""
_GATEWAY = {4: "gateway4", 6: "gateway6"}
"""Of `routes` cloud-init 22.4 knows neither `default` nor `::/0`, unless for netplan (measured with
`cloud-init devel net-convert`); these it knows for ifupdown, sysconfig, networkd and
NetworkManager as well."""


def write(
    mac: str, address: str, gateway: str, nameservers: tuple[str, ...], *, version: int = 4
) -> str:
    """One card with one address. address: with its prefix. version: of IP."""
    card: dict[str, Any] = {
        "match": {"macaddress": mac},
        "set-name": NAME,
        "dhcp4": False,
        "dhcp6": False,
        "addresses": [address],
    }
    if gateway:
        card[_GATEWAY[version]] = gateway
    if nameservers:
        card["nameservers"] = {"addresses": list(nameservers)}
    return yaml.safe_dump({"version": 2, "ethernets": {NAME: card}}, sort_keys=False)
