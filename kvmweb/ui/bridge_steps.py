"""Making and removing a bridge of a host by hand: exact lines for what sets its network up.

For hosts whose network cannot be changed from here, and for who wants to see how it is done. Every
way back is armed before the network is touched: without confirmation the former state returns
after 60 s, also when the connection was lost.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kvmweb.ui.words import Text

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
BACK_S = 60


@dataclass(frozen=True, slots=True)
class Step:
    """One step. lines: for a root shell of the host. file: what is written where."""

    what: Text
    lines: tuple[str, ...] = ()
    path: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One tool. where: distributions that use it."""

    key: str
    name: str
    where: Text
    check: str
    create: tuple[Step, ...]
    remove: tuple[Step, ...]


def ways(bridge: str, device: str) -> list[Way]:
    """Every tool with its steps. Raises ValueError for names that no interface can have."""
    if not (NAME.fullmatch(bridge) and NAME.fullmatch(device)):
        raise ValueError("not the name of an interface")
    return [make(bridge, device) for make in _MAKERS]


_ARM = _("Arm the way back")
_MAKE = _("Make the bridge")
_SWITCH = _("Switch over; the address moves to the bridge")
_KEEP = _("Still connected? Keep it")
_TAKE = _("Take the bridge away")


def _network_manager(bridge: str, device: str) -> Way:
    port = f"{bridge}-{device}"
    undo = f"nmcli connection delete {port} {bridge}; nmcli device connect {device}"
    add = "nmcli connection add type bridge"
    return Way(
        "nm",
        "NetworkManager",
        _("RHEL, Fedora, CentOS, openEuler, Debian and Ubuntu with a desktop"),
        "nmcli general status",
        (
            Step(
                _MAKE,
                (
                    f"{add} con-name {bridge} ifname {bridge} ipv4.method auto bridge.stp no",
                    f"nmcli connection add type ethernet con-name {port} ifname {device} "
                    f"master {bridge} slave-type bridge",
                ),
            ),
            Step(_ARM, (_armed(undo),)),
            Step(_SWITCH, (f"nmcli connection up {port} && nmcli connection up {bridge}",)),
            Step(_KEEP, (_DISARM,)),
        ),
        (Step(_TAKE, (undo,)),),
    )


def _netplan(bridge: str, device: str) -> Way:
    path = f"/etc/netplan/60-{bridge}.yaml"
    text = (
        "network:\n  version: 2\n  ethernets:\n"
        f"    {device}: {{dhcp4: false, dhcp6: false}}\n"
        f"  bridges:\n    {bridge}:\n      interfaces: [{device}]\n"
        "      dhcp4: true\n      parameters: {stp: false}\n"
    )
    trial = _("Try it; without Enter the former state returns by itself")
    return Way(
        "netplan",
        "netplan",
        _("Ubuntu Server"),
        "netplan status",
        (
            Step(_("Write the file"), path=path, text=text),
            Step(trial, (f"chmod 600 {path}", f"netplan try --timeout {BACK_S}")),
        ),
        (Step(_TAKE, (f"rm {path}", "netplan apply")),),
    )


def _networkd(bridge: str, device: str) -> Way:
    folder = "/etc/systemd/network"
    files = f"{folder}/10-{bridge}.netdev {folder}/10-{bridge}-port.network"
    files = f"{files} {folder}/11-{bridge}.network"
    undo = f"rm -f {files}; networkctl delete {bridge}; networkctl reload"
    undo = f"{undo}; networkctl reconfigure {device}"
    return Way(
        "networkd",
        "systemd-networkd",
        _("Arch, some cloud images"),
        "networkctl status",
        (
            Step(_("Write the file"), path=f"{folder}/10-{bridge}.netdev",
                 text=f"[NetDev]\nName={bridge}\nKind=bridge\n"),
            Step(_("Write the file"), path=f"{folder}/10-{bridge}-port.network",
                 text=f"[Match]\nName={device}\n\n[Network]\nBridge={bridge}\n"),
            Step(_("Write the file"), path=f"{folder}/11-{bridge}.network",
                 text=f"[Match]\nName={bridge}\n\n[Network]\nDHCP=yes\n"),
            Step(_ARM, (_armed(undo),)),
            Step(_SWITCH, (f"networkctl reload && networkctl reconfigure {device}",)),
            Step(_KEEP, (_DISARM,)),
        ),
        (Step(_TAKE, (undo,)),),
    )  # fmt: skip


def _ifupdown(bridge: str, device: str) -> Way:
    path = "/etc/network/interfaces"
    text = (
        f"# {device}: no address of its own any more; remove its former lines\n"
        f"iface {device} inet manual\n\n"
        f"auto {bridge}\niface {bridge} inet dhcp\n"
        f"    bridge_ports {device}\n    bridge_stp off\n    bridge_fd 0\n"
    )
    undo = f"ifdown {bridge}; cp {path}.old {path}; ifup {device}"
    return Way(
        "ifupdown",
        "ifupdown",
        _("Debian without a desktop"),
        "ifquery --state",
        (
            Step(_("Install what it needs, and keep the file"),
                 ("apt-get install bridge-utils", f"cp {path} {path}.old")),
            Step(_ARM, (_armed(undo),)),
            Step(_("Write the file"), path=path, text=text),
            Step(_SWITCH, (f"ifdown {device}; ifup {bridge}",)),
            Step(_KEEP, (_DISARM,)),
        ),
        (Step(_TAKE, (undo,)),),
    )  # fmt: skip


_DISARM = "systemctl stop kvmweb-way-back.timer"
_MAKERS: tuple[Callable[[str, str], Way], ...] = (
    _network_manager, _netplan, _ifupdown, _networkd,
)  # fmt: skip


def _armed(undo: str) -> str:
    """Run this after BACK_S, whoever is still connected."""
    start = ["systemd-run", f"--on-active={BACK_S}", "--unit=kvmweb-way-back", "sh", "-c", undo]
    return shlex.join(start)
