"""Notices of the other processes of this machine, where the layer is one process's memory.

The process that carries notices listens at a datagram socket in the run folder; jobs and commands
post there. Nobody listening, or a full socket, costs live updates and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings

from kvmweb.core.topics import Notice

log = logging.getLogger(__name__)

LETTER_MAX = 2000
AT_ONCE = 100
"""Letters read in one go, before the loop's other work has its turn."""


def address() -> Path:
    """Where the letter box hangs."""
    return Path(settings.KVMWEB_RUN_DIR) / "notices.sock"


def send(notices: Iterable[Notice]) -> None:
    """Never raises, never waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        with contextlib.suppress(OSError):
            for notice in notices:
                letter = json.dumps([notice.topic, notice.ref, notice.rev])
                line.sendto(letter.encode(), str(address()))


class Box:
    """The letter box of the process whose loop carries notices."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[list[Notice]], None]):
        self._loop, self._take = loop, take
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        address().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = address().with_suffix(f".{os.getpid()}")
        fresh.unlink(missing_ok=True)
        self._line.bind(str(fresh))
        fresh.chmod(0o600)
        fresh.replace(address())
        loop.add_reader(self._line.fileno(), self._read)

    def close(self) -> None:
        """Take it down."""
        self._loop.remove_reader(self._line.fileno())
        self._line.close()
        address().unlink(missing_ok=True)

    def _read(self) -> None:
        found = []
        with contextlib.suppress(BlockingIOError):
            for _ in range(AT_ONCE):
                letter = self._line.recv(LETTER_MAX)
                try:
                    topic, ref, rev = json.loads(letter)
                    found.append(Notice(str(topic), str(ref), int(rev)))
                except (ValueError, TypeError, RecursionError):
                    log.warning("a letter that is no notice was thrown away")
        self._take(found)
