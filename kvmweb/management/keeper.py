"""Runs libvirt's daemons where no service manager does, and reaps what they leave behind.

A program of its own without Django: `python keeper.py LOGFOLDER PROGRAM...`.  libvirtd lets QEMU
and dnsmasq go as orphans; somebody must collect them when they end, or libvirt waits 40 s for each
(measured: `virsh define` 63 s, because its probing of QEMU leaves orphans too).  In a container
often nobody does, so this process adopts them.  On SIGTERM the daemons end; guests run on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
RESTART_S = 2.0
PATIENCE_S = 5.0


def spawn(folder: str, program: str) -> int:
    """Start one daemon, its words going to a log file; answers its process id."""
    path = os.path.join(folder, f"{os.path.basename(program)}.log")
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    try:
        return os.posix_spawn(program, [program], os.environ, file_actions=actions, setsid=True)
    finally:
        os.close(log)


def keep(folder: str, programs: list[str]) -> None:
    """Start, reap, start again; returns only by SystemExit."""
    running = {spawn(folder, program): program for program in programs}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            pid, _ = os.waitpid(-1, 0)
            program = running.pop(pid, None)
            if program is not None:
                time.sleep(RESTART_S)
                running[spawn(folder, program)] = program
    finally:
        end(set(running))


def end(pids: set[int]) -> None:
    """Ask the daemons to end, then make them."""
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while pids and time.monotonic() < deadline:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        pids.discard(pid)
        if not pid:
            time.sleep(0.02)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Adopt orphans, then keep the daemons going."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keep(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
