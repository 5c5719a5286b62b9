"""Processes beside the portal: libvirt's daemons where nobody starts them, and our own workers."""

from __future__ import annotations

import grp
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

LIBVIRT_SOCKETS = (Path("/run/libvirt/libvirt-sock"), Path("/run/libvirt/virtqemud-sock"))
KVM = Path("/dev/kvm")
VIRTLOGD_SOCKET = Path("/run/libvirt/virtlogd-sock")
WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""The kernel ends the child when the portal ends, however it ends."""
RESTART_S = (1.0, 2.0, 5.0, 10.0)


def answers(path: Path) -> bool:
    """Somebody accepts connections on this socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def libvirt_answers() -> bool:
    """The system's libvirt is up: one daemon, or the modular ones."""
    return any(answers(path) for path in LIBVIRT_SOCKETS)


class Child:
    """One process that belongs to the portal; started again, ever more slowly, when it ends."""

    def __init__(self, command: Sequence[str], *, umask: int = 0o077) -> None:
        self.command = list(command)
        self.umask = umask
        self._ending = threading.Event()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*WITH_US, *self.command],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=self.umask,
        )

    def _watch(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            self._process.wait()
            if self._ending.is_set():
                return
            failures = 0 if time.monotonic() - began > 60 else failures + 1
            if self._ending.wait(RESTART_S[min(failures, len(RESTART_S) - 1)]):
                return
            self._process = self._start()

    def end(self, *, patience_s: float = 8) -> None:
        """Ask it to end, then make it."""
        self._ending.set()
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def has_service_manager() -> bool:
    """Something like systemd runs here and starts libvirt by itself."""
    return Path("/run/systemd/system").is_dir()


def start_libvirt(log_folder: Path) -> list[Child]:
    """Start virtlogd and libvirtd where nobody else does; answers those that we started.

    Never where a service manager runs, nor without root, nor when libvirt answers already.
    Guests go on when these end: libvirt finds them again.
    """
    program = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
    if libvirt_answers() or has_service_manager() or os.geteuid() or not Path(program).exists():
        return []
    log_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    programs = [program]
    if not answers(VIRTLOGD_SOCKET):
        programs.insert(0, str(Path(program).with_name("virtlogd")))
    _share_kvm()
    keeper = Path(__file__).with_name("keeper.py")
    child = Child([sys.executable, "-I", str(keeper), str(log_folder), *programs], umask=0o022)
    _wait_for(libvirt_answers)
    return [child]


def _share_kvm() -> None:
    """Give /dev/kvm to the group kvm, as udev's rule does where udev runs.

    Else libvirt, which probes as root and runs guests as another user, takes its own findings for
    stale and probes QEMU again at every definition: 13 s instead of 0.03 s (libvirt 9.0.0).
    """
    with suppress(KeyError, OSError):
        group = grp.getgrnam("kvm").gr_gid
        found = KVM.stat()
        if found.st_gid != group or found.st_mode & 0o060 != 0o060:
            os.chown(KVM, 0, group)
            KVM.chmod(0o660)


def _wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def start_command(*arguments: str) -> Child:
    """One of our own commands as a process beside the portal.

    The jobs worker looks every 0.1 s, for it answers a person's click.
    """
    return Child([sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments])
