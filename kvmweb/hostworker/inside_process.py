"""The process of one look as its worker has it: started, asked, heard, and ended as a group."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import rmtree
from typing import Any

from kvmweb.core import errors, wire
from kvmweb.hypervisor.inside import Layer

log = logging.getLogger(__name__)

ANSWER_S = 30.0
FOLDER = "kvmweb-look-"
PASSED = ("PATH", "PYTHONPATH", "LIBGUESTFS_CACHEDIR")
"""Of the environment: all else may be a secret, and /proc shows it to whoever has the process."""
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """Lives on the asyncio thread. `start` makes one."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket, folder: str):
        self._process = process
        self._line = line
        self._folder = folder
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says of itself, until its end; answers go to whoever asked."""
        while (message := await self._hear()) is not None:
            waiting = self._asked.pop(message.get("id", 0), None)
            if waiting is None:
                yield message
            elif not waiting.done():
                waiting.set_result(message)

    async def ask(self, act: str, descriptor: int | None = None, **args: Any) -> Any:
        """Its answer. descriptor: goes along and is closed here.

        Raises: what it met, TimeoutError, Conflict when it ends meanwhile.
        """
        number, waiting = next(self._numbers), asyncio.get_running_loop().create_future()
        self._asked[number] = waiting
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._send({"id": number, "act": act, "args": args}, descriptor)
                answer = await waiting
        except TimeoutError:
            raise
        except OSError as error:
            raise errors.Conflict("the look has ended") from error
        finally:
            self._asked.pop(number, None)
        if "problem" in answer:
            raise errors.problem(str(answer["problem"]), str(answer.get("detail", "")))
        return answer.get("ok")

    async def end(self) -> None:
        """It and all that it started, now. Twice is once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._line.close()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_result({"problem": errors.Conflict.code, "detail": "it has ended"})
        await self._process.wait()
        await asyncio.to_thread(rmtree, self._folder, ignore_errors=True)

    async def _send(self, message: dict[str, Any], descriptor: int | None) -> None:
        frame = wire.frame(message)
        if descriptor is not None:
            try:
                sent = socket.send_fds(self._line, [frame], [descriptor])
            finally:
                os.close(descriptor)
            frame = frame[sent:]
        await asyncio.get_running_loop().sock_sendall(self._line, frame)

    async def _hear(self) -> dict[str, Any] | None:
        try:
            (length,) = wire.HEADER.unpack(await self._exactly(wire.HEADER.size))
            if length > wire.FRAME_MAX:
                raise ValueError("too large")
            found = json.loads(await self._exactly(length))
        except (OSError, ValueError, RecursionError) as error:
            log.debug("a look said its last: %s", error)
            return None
        return found if isinstance(found, dict) else None

    async def _exactly(self, count: int) -> bytes:
        loop, parts = asyncio.get_running_loop(), []
        while count:
            part = await loop.sock_recv(self._line, min(count, 1024 * 1024))
            if not part:
                raise ConnectionResetError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


async def start(layers: list[Layer], ends: list[socket.socket], *, emulate: bool) -> Process:
    """The process; these ends are its own from now on. Raises OSError."""
    folder = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    command = [sys.executable, "-m", "kvmweb.hostworker.appliance"]
    command += ["--line", str(theirs.fileno()), "--parent", str(os.getpid()), "--folder", folder]
    for layer, end in zip(layers, ends, strict=True):
        command += ["--image", f"{end.fileno()}:{layer.format}"]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            *(["--emulate"] if emulate else []),
            pass_fds=[theirs.fileno(), *(end.fileno() for end in ends)],
            stdin=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            env={name: os.environ[name] for name in PASSED if name in os.environ},
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        rmtree(folder, ignore_errors=True)
        raise
    finally:
        for end in (theirs, *ends):
            end.close()
    return Process(process, ours, folder)


def sweep() -> None:
    """Folders of looks whose worker was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        pid = folder.name.removeprefix(FOLDER).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            rmtree(folder, ignore_errors=True)
