"""Is this machine fit to run guests, and the portal?  What `manage.py doctor` prints.

Looks at files and programs only; libvirt itself is asked by its own `virt-host-validate`, whose
lines are read (its exit code is 1 for a mere missing module).
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kvmweb.services.marks import open_to_all

SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
EMULATORS = ("qemu-system-x86_64", "qemu-system-aarch64", "/usr/libexec/qemu-kvm")
LINE = re.compile(r"^\s*QEMU:\s*(?P<what>.+?)\s*:\s*(?P<verdict>PASS|WARN|FAIL)\b\s*(?P<why>.*)$")
LOW_DISK = 2 * 1024**3


class Verdict(StrEnum):
    """How bad it is."""

    GOOD = "ok"
    LIMITED = "limited"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. what: in plain words. remedy: what to do, empty when all is well."""

    verdict: Verdict
    what: str | Promise
    remedy: str | Promise = ""


@open_to_all("facts of the machine, for the operator at its command line")
def examine(data_folder: Path) -> list[Finding]:
    """Everything that can be found out without libvirt's help, then what libvirt itself says."""
    return [
        *_acceleration(),
        *_programs(),
        *_libvirt(),
        *_networking(),
        *_storage(data_folder),
        *validation(_validate()),
    ]


@open_to_all("a pure function")
def validation(lines: Iterable[str]) -> list[Finding]:
    """What virt-host-validate printed, in plain words; what was looked at already is left out."""
    findings = []
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        for pattern, good, bad, remedy in _EXPLAINED:
            if re.search(pattern, match["what"]):
                if match["verdict"] == "PASS":
                    findings.append(Finding(Verdict.GOOD, good))
                else:
                    findings.append(Finding(Verdict.LIMITED, bad, remedy))
                break
    return list(dict.fromkeys(findings))


_EXPLAINED: tuple[tuple[str, str | Promise, str | Promise, str | Promise], ...] = (
    (
        r"vhost-net|vhost_net",
        _("Guest networks are fast (vhost-net)"),
        _("Guest networks are slower than they could be (no vhost-net)"),
        _("Load the kernel module: modprobe vhost_net"),
    ),
    (
        r"IOMMU",
        _("Host devices can be given to guests (IOMMU)"),
        _("Host devices cannot be given to guests (no IOMMU)"),
        _("Switch on VT-d or AMD-Vi in the firmware, and intel_iommu=on for Intel. Optional."),
    ),
    (
        r"cgroup .*(cpu|memory|devices|blkio|cpuset|cpuacct)",
        _("Limits on processor, memory and disks work (cgroups)"),
        _("Limits on processor, memory or disks do not work (cgroups)"),
        _("Run libvirt where it may write to /sys/fs/cgroup. Guests run without it."),
    ),
)


def _validate() -> list[str]:
    program = shutil.which("virt-host-validate")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "qemu"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        return []
    # Colours come even without a terminal in some versions.
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()


def _check(
    ok: bool, good: str | Promise, bad: str | Promise, remedy: str | Promise, *, fatal: bool = True
) -> Finding:
    if ok:
        return Finding(Verdict.GOOD, good)
    return Finding(Verdict.BAD if fatal else Verdict.LIMITED, bad, remedy)


def _has_program(name: str) -> bool:
    return bool(shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin"))


def _acceleration() -> Iterator[Finding]:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    is_arm = os.uname().machine == "aarch64"
    has_flags = is_arm or bool(flags & {"vmx", "svm"})
    yield _check(
        has_flags,
        _("The processor can run guests at full speed"),
        _("The processor offers no virtualization: guests are emulated, some ten times slower"),
        _("Switch on VT-x or AMD-V in the firmware; in a cloud, ask for nested virtualization."),
        fatal=False,
    )
    device = Path("/dev/kvm")
    if has_flags:
        yield _check(
            device.exists(),
            _("KVM is loaded"),
            _("KVM is not loaded"),
            _("Load it: modprobe kvm_intel or modprobe kvm_amd"),
            fatal=False,
        )
    if device.exists():
        yield _check(
            _is_open_to_hypervisor(device.stat()),
            _("The hypervisor may use KVM"),
            _("Only root may use KVM"),
            _("As root: chgrp kvm /dev/kvm; chmod 660 /dev/kvm (udev does this where it runs)"),
            fatal=False,
        )


def _is_open_to_hypervisor(found: os.stat_result) -> bool:
    """Whether the user that QEMU runs as may read and write what `stat` described."""
    if found.st_mode & 0o006 == 0o006:
        return True
    for name in ("libvirt-qemu", "qemu"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        groups = os.getgrouplist(name, user.pw_gid)
        return found.st_gid in groups and found.st_mode & 0o060 == 0o060
    return True


def _programs() -> Iterator[Finding]:
    yield _check(
        any(map(_has_program, EMULATORS)),
        _("QEMU is installed"),
        _("QEMU is not installed: no guest can start"),
        _("Install it: make run does, or apt-get install qemu-system-x86"),
    )
    yield _check(
        _has_program("qemu-img"),
        _("Disks can be made (qemu-img)"),
        _("Disks cannot be made: qemu-img is missing"),
        _("Install it: apt-get install qemu-utils"),
    )


def _libvirt() -> Iterator[Finding]:
    reached = [_reach(path) for path in SOCKETS]
    installed = _has_program("libvirtd") or _has_program("virtqemud")
    if any(code == "" for code in reached):
        yield Finding(Verdict.GOOD, _("libvirt answers"))
    elif "denied" in reached:
        yield Finding(
            Verdict.BAD,
            _("libvirt is running, but you may not use it"),
            _("Add yourself to its group and sign in again: adduser $USER libvirt"),
        )
    elif installed:
        yield Finding(
            Verdict.BAD,
            _("libvirt is installed, but does not answer"),
            _("Start it: systemctl start libvirtd (make run starts it where there is no systemd)"),
        )
    else:
        yield Finding(
            Verdict.BAD,
            _("libvirt is not installed"),
            _("Install it: make run does, or apt-get install libvirt-daemon-system"),
        )


def _reach(path: Path) -> str:
    """Empty when somebody answers there; else `denied` or `silent`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(3)
        try:
            probe.connect(str(path))
        except PermissionError:
            return "denied"
        except OSError:
            return "silent"
    return ""


def _networking() -> Iterator[Finding]:
    yield _check(
        Path("/dev/net/tun").exists(),
        _("Guests can be connected to networks"),
        _("Guests cannot be connected to networks: /dev/net/tun is missing"),
        _("Load the kernel module: modprobe tun"),
    )
    yield _check(
        _has_program("dnsmasq"),
        _("Networks can give addresses to guests (dnsmasq)"),
        _("Networks cannot give addresses to guests: dnsmasq is missing"),
        _("Install it: apt-get install dnsmasq-base"),
        fatal=False,
    )
    yield _check(
        _has_program("iptables") or _has_program("nft"),
        _("NAT networks work (iptables)"),
        _("NAT networks do not work: iptables is missing"),
        _("Install it: apt-get install iptables"),
        fatal=False,
    )


def _storage(data_folder: Path) -> Iterator[Finding]:
    places: tuple[tuple[Path, Callable[[Path], bool]], ...] = (
        (data_folder, lambda path: os.access(path, os.W_OK)),
        (Path("/var/lib/libvirt/images"), lambda _path: True),
    )
    for folder, is_usable in places:
        if not folder.exists():
            continue
        free = shutil.disk_usage(folder).free
        yield _check(
            is_usable(folder) and free > LOW_DISK,
            _("{folder} has room: {free} GiB").replace("{folder}", str(folder))
            .replace("{free}", str(free // 1024**3)),
            _("{folder} is nearly full, or cannot be written to").replace("{folder}", str(folder)),
            _("Free some space there, or set another folder (KVMWEB_DATA_DIR)."),
            fatal=False,
        )  # fmt: skip
