"""First process of a lab host's namespaces: mounts, daemons, and reaping what they leave behind.

Reads commands from standard input, one a line: `libvirtd` starts it (again).  When the input ends
(the tests closed it, or died), this process exits and the kernel ends everything in the namespace.
Without reaping, libvirt waits 40 s for every guest it ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

V1 = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
BOUND = {
    "run": "/run/libvirt",
    "etc": "/etc/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
    "lib": "/var/lib/libvirt",
}
OWN = ("/var/log/swtpm", "/var/lib/swtpm-localca")
"""Empty at the start, and gone with the lab: logs and certificates of emulated TPMs."""


def mount(*arguments: str) -> None:
    """Call mount(8); a lab without one of these mounts is of no use, so failing is right."""
    subprocess.run(["mount", *arguments], check=True)


def mount_cgroups(version: str) -> None:
    """Show the daemons their own cgroup tree: this namespace's part of it, nothing above."""
    if version == "2":
        mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        # Only leaves may hold processes once controllers are handed on to guests.
        leaf = Path("/sys/fs/cgroup/daemons")
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text("0")
        controllers = Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
        for name in controllers:
            try:
                Path("/sys/fs/cgroup/cgroup.subtree_control").write_text(f"+{name}")
            except OSError:
                continue
        return
    mount("-t", "tmpfs", "cgroups", "/sys/fs/cgroup")
    if version != "1":
        return
    for name in V1:
        Path(f"/sys/fs/cgroup/{name}").mkdir()
        mount("-t", "cgroup", "-o", name, "cgroup", f"/sys/fs/cgroup/{name}")
    Path("/sys/fs/cgroup/systemd").mkdir()
    mount("-t", "cgroup", "-o", "none,name=systemd", "cgroup", "/sys/fs/cgroup/systemd")


def furnish(folder: Path, name: str, version: str) -> None:
    """Give the namespaces their own /proc, libvirt folders, cgroups and host name."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    # A fresh one shows the interfaces of this network namespace, not of the machine's.
    mount("-t", "sysfs", "sysfs", "/sys")
    mount_cgroups(version)
    for part, place in BOUND.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        mount("--rbind", str(folder / part), place)
    for place in OWN:
        Path(place).mkdir(parents=True, exist_ok=True)
        mount("-t", "tmpfs", "own", place)
    mount("--bind", str(folder / "hosts"), "/etc/hosts")
    subprocess.run(["hostname", name], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def start_libvirtd() -> None:
    """Start it and come back when it answers on its socket, 10 s at most."""
    command = ["libvirtd", "-d", "-p", "/run/libvirt/libvirtd.pid", "--listen"]
    subprocess.run([*command, "-f", "/etc/libvirt/libvirtd.conf"], check=True)


def obey(line: str) -> None:
    """Do what the tests ask for and say so on standard output."""
    if line == "libvirtd":
        start_libvirtd()
    sys.stdout.write(f"done {line}\n")
    sys.stdout.flush()


def reap() -> None:
    """Collect everything that ended and that nobody else waits for."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def serve() -> None:
    """Reap and obey until the input ends."""
    wake, awake = os.pipe()
    os.set_blocking(awake, False)
    signal.set_wakeup_fd(awake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pending = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [], 5)
        if wake in ready:
            os.read(wake, 4096)
        reap()
        if 0 in ready:
            chunk = os.read(0, 4096)
            if not chunk:
                return
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                obey(line.decode())


def main() -> None:
    """Set up, say that it is ready, serve."""
    folder, name, version = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    # The veth end comes from outside, after this namespace exists.
    if sys.stdin.buffer.raw.readline().strip() != b"go":  # type: ignore[attr-defined]
        return
    furnish(folder, name, version)
    subprocess.run(["virtlogd", "-d", "-p", "/run/libvirt/virtlogd.pid"], check=True)
    start_libvirtd()
    deadline = time.monotonic() + 10
    while not Path("/run/libvirt/libvirt-sock").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    sys.stdout.write("done go\n")
    sys.stdout.flush()
    serve()


if __name__ == "__main__":
    main()
