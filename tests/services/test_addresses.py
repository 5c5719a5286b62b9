"""Typed fields become a URI, and nothing else gets through."""

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.services.addresses import Address, Transport, command, uri


@pytest.mark.parametrize(
    ("address", "built"),
    [
        (Address(Transport.LOCAL), "qemu:///system"),
        (Address(Transport.DEMO), "test:///default"),
        (
            Address(Transport.SSH, "rack2.example.org"),
            "qemu+ssh://rack2.example.org/system?no_tty=1",
        ),
        (
            Address(Transport.SSH, "10.0.0.7", "virt", 2222),
            "qemu+ssh://virt@10.0.0.7:2222/system?no_tty=1",
        ),
        (Address(Transport.TLS, "fd00::7", "", 16514), "qemu+tls://[fd00::7]:16514/system"),
        (Address(Transport.TCP, "127.0.0.1", "", 16509), "qemu+tcp://127.0.0.1:16509/system"),
    ],
)
def test_a_uri_is_built_of_checked_parts(address: Address, built: str) -> None:
    assert uri(address) == built


@pytest.mark.parametrize(
    "machine",
    [
        "",
        "-oProxyCommand=id",
        "a -oProxyCommand=id",
        "host;id",
        "host/path",
        "host?command=/bin/sh",
        "user@host",
        "host#x",
        "host%2f",
        "fe80::1%eth0;id",
        "a" * 254,
        "host\nother",
        "主机",
    ],
)
def test_a_machine_that_is_no_name_is_refused(machine: str) -> None:
    with pytest.raises(Invalid) as caught:
        uri(Address(Transport.SSH, machine))
    assert "machine" in caught.value.fields


@pytest.mark.parametrize("user", ["-l", "root -o", "a@b", "ROOT:x", "x" * 33, "$(id)"])
def test_a_user_that_is_no_user_name_is_refused(user: str) -> None:
    with pytest.raises(Invalid) as caught:
        uri(Address(Transport.SSH, "host", user))
    assert "user" in caught.value.fields


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(Invalid) as caught:
        uri(Address(Transport.SSH, "host", "", port))
    assert "port" in caught.value.fields


@pytest.mark.parametrize("machine", ["10.0.0.7", "example.org", "0.0.0.0"])
def test_plain_tcp_goes_to_this_machine_only(machine: str) -> None:
    with pytest.raises(Invalid) as caught:
        uri(Address(Transport.TCP, machine))
    assert "machine" in caught.value.fields


def test_a_command_is_quoted_for_a_shell() -> None:
    assert (
        command("qemu+ssh://a/system?no_tty=1", "list")
        == "virsh -c 'qemu+ssh://a/system?no_tty=1' list"
    )
