"""Is a host fit to run guests: what its files and programs say, and what libvirt says.

`examine` looks at the machine that this process runs on; libvirt's own `virt-host-validate` is read
by its lines (its exit code is 1 for a mere missing module). `ask` needs a connection and nothing
of the machine, so it is all that there is for a host elsewhere.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import libvirt

from kvmweb.core.readiness import Finding, Readiness, Verdict
from kvmweb.hypervisor import connections, faults, guestfs, hosts

RUN = Path("/run/libvirt")
SOCKETS = ("libvirt-sock", "virtqemud-sock")
LOG_SOCKET = "virtlogd-sock"
SERVICES = ("libvirtd.service", "libvirtd.socket", "virtqemud.service", "virtqemud.socket")
EMULATORS = ("qemu-system-x86_64", "qemu-system-aarch64", "/usr/libexec/qemu-kvm")
IMAGES = Path("/var/lib/libvirt/images")
LINE = re.compile(r"^\s*QEMU:\s*(?P<what>.+?)\s*:\s*(?P<verdict>PASS|WARN|FAIL)\b\s*(?P<why>.*)$")
LOW_DISK = 2 * 1024**3
OLDEST = 6_000_000
CONFINED_BY = frozenset({"selinux", "apparmor"})
_VALIDATED = (
    ("vhost-net", r"vhost-net|vhost_net"),
    ("iommu", r"IOMMU"),
    ("cgroups", r"cgroup .*(cpu|memory|devices|blkio|cpuset|cpuacct)"),
    ("secure-guests", r"secure guest"),
)


def read(connection: libvirt.virConnect, uri: str) -> Readiness:
    """All that can be found out of this host from here. Takes seconds on the machine itself."""
    is_local = connections.is_local(uri) and connection.getType() == "QEMU"
    asked = list(ask(connection))
    if not is_local:
        return Readiness(False, tuple(asked))
    looked = examine(_run_folder(uri))
    known = {finding.code for finding in looked}
    return Readiness(True, (*looked, *(it for it in asked if it.code not in known)))


def _run_folder(uri: str) -> Path:
    """Where the daemon of this URI has its sockets."""
    address = parse_qs(urlsplit(uri).query).get("socket", [""])[0]
    return Path(address).parent if address else RUN


def ask(connection: libvirt.virConnect) -> Iterator[Finding]:
    """What libvirt tells of its machine, near or far. Raises HostDown."""
    with faults.translated():
        record, hardware = hosts.read(connection, ""), hosts.hardware(connection, "")
        if record.has_cpu_flags is not None:
            yield _check("cpu-flags", record.has_cpu_flags, is_fatal=False)
        yield _check("kvm-offered", record.offers_kvm, is_fatal=False)
        yield _check("qemu", bool(hardware.arches))
        is_new = connection.getLibVersion() >= OLDEST
        version = {"version": record.libvirt_version}
        yield _check("version", is_new, is_fatal=False, **version)
        confined = sorted(CONFINED_BY & set(hardware.security))
        yield _check("confinement", bool(confined), is_fatal=False, by=", ".join(confined))
        if hardware.iommu is not None:
            yield _check("iommu", hardware.iommu, is_fatal=False)
        yield _check("secure-guests", hardware.abilities.has_sev, is_fatal=False)
        yield _check("uefi", "efi" in hardware.abilities.firmwares, is_fatal=False)
        yield from _objects(connection)


def _objects(connection: libvirt.virConnect) -> Iterator[Finding]:
    """Guests need a pool for their disks and a network."""
    try:
        pools = connection.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
        networks = connection.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    except libvirt.libvirtError as error:
        if faults.is_lost(error):
            raise
        return
    yield _check("pool", bool(pools), is_fatal=False)
    yield _check("network", bool(networks), is_fatal=False)


def examine(run: Path = RUN) -> list[Finding]:
    """Everything about this machine that can be found out without a connection.

    run: the folder of libvirt's sockets.
    """
    return [
        *_acceleration(),
        *_programs(),
        *_services(run),
        *_networking(),
        *([room(IMAGES)] if IMAGES.exists() else []),
        *validation(_validate()),
    ]


def room(folder: Path) -> Finding:
    """Whether this folder can be written to and has room."""
    free = shutil.disk_usage(folder).free
    is_fine = os.access(folder, os.W_OK) and free > LOW_DISK
    values = {"folder": str(folder), "free": str(free // 1024**3)}
    return _check("room", is_fine, is_fatal=False, **values)


def validation(lines: Iterable[str]) -> list[Finding]:
    """What virt-host-validate printed; what was looked at already is left out."""
    worst: dict[str, bool] = {}
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        for code, pattern in _VALIDATED:
            if re.search(pattern, match["what"]):
                worst[code] = worst.get(code, True) and match["verdict"] == "PASS"
                break
    return [_check(code, is_fine, is_fatal=False) for code, is_fine in worst.items()]


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
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (subprocess.TimeoutExpired, OSError):
        return []
    # Colours come even without a terminal in some versions.
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()


def _check(code: str, is_fine: bool, *, is_fatal: bool = True, **values: str) -> Finding:
    bad = Verdict.BAD if is_fatal else Verdict.LIMITED
    return Finding(code, Verdict.GOOD if is_fine else bad, values)


def _has_program(name: str) -> bool:
    return bool(shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin"))


def _acceleration() -> Iterator[Finding]:
    flags = set(Path("/proc/cpuinfo").read_text().split())
    has_flags = os.uname().machine == "aarch64" or bool(flags & {"vmx", "svm"})
    yield _check("cpu-flags", has_flags, is_fatal=False)
    device = Path("/dev/kvm")
    if has_flags or device.exists():
        yield _check("kvm-loaded", device.exists(), is_fatal=False)
    if device.exists():
        yield _check("kvm-open", _is_open_to_hypervisor(device.stat()), is_fatal=False)


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
    yield _check("qemu", any(map(_has_program, EMULATORS)))
    yield _check("qemu-img", _has_program("qemu-img"))
    yield _check("inside", guestfs.is_here(), is_fatal=False)


def _services(run: Path) -> Iterator[Finding]:
    reached = [_reach(run / name) for name in SOCKETS]
    if "" in reached:
        yield Finding("libvirt", Verdict.GOOD)
    elif "denied" in reached:
        yield Finding("libvirt-denied", Verdict.BAD)
    elif _has_program("libvirtd") or _has_program("virtqemud"):
        yield Finding("libvirt-silent", Verdict.BAD)
    else:
        yield Finding("libvirt-missing", Verdict.BAD)
        return
    yield _check("virtlogd", _reach(run / LOG_SOCKET) != "silent", is_fatal=False)
    if Path("/run/systemd/system").is_dir():
        yield _check("at-boot", any(map(_is_enabled, SERVICES)), is_fatal=False)


def _is_enabled(unit: str) -> bool:
    try:
        done = subprocess.run(
            ["systemctl", "is-enabled", "--quiet", unit],
            check=False,
            timeout=5,
            capture_output=True,
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


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
    yield _check("tun", Path("/dev/net/tun").exists())
    yield _check("dnsmasq", _has_program("dnsmasq"), is_fatal=False)
    has_filter = _has_program("iptables") or _has_program("nft")
    yield _check("iptables", has_filter, is_fatal=False)
