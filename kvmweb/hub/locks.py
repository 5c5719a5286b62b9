"""One process at a time, by a lock on a file; the system opens it when the process ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

POLL_S = 0.5


async def locked(path: Path) -> int:
    """The lock's descriptor, once nobody else has it; closing it opens the lock."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(POLL_S)
            else:
                return lock
    except BaseException:
        os.close(lock)
        raise
