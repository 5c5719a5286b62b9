"""The cable between the network that the tests are in and that of a lab host."""

from __future__ import annotations

import subprocess


def lay(name: str, number: int, pid1: int) -> None:
    """As `name` here, as `eth0` there: the host is reached from 10.77.<number>.254.

    That address is a route and no more: where an address comes or goes, every Chromium of the
    machine ends what it is just fetching (ERR_NETWORK_CHANGED), in the tests of others too.
    """
    take_up(name)
    near = f"10.77.{number}.254"
    for line in (
        f"link add {name} type veth peer name eth0 netns {pid1}",
        f"link set {name} addrgenmode none",
        f"link set {name} up",
        f"route add local {near} dev {name}",
        f"route add 10.77.{number}.0/24 dev {name} src {near}",
    ):
        subprocess.run(["ip", *line.split()], check=True)


def take_up(name: str) -> None:
    """Where it lies."""
    subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)
