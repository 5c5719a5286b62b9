"""PostgreSQL and Redis of the tests' own: on loopback, on free ports, in temporary folders."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNPRIVILEGED = ("postgres", "redis", "nobody")


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _as_nobody(folder: Path) -> list[str]:
    """What to put before a command so that it does not run as root (PostgreSQL refuses to).

    The kernel ends the server when the tests' process dies, whatever it dies of.
    """
    end_with_us = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() != 0:
        return end_with_us
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            return [*end_with_us, *ids]
    raise RuntimeError("no unprivileged user to run the servers as")


def _find(program: str) -> str:
    """Debian keeps PostgreSQL's servers out of PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    found = shutil.which(program) or (str(versions[-1]) if versions else "")
    if not found:
        raise RuntimeError(f"{program} is not installed: run `make test`, which installs it")
    return found


def _wait_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"server did not start: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _running(command: list[str], port: int, folder: Path, stop: signal.Signals) -> Iterator[None]:
    log = folder.parent / f"{folder.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder
        )
    try:
        _wait_listening(port, process, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)


@contextmanager
def postgres() -> Iterator[str]:
    """A fresh cluster; yields the URL of an empty database, with room to create more."""
    folder = Path(tempfile.mkdtemp(prefix="kvp-", dir="/tmp"))
    prefix, port = _as_nobody(folder), free_port()
    data = folder / "data"
    made = subprocess.run(
        [*prefix, _find("initdb"), "-D", data, "-U", "kvmweb", "-A", "trust", "-E", "UTF8",
         "--locale=C.UTF-8", "--no-sync"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise RuntimeError(made.stderr)
    settings = (
        "listen_addresses=127.0.0.1", f"port={port}", "fsync=off", "full_page_writes=off",
        "synchronous_commit=off", f"unix_socket_directories={folder}", "max_connections=200",
        "shared_buffers=32MB",
    )  # fmt: skip
    options = [part for setting in settings for part in ("-c", setting)]
    command = [*prefix, _find("postgres"), "-D", str(data), *options]
    with _running(command, port, folder, signal.SIGINT):
        _wait_accepting(port)
        yield f"postgres://kvmweb@127.0.0.1:{port}/postgres"


def _wait_accepting(port: int) -> None:
    """It listens a moment before it lets anybody in."""
    import psycopg

    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(f"postgres://kvmweb@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextmanager
def redis() -> Iterator[str]:
    """An empty Redis that keeps nothing; yields its URL."""
    folder = Path(tempfile.mkdtemp(prefix="kvr-", dir="/tmp"))
    prefix, port = _as_nobody(folder), free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    command = [*prefix, _find("redis-server"), *options, "--dir", str(folder)]
    with _running(command, port, folder, signal.SIGTERM):
        yield f"redis://127.0.0.1:{port}/0"
