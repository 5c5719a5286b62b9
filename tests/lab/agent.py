"""A second initrd that brings the guest agent: the distribution's own, with the libraries it needs.

A kernel unpacks all archives of its initrd one after another, so that the tiny guest of the other
suites stays as it is: this one adds `/agent`, whose init (`rdinit=`) starts the agent.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import re
import shutil
import stat
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.build_guest import cpio

PACKAGE = "qemu-guest-agent"
CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
LIBRARY = re.compile(r"lib(?!.*perl)[a-z0-9.+-]+")
NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
INIT = """#!/bin/busybox sh
# Before the guest's own init, which mounts and loads modules: wait for the agent's port, then run.
/bin/busybox mount -t devtmpfs devtmpfs /dev
(
  until [ -d /sys/class/virtio-ports ]; do /bin/busybox sleep 0.2; done
  /bin/busybox sleep 1
  for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] || continue
    kind=$(tr ' ' '\\n' </proc/cmdline | sed -n 's/^guest\\.hostile=//p')
    [ -z "$kind" ] || exec /agent/hostile "$kind" "/dev/${port##*/}"
    mkdir -p /var/run
    export PATH=/bin:/sbin
    exec /agent/ld.so --library-path /agent /agent/qemu-ga -p "/dev/${port##*/}" -l /run/ga.log
  done
) &
exec /init
"""
SHUTDOWN = """#!/bin/sh
# The agent calls it with -h and one of -P, -H, -r; busybox knows poweroff and reboot. A moment
# later, for init ends this very script with all others, and the agent would call that a failure.
case " $* " in *" -r "*) act=reboot ;; *) act=poweroff ;; esac
(sleep 1; "$act") &
"""
CHPASSWD = """#!/bin/sh
# Not the guest's passwords but a note of what was asked: busybox here knows none.
read -r line
grep -q "^${line%%:*}:" /etc/passwd || exit 1
echo "$line $*" >/run/password
"""
HWCLOCK = """#!/bin/sh
busybox hwclock "$@" || exit 0
"""
OS_RELEASE = """PRETTY_NAME="Tiny Linux 1 (lab)"
NAME="Tiny Linux"
ID=tiny
VERSION_ID=1
"""
HOSTILE = Path(__file__).with_name("hostile_agent.sh")


def initrd(image: Path) -> Path:
    """The image's own initrd and the agent's behind it, in one file; built once and kept."""
    known = hashlib.sha256(Path(__file__).read_bytes() + HOSTILE.read_bytes()).hexdigest()[:12]
    target = image / f"initrd-agent-{known}.gz"
    with (image / "agent.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            extra = gzip.compress(cpio(_contents()), 6, mtime=0)
            part = target.with_suffix(".part")
            part.write_bytes((image / "initrd.gz").read_bytes() + extra)
            part.rename(target)
    return target


def _contents() -> Iterator[tuple[str, int, bytes]]:
    for folder in ("agent", "sbin"):
        yield folder, stat.S_IFDIR | 0o755, b""
    yield "agent/init", stat.S_IFREG | 0o755, INIT.encode()
    for folder in ("var", "var/run", "etc"):
        yield folder, stat.S_IFDIR | 0o755, b""
    for name, text in (
        ("agent/hostile", HOSTILE.read_text()), ("sbin/shutdown", SHUTDOWN),
        ("sbin/chpasswd", CHPASSWD), ("sbin/hwclock", HWCLOCK), ("etc/os-release", OS_RELEASE),
    ):  # fmt: skip
        yield name, stat.S_IFREG | 0o755, text.encode()
    yield "var/run/utmp", stat.S_IFREG | 0o644, _signed_in("lab", 1_700_000_000)
    with tempfile.TemporaryDirectory(prefix="agent-") as scratch:
        tree = Path(scratch)
        tree.chmod(0o755)
        for package in [PACKAGE, *_needs(PACKAGE)]:
            _run("apt-get", "download", "-qq", package, cwd=tree)
        for found in tree.glob("*.deb"):
            _run("dpkg-deb", "-x", str(found), str(tree / "tree"))
            found.unlink()
        yield from _program(tree / "tree")


def _signed_in(name: str, since: int) -> bytes:
    """Who is at work in the guest. Source: utmp(5), struct utmp of 64 bit Linux."""
    entry = struct.pack(
        "<hxxi32s4s32s256shhiii16s20x", 7, 1, b"ttyS0", b"s0", name.encode(), b"", 0, 0, 0,
        since, 0, b"",
    )  # fmt: skip
    assert len(entry) == 384
    return entry


def _program(tree: Path) -> Iterator[tuple[str, int, bytes]]:
    """The agent, its loader, and every library that one of them names."""
    by_name = {path.name: path for path in tree.rglob("*.so*")}
    program = next(path for path in tree.rglob("qemu-ga") if path.is_file())
    yield "agent/qemu-ga", stat.S_IFREG | 0o755, program.read_bytes()
    loader = next(path for name, path in by_name.items() if name.startswith("ld-linux"))
    yield "agent/ld.so", stat.S_IFREG | 0o755, loader.read_bytes()
    waiting, seen = [program], {loader.name}
    while waiting:
        for name in NEEDED.findall(_run("readelf", "-d", str(waiting.pop()))):
            if name not in seen:
                seen.add(name)
                waiting.append(by_name[name])
                yield f"agent/{name}", stat.S_IFREG | 0o755, by_name[name].read_bytes()


def _needs(package: str) -> list[str]:
    """The libraries' packages, as apt knows them."""
    told = _run(
        *("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests"),
        *("--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", package),
    )
    return sorted({line for line in told.splitlines() if LIBRARY.fullmatch(line)})


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def is_possible() -> bool:
    """Whether this machine has what it takes to build it."""
    return bool(shutil.which("readelf") and shutil.which("apt-get"))
