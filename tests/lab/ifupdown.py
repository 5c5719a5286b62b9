"""ifupdown on a lab host: the distribution's own program, unpacked, over files of the test's own.

Nothing is installed on the machine that the tests run on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab import packages
from tests.lab.host import LabHost

STATE = "/var/lib/kvmweb-network"
PLACES = {"/etc/network": "etc-network", "/run/network": "run-network", STATE: "network-state"}


def program() -> Path:
    """The folder with `ifup`. Raises LabError without apt."""
    return packages.unpacked("ifupdown") / "sbin"


def furnish(lab: LabHost) -> Path:
    """Have the lab's `eth0` set up by ifupdown; answers the folder that is its /etc/network."""
    shutil.copytree(program().parent / "etc/network", lab.folder / PLACES["/etc/network"])
    for place, name in PLACES.items():
        (lab.folder / name).mkdir(exist_ok=True)
        lab.inside("mkdir", "-p", place)
        lab.inside("mount", "--bind", str(lab.folder / name), place)
    return reset(lab)


def reset(lab: LabHost) -> Path:
    """Whatever a test did: eth0 has its address, no bridge is there, nothing is on trial."""
    etc = lab.folder / PLACES["/etc/network"]
    (etc / "interfaces.d").mkdir(exist_ok=True)
    (etc / "if-pre-up.d/refuse").unlink(missing_ok=True)
    (etc / "interfaces").write_text(
        "# The loopback interface\nauto lo\niface lo inet loopback\n\n"
        "source /etc/network/interfaces.d/*\n\n"
        "# The primary interface\nallow-hotplug eth0\niface eth0 inet static\n"
        f"    address {lab.address}/24\n"
    )
    for bridge in ("br0", "br1"):
        lab.inside("ip", "link", "delete", bridge, check=False)
    lab.inside("ip", "addr", "replace", f"{lab.address}/24", "dev", "eth0")
    lab.inside("ip", "link", "set", "eth0", "up")
    (lab.folder / PLACES[STATE] / "current").unlink(missing_ok=True)
    return etc
