from __future__ import annotations

import socket

import pytest

from kvmweb.core import errors
from kvmweb.hypervisor import screens


def test_ssh_command_is_the_one_libvirt_would_use():
    uri = "qemu+ssh://ops@far:2222/system?keyfile=/k/id&no_verify=1&command=/bin/evil"
    command = screens.ssh_command(uri, "127.0.0.1:5900")
    assert command[-4:] == ["-W", "127.0.0.1:5900", "--", "far"]
    assert command[command.index("-p") + 1] == "2222"
    assert command[command.index("-l") + 1] == "ops"
    assert command[command.index("-i") + 1] == "/k/id"
    assert "/bin/evil" not in " ".join(command)


@pytest.mark.parametrize(
    "uri", ["qemu+ssh:///system", "qemu+ssh://-oProxyCommand=x@far/system", "qemu+ssh://-x/system"]
)
def test_ssh_command_refuses_what_looks_like_an_option(uri):
    with pytest.raises(errors.Invalid):
        screens.ssh_command(uri, "127.0.0.1:5900")


@pytest.mark.lab
def test_screen_of_a_host_behind_tcp_needs_an_open_port(lab, busybox_guest):
    from kvmweb.hypervisor.connections import Line

    open_ = "<graphics type='vnc' autoport='yes' listen='0.0.0.0'/>"
    reachable = busybox_guest("far-open", start=True, vnc=False, extra=open_)
    closed = busybox_guest("far-closed", start=True)
    line = Line(lab.tcp_uri, "tests")
    try:
        taken = line.call(lambda c: screens.open_screen(c, reachable, uri=lab.tcp_uri), 10)
        with socket.socket(fileno=taken) as screen:
            screen.settimeout(5)
            assert screen.recv(12) == b"RFB 003.008\n"
        with pytest.raises(errors.NotSupported, match="loopback"):
            line.call(lambda c: screens.open_screen(c, closed, uri=lab.tcp_uri), 10)
    finally:
        line.retire()
