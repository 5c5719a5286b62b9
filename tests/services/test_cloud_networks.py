"""A guest's own address: what cannot be one, and what is beside it."""

from __future__ import annotations

import pytest

from kvmweb.core.wishes import CloudWish
from kvmweb.services import cloud_networks


@pytest.mark.parametrize(
    ("address", "gateway", "nameservers"),
    [
        ("192.0.2.10/24", "192.0.2.1", "192.0.2.53, 2001:db8::53"),
        ("192.0.2.10/255.255.255.0", "", ""),
        ("192.0.2.0/31", "192.0.2.1", ""),
        ("2001:db8::10/64", "fe80::1", "2001:db8::53"),
        ("2001:db8::10/64", "2001:db8::1", ""),
    ],
)
def test_what_machines_have_is_taken(address: str, gateway: str, nameservers: str) -> None:
    wish = CloudWish(is_fixed=True, address=address, gateway=gateway, nameservers=nameservers)
    assert cloud_networks.faults(wish) == {}


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"address": ""}, "address", "with its prefix"),
        ({"address": "192.0.2.10"}, "address", "with its prefix"),
        ({"address": "192.0.2.10/33"}, "address", "with its prefix"),
        ({"address": "192.0.2.10/0"}, "address", "with its prefix"),
        ({"address": "fe80::1%eth0/64"}, "address", "with its prefix"),
        ({"address": "192.0.2.0/24"}, "address", "192.0.2.0/24 itself"),
        ({"address": "2001:db8::/64"}, "address", "2001:db8::/64 itself"),
        ({"address": "192.0.2.255/24"}, "address", "broadcast"),
        ({"address": "224.0.0.5/24"}, "address", "No machine"),
        ({"address": "127.0.0.5/8"}, "address", "No machine"),
        ({"gateway": "gate"}, "gateway", "such as"),
        ({"gateway": "198.51.100.1"}, "gateway", "192.0.2.0/24"),
        ({"gateway": "2001:db8::1"}, "gateway", "192.0.2.0/24"),
        ({"gateway": "192.0.2.10"}, "gateway", "itself"),
        ({"gateway": "192.0.2.255"}, "gateway", "broadcast"),
        ({"nameservers": "192.0.2.53 dns.example"}, "nameservers", "dns.example"),
        ({"nameservers": " ".join(f"192.0.2.{n}" for n in range(1, 10))}, "nameservers", "8"),
    ],
)
def test_what_no_machine_has_is_told_beside_its_field(
    typed: dict[str, str], field: str, said: str
) -> None:
    wish = CloudWish(is_fixed=True, **{"address": "192.0.2.10/24", **typed})  # type: ignore[arg-type]
    found = cloud_networks.faults(wish)
    assert set(found) == {field}
    assert said in found[field]


def test_by_dhcp_nothing_of_it_counts() -> None:
    assert cloud_networks.faults(CloudWish(address="nonsense", gateway="gate")) == {}
