"""Connections by purpose, each with the one thread that may call on it.

Measured (libvirt 9.0.0): two threads in calls on one connection kill the process when the host
freezes and keepalive fires. So a `Line` is one connection and one thread: at most one call in
flight, by construction. An open to a frozen host never returns; nothing here waits for a line
without a deadline, and whoever watches reads `pending_s`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import libvirt

from kvmweb.core import errors
from kvmweb.hypervisor import eventloop, faults

log = logging.getLogger(__name__)

T = TypeVar("T")

KEEPALIVE_LOCAL = (2, 2)
"""interval, count: a frozen daemon is noticed after interval x (count + 1) = 6 s."""
KEEPALIVE_REMOTE = (4, 3)


class Line:
    """One libvirt connection, opened at the first call, and the thread that calls on it."""

    def __init__(
        self, uri: str, purpose: str, *, on_close: Callable[[str], None] | None = None
    ) -> None:
        self.uri = uri
        self.purpose = purpose
        self._on_close = on_close
        self._connection: libvirt.virConnect | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=purpose)
        self._began: float | None = None
        self._waiting = 0
        self._lock = threading.Lock()

    @property
    def pending_s(self) -> float:
        """How long the call in flight has lasted; 0 when there is none."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    @property
    def load(self) -> int:
        """Calls in flight and waiting."""
        return self._waiting

    def submit(self, work: Callable[[libvirt.virConnect], T]) -> Future[T]:
        """Have the line's thread do this with the connection. Errors come as our problems."""
        with self._lock:
            self._waiting += 1
        try:
            return self._thread.submit(self._turn, work)
        except RuntimeError as error:
            raise errors.HostDown("the connection was given up") from error

    def call(self, work: Callable[[libvirt.virConnect], T], deadline_s: float) -> T:
        """The result of this work. Raises TimeoutError; the call itself then stays in flight."""
        return self.submit(work).result(deadline_s)

    def retire(self) -> None:
        """Let go of the connection, as soon as a call in flight lets us."""
        try:
            self._thread.submit(self._close)
        except RuntimeError:
            return
        self._thread.shutdown(wait=False)

    def _turn(self, work: Callable[[libvirt.virConnect], T]) -> T:
        self._began = time.monotonic()
        try:
            with faults.translated():
                return work(self._open())
        finally:
            self._began = None
            with self._lock:
                self._waiting -= 1

    def _open(self) -> libvirt.virConnect:
        if self._connection is not None and self._connection.isAlive():
            return self._connection
        self._close()
        eventloop.start()
        connection = libvirt.openAuth(self.uri, [[], _no_credentials, None], 0)
        _keep_alive(connection, self.uri)
        if self._on_close:
            _on_close(connection, self._on_close)
        self._connection = connection
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except libvirt.libvirtError as error:
            log.debug("closing a connection: %s", error)


def _no_credentials(_wanted: Any, _context: Any) -> int:
    """Nobody sits at the worker's terminal: an open that asks for a password fails."""
    return -1


def _keep_alive(connection: libvirt.virConnect, uri: str) -> None:
    interval, count = KEEPALIVE_LOCAL if is_local(uri) else KEEPALIVE_REMOTE
    try:
        connection.setKeepAlive(interval, count)
    except libvirt.libvirtError as error:
        if not is_test(uri):
            log.warning("no keepalive on %s: %s", uri, error)


_REASONS = {
    libvirt.VIR_CONNECT_CLOSE_REASON_ERROR: "connection error",
    libvirt.VIR_CONNECT_CLOSE_REASON_EOF: "the libvirt daemon ended the connection",
    libvirt.VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "the host did not answer keepalive",
    libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT: "closed",
}


def _on_close(connection: libvirt.virConnect, report: Callable[[str], None]) -> None:
    def closed(_connection: Any, reason: int, _context: Any) -> None:
        if reason != libvirt.VIR_CONNECT_CLOSE_REASON_CLIENT:
            report(_REASONS.get(reason, "closed"))

    try:
        connection.registerCloseCallback(closed, None)
    except libvirt.libvirtError as error:
        log.debug("no close callback: %s", error)


class Lines:
    """The lines of one host. A `test://` file lives in one connection, so there all are one."""

    def __init__(self, uri: str, *, on_close: Callable[[str], None] | None = None) -> None:
        self.uri = uri
        self._on_close = on_close
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()

    def of(self, purpose: str) -> Line:
        """The line for this purpose, made when first asked for."""
        name = "only" if is_test(self.uri) else purpose
        with self._lock:
            if name not in self._lines:
                is_watched = name in ("only", "events")
                self._lines[name] = Line(
                    self.uri, name, on_close=self._on_close if is_watched else None
                )
            return self._lines[name]

    def freest(self, purpose: str, limit: int) -> Line:
        """The least busy of up to `limit` lines of this purpose; a new one only when all work."""
        for order in range(limit):
            line = self.of(f"{purpose}-{order}")
            if not line.load:
                return line
        return min((self.of(f"{purpose}-{order}") for order in range(limit)), key=_load)

    def release(self, purpose: str) -> None:
        """Let the next caller have a new line; whoever holds this one retires it."""
        with self._lock:
            self._lines.pop(purpose, None)

    def drop(self, purpose: str) -> None:
        """Give up the line of this purpose: its call hangs, and the next caller gets a new one."""
        with self._lock:
            line = self._lines.pop(purpose, None)
        if line:
            line.retire()

    def all(self) -> list[Line]:
        """Every line made so far."""
        with self._lock:
            return list(self._lines.values())

    def retire(self) -> None:
        """Let go of all of them."""
        for line in self.all():
            line.retire()


def _load(line: Line) -> int:
    return line.load


def is_test(uri: str) -> bool:
    """libvirt's own imitation of a hypervisor, inside this process."""
    return uri.startswith("test:")


def is_local(uri: str) -> bool:
    """The hypervisor's processes and files are on this machine."""
    parts = urlsplit(uri)
    return not parts.hostname and parts.scheme.split("+")[-1] not in ("ssh", "tcp", "tls")


def run_folder(uri: str) -> str | None:
    """Where the local QEMU driver keeps its pid files; None when we cannot see them."""
    parts = urlsplit(uri)
    if not is_local(uri) or parts.scheme.split("+")[0] != "qemu":
        return None
    address = parse_qs(parts.query).get("socket", [""])[0]
    if address:
        return os.path.join(os.path.dirname(address), "qemu")
    if parts.path == "/session":
        base = os.environ.get("XDG_RUNTIME_DIR", "")
        return os.path.join(base, "libvirt/qemu/run") if base else None
    return "/run/libvirt/qemu"
