"""What the process of a look may not do, and how the image reaches its appliance.

Runs once, before anything of a guest is read.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import pwd
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

from kvmweb.core import errors
from kvmweb.hypervisor.guestfs import READER

log = logging.getLogger(__name__)

NOBODY = "nobody"
ADDRESS_SPACE = 6 * 1024**3
"""Of each process: QEMU reserves much more than it uses."""
FILE_SIZE = 8 * 1024**3
"""The appliance's own root disk is a sparse file of 4 GiB."""
DESCRIPTORS = 256
READY_S = 15.0
CACHE = "/var/tmp"  # noqa: S108 - libguestfs refuses a cache there that is not its user's own
"""Where the appliance is kept that libguestfs builds of this machine's own files."""
EMULATED = {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
"""Never asks for KVM."""
_DEATH_SIGNAL, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38
_OWN_NETWORK = 0x40000000
"""CLONE_NEWNET of unshare(2): nothing in it but a loopback that is down."""
_KERNELS = Path("/boot")


def confine(folder: str, parent: int) -> None:
    """Limits, another user and no network where this is root, and an end together with the worker.

    The appliance has no network card in any case (libguestfs gives it none unless asked): this is
    for the programs around it.
    """
    _limit()
    environment = _environment(folder)
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        environment |= _kernel(folder)
        if libc.unshare(_OWN_NETWORK):
            log.warning("a look shares the host's network: %s", os.strerror(ctypes.get_errno()))
        _become_nobody(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o077)
    os.chdir(folder)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # or /proc/self is root's, which QEMU opens
    _end_with_parent()
    if os.getppid() != parent:
        raise OSError("the worker is gone")


def serve_images(images: list[str], folder: str) -> None:
    """The chain of images as one disk of plain bytes, at a socket. images: `FD:FORMAT`, top first.

    Every node is named here, formats and what lies below included: nothing is probed, and nothing
    that a header names is opened. Raises NotSupported, Fault.
    """
    program = shutil.which(READER)
    if program is None:
        raise errors.NotSupported(f"{READER} is missing")
    command, below = [program], None
    descriptors: list[int] = []
    for number, (descriptor, kind) in enumerate(image.split(":") for image in reversed(images)):
        descriptors.append(int(descriptor))
        source = {"type": "fd", "str": descriptor}
        line = {"driver": "nbd", "node-name": f"line{number}", "server": source}
        node = {"driver": kind, "node-name": f"image{number}", "file": f"line{number}"}
        if kind != "raw":
            node["backing"] = below  # type: ignore[assignment]
        below = node["node-name"]
        for options in (line, node):
            command += ["--blockdev", json.dumps({**options, "read-only": True})]
    place = disk_of(folder)
    command += ["--nbd-server", f"addr.type=unix,addr.path={place}"]
    command += ["--export", f"type=nbd,id=disk,node-name={below},name=,writable=off"]
    with open(f"{folder}/reader.log", "wb") as words:
        process = subprocess.Popen(
            command, pass_fds=descriptors, stdin=subprocess.DEVNULL, stdout=words, stderr=words,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
    for number in descriptors:
        os.close(number)
    until = time.monotonic() + READY_S
    while not os.path.exists(place):
        if process.poll() is not None or time.monotonic() > until:
            said = Path(f"{folder}/reader.log").read_text("utf-8", "backslashreplace")
            raise errors.Fault(f"the image cannot be read: {said[:300]}")
        time.sleep(0.02)


def disk_of(folder: str) -> str:
    """Where the disk is served."""
    return f"{folder}/disk"


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the worker's own: it may hold secrets."""
    return {
        "PATH": os.environ.get("PATH") or "/usr/sbin:/usr/bin:/sbin:/bin",
        "LIBGUESTFS_CACHEDIR": os.environ.get("LIBGUESTFS_CACHEDIR") or CACHE,
        "HOME": folder,
        "TMPDIR": folder,
        "LIBGUESTFS_TMPDIR": folder,
        "XDG_RUNTIME_DIR": folder,
        "LIBGUESTFS_BACKEND": "direct",
        "LC_ALL": "C.UTF-8",
    }


def _kernel(folder: str) -> dict[str, str]:
    """A kernel that only root may read (Ubuntu's) is copied to where nobody may."""
    found = sorted(_KERNELS.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    modules = [path for path in found if Path("/lib/modules", _version(path)).is_dir()]
    if not modules or modules[-1].stat().st_mode & 0o004:
        return {}
    copy = Path(folder, "vmlinuz")
    shutil.copy2(modules[-1], copy)
    copy.chmod(0o644)
    version = _version(modules[-1])
    return {
        "SUPERMIN_KERNEL": str(copy),
        "SUPERMIN_KERNEL_VERSION": version,
        "SUPERMIN_MODULES": f"/lib/modules/{version}",
    }


def _version(kernel: Path) -> str:
    return kernel.name.removeprefix("vmlinuz-")


def _become_nobody(folder: str) -> None:
    """Who owns nothing; only the group that may use KVM stays."""
    user = pwd.getpwnam(NOBODY)
    os.chown(folder, user.pw_uid, user.pw_gid)
    for entry in os.scandir(folder):
        os.chown(entry.path, user.pw_uid, user.pw_gid)
    device = Path("/dev/kvm")
    os.setgroups([device.stat().st_gid] if device.exists() else [])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
