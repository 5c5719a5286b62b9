"""Is this machine fit to run guests, and the portal?  What `manage.py doctor` prints.

The host worker looks, in a process of its own: what it finds here is what the page of a host on
this machine shows, and no libvirt comes into this process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from kvmweb.core import wire
from kvmweb.core.readiness import Finding, Readiness, Verdict
from kvmweb.services.marks import open_to_all

LOW_DISK = 2 * 1024**3
LIMIT_S = 60


@open_to_all("facts of the machine, for the operator at its command line")
def examine(data_folder: Path) -> list[Finding]:
    """What the machine itself says, and whether the portal's own folder has room."""
    return [*_looked_at(), *([_room(data_folder)] if data_folder.exists() else [])]


def _looked_at() -> tuple[Finding, ...]:
    command = [sys.executable, "-m", "kvmweb.hostworker", "--examine", "--uri", ""]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )
        return wire.from_plain(Readiness, json.loads(done.stdout)).findings
    except (subprocess.TimeoutExpired, OSError, ValueError, TypeError):
        return (Finding("worker", Verdict.BAD),)


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    is_fine = os.access(folder, os.W_OK) and free > LOW_DISK
    values = {"folder": str(folder), "free": str(free // 1024**3)}
    return Finding("room-data", Verdict.GOOD if is_fine else Verdict.LIMITED, values)
