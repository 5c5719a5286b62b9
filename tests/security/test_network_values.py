"""dnsmasq's settings are lines: no value of a network becomes a line of its own."""

from __future__ import annotations

import pytest

from tests.services.test_network_rules import faults

HOOK = "\ndhcp-script=/tmp/x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("boot_file", f"pxe.0{HOOK}"),
        ("boot_file", "pxe.0\rconf-file=/etc/shadow"),
        ("boot_server", f"10.0.0.1{HOOK}"),
        ("boot_server", "tftp.example"),
        ("tftp_root", f"/srv/tftp{HOOK}"),
        ("dns_texts", "x\x7fy value"),
        ("dns_services", "_ldap._tcp.a\x7fb target 389"),
        ("domain", f"lan{HOOK}"),
        ("bridge", f"br0{HOOK}"),
        ("forward_dev", f"eth0{HOOK}"),
    ],
)
def test_a_value_that_would_be_two_settings_is_refused(name: str, value: str) -> None:
    assert name in faults(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dns_hosts", f"192.168.100.9 a{HOOK}"),
        ("forwarders", f"9.9.9.9{HOOK}"),
        ("reservations4", f"52:54:00:00:00:01 192.168.100.5 a{HOOK}"),
    ],
)
def test_a_further_line_is_read_as_another_entry_and_refused(name: str, value: str) -> None:
    assert name in faults(**{name: value})


def test_usual_values_for_booting_are_fine() -> None:
    assert faults(boot_file="pxelinux.0", boot_server="192.168.100.2", tftp_root="/srv/tftp") == {}
