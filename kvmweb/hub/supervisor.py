"""Keeps one worker process per host alive on this machine.

Several hubs may share a machine: whoever holds the lock file runs the worker. The worker inherits
the lock, so that its successor never starts before it has ended. A worker ends itself when the
pipe from its hub closes; one that stops answering is killed, for its calls cannot be interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
from collections.abc import Callable

from django.conf import settings

from kvmweb.core.errors import HostDown, Problem
from kvmweb.hostlink import client
from kvmweb.hub import locks
from kvmweb.hub.lanes import Lane

log = logging.getLogger(__name__)

PING_S = 2.0
PING_DEADLINE_S = 4.0
START_S = 10.0
"""So long a new worker may take until its first answer."""
BACKOFF_FIRST_S = 0.2
BACKOFF_LAST_S = 10.0
SETTLED_S = 30.0
"""A worker that lived so long is restarted without waiting."""


class Supervisor:
    """Starts, watches and restarts the worker of one host. on_silent: it is about to be killed."""

    def __init__(self, host: str, uri: str, on_silent: Callable[[], None]) -> None:
        self.host = host
        self.uri = uri
        self.pid = 0
        self._on_silent = on_silent
        self._questions = Lane(f"ping-{host}")

    async def run(self) -> None:
        """Until cancelled; then the worker is ended."""
        backoff_s = BACKOFF_FIRST_S
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._serve()
                except (OSError, ValueError) as error:
                    log.warning("worker of %s not started: %s", self.host, error)
                if time.monotonic() - began > SETTLED_S:
                    backoff_s = BACKOFF_FIRST_S
                await asyncio.sleep(backoff_s * random.uniform(0.7, 1.3))  # noqa: S311
                backoff_s = min(backoff_s * 2, BACKOFF_LAST_S)
        finally:
            await self._questions.close()

    async def _serve(self) -> None:
        """One life of a worker, once this machine's lock is ours."""
        lock = await locks.locked(settings.KVMWEB_RUN_DIR / f"{self.host}.lock")
        try:
            worker, pipe = await self._start(lock)
        finally:
            os.close(lock)
        self.pid = worker.pid
        watch = asyncio.create_task(self._watch(worker))
        try:
            code = await worker.wait()
            log.warning("worker of %s (pid %d) ended with %d", self.host, worker.pid, code)
        finally:
            watch.cancel()
            os.close(pipe)
            await _end(worker)
            self.pid = 0

    async def _start(self, lock: int) -> tuple[asyncio.subprocess.Process, int]:
        """The process, and the end of the pipe that keeps it alive."""
        theirs, ours = os.pipe()
        try:
            worker = await asyncio.create_subprocess_exec(
                *command("--host", self.host, "--uri", self.uri),
                *("--socket", str(client.socket_path(self.host)), "--parent-fd", str(theirs)),
                pass_fds=(theirs, lock),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=settings.BASE_DIR,
                start_new_session=True,  # Ctrl+C is for the hub, which ends its workers
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        log.info("worker of %s started (pid %d)", self.host, worker.pid)
        return worker, ours

    async def _watch(self, worker: asyncio.subprocess.Process) -> None:
        """Ask it something that needs no libvirt; kill it when it does not answer."""
        give_up = time.monotonic() + START_S
        while True:
            if await self._questions.run(self._is_answering):
                give_up = 0.0
            elif time.monotonic() > give_up and worker.returncode is None:
                log.error("worker of %s (pid %d) does not answer: killed", self.host, worker.pid)
                self._on_silent()
                worker.kill()
                return
            await asyncio.sleep(PING_S if not give_up else 0.1)

    def _is_answering(self) -> bool:
        """A problem that the worker itself reports (libvirt is away) is an answer too."""
        try:
            client.call(self.host, "host.ping", deadline_s=PING_DEADLINE_S)
        except HostDown as problem:
            return problem.__cause__ is None
        except Problem:
            pass
        return True


def command(*arguments: str) -> list[str]:
    """How a worker is called."""
    return [sys.executable, "-m", "kvmweb.hostworker", *arguments]


async def _end(worker: asyncio.subprocess.Process) -> None:
    """Its pipe is closed already: a moment to go by itself, then the end."""
    if worker.returncode is None:
        try:
            async with asyncio.timeout(2):
                await worker.wait()
        except TimeoutError:
            worker.kill()
            await worker.wait()
        except asyncio.CancelledError:
            worker.kill()
            raise
