"""NetworkManager on a lab host: the distribution's own, unpacked, with a bus of its own.

It is told that it may not write /sys, as in a container: then it does without udev.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import packages
from tests.lab.host import LabError, LabHost

PACKAGES = (
    "network-manager", "libnm0", "libbluetooth3", "libmm-glib0", "libndp0", "libteamdctl0",
    "libnewt0.52",
)  # fmt: skip
PLACES = ("/run/NetworkManager", "/var/lib/NetworkManager", "/etc/NetworkManager")
STATE = "/var/lib/kvmweb-network"
BUS = """<busconfig><type>system</type><listen>unix:path={folder}/bus</listen>
<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/><allow send_type="method_call"/></policy></busconfig>"""
SETTINGS = """[main]
plugins=keyfile
auth-polkit=false
dhcp=internal
dns=none
rc-manager=unmanaged
no-auto-default=*
[keyfile]
path={folder}/connections
[device-of-libvirt]
match-device=interface-name:vnet*,interface-name:virbr*
managed=0
"""
START_S = 20.0


@contextmanager
def running(lab: LabHost) -> Iterator[dict[str, str]]:
    """Until the end, with eth0 set up by the connection `wired`; answers what nmcli needs.

    Raises LabError where it cannot be had or does not start.
    """
    if shutil.which("dbus-daemon") is None:
        raise LabError("no dbus-daemon")
    unpacked = packages.unpacked(*PACKAGES)
    folder = lab.folder / "nm"
    for name in ("connections", "conf.d", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    (folder / "nm.conf").write_text(SETTINGS.format(folder=folder))
    for place in PLACES:
        lab.inside("mkdir", "-p", place)
        lab.inside("mount", "-t", "tmpfs", "nm", place)
    lab.inside("mkdir", "-p", STATE)
    lab.inside("mount", "--bind", str(folder / "state"), STATE)
    means = _means(unpacked, folder)
    enter = ["nsenter", "-t", str(lab.pid1), "--mount", "--net", "--pid", "--uts", "--ipc"]
    bus = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile"]
    with (folder / "log").open("w") as log:
        started = []
        try:
            for command in (bus, _daemon(unpacked, folder)):
                environment = {**os.environ, **means}
                started.append(
                    subprocess.Popen([*enter, *command], stdout=log, stderr=log, env=environment)
                )
                time.sleep(0.3)
            _set_up(lab, enter, means, folder)
            yield means
        finally:
            for process in reversed(started):
                process.kill()
                process.wait(10)


def _means(unpacked: Path, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{unpacked}/usr/bin:{unpacked}/usr/sbin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": str(next(unpacked.glob("usr/lib/*-linux-gnu"))),
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus",
    }


def _daemon(unpacked: Path, folder: Path) -> list[str]:
    plugins = next(unpacked.glob("usr/lib/*-linux-gnu/NetworkManager"))
    there = f"/{plugins.relative_to(unpacked)}"
    start = f"{unpacked}/usr/sbin/NetworkManager --no-daemon --config={folder}/nm.conf"
    lines = (
        "mount -o remount,ro,bind /sys",
        f"mkdir -p {there}",
        f"mount --bind {plugins} {there}",
        f"exec {start} --config-dir={folder}/conf.d",
    )
    return ["unshare", "--mount", "sh", "-ec", "\n".join(lines)]


def _set_up(lab: LabHost, enter: list[str], means: dict[str, str], folder: Path) -> None:
    def nmcli(*words: str) -> str:
        done = subprocess.run(
            [*enter, "nmcli", *words], capture_output=True, text=True, check=False,
            env={**os.environ, **means},
        )  # fmt: skip
        return done.stdout.strip()

    deadline = time.monotonic() + START_S
    while nmcli("-t", "-f", "RUNNING", "general") != "running":
        if time.monotonic() > deadline:
            raise LabError(f"NetworkManager: {(folder / 'log').read_text()[-800:]}")
        time.sleep(0.2)
    words = ["type", "ethernet", "ifname", "eth0", "con-name", "wired", "ipv4.method", "manual"]
    address = ["ipv4.addresses", f"{lab.address}/24", "ipv6.method", "disabled"]
    nmcli("connection", "add", *words, *address)
    nmcli("--wait", "20", "connection", "up", "wired")
    if "wired" not in nmcli("-t", "-f", "NAME", "connection", "show", "--active"):
        raise LabError(f"eth0 is not set up: {(folder / 'log').read_text()[-800:]}")
