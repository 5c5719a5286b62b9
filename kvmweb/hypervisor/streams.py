"""A guest's serial console as a stream of bytes.

libvirt's client queues whatever the daemon sends, without limit, as long as nobody reads (measured:
13 MB in 5 s from one virtio console), and has no way to slow the daemon down. So everything is
read at once, on libvirt's thread; whoever gets it decides what to keep. Reading takes from that
queue and is no call; sending, opening and closing are, and happen on the line's own thread.
A lost connection is not seen here (measured: reading just says "try again"): listen to its closing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import libvirt

from kvmweb.core import errors
from kvmweb.hypervisor import faults
from kvmweb.hypervisor.actions import find
from kvmweb.hypervisor.connections import Line

log = logging.getLogger(__name__)

PIECE = 64 * 1024
PIECES_AT_ONCE = 4
"""Then other connections have their turn on libvirt's thread."""
BACKLOG_MAX = 64 * 1024
"""Bytes on their way to the guest; a guest that reads none makes the writers wait."""
OPEN_TRIES = 3
OPEN_PAUSE_S = 0.2
"""The daemon may still be closing the stream of a room that has just ended."""

_WOULD_BLOCK = -2
_READ = libvirt.VIR_STREAM_EVENT_READABLE
_WRITE = libvirt.VIR_STREAM_EVENT_WRITABLE
_OVER = libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


class Console:
    """One open console. `on_output` and `on_end` run on libvirt's thread or the line's: post."""

    def __init__(
        self,
        line: Line,
        uuid: str,
        alias: str,
        *,
        on_output: Callable[[bytes], None],
        on_end: Callable[[], None],
        on_drained: Callable[[], None],
    ) -> None:
        self._line = line
        self._uuid = uuid
        self._alias = alias
        self._on_output = on_output
        self._on_end = on_end
        self._on_drained = on_drained
        self._stream: Any = None
        self._lock = threading.Lock()
        self._backlog = bytearray()
        self._is_flushing = False

    def open(self) -> Future[None]:
        """Open the stream. Raises WrongState, NotFound, Busy (somebody else has it), HostDown."""
        return self._line.submit(self._open)

    def write(self, data: bytes) -> bool:
        """Send this to the guest; False when the writer should wait for `on_drained`."""
        with self._lock:
            self._backlog += data
            if not self._is_flushing:
                self._is_flushing = True
                self._line.submit(self._flush)
            return len(self._backlog) < BACKLOG_MAX

    def close(self) -> None:
        """End the stream, as soon as the line is free."""
        try:
            self._line.submit(self._close)
        except errors.HostDown:
            self._stream = None

    def _open(self, connection: libvirt.virConnect) -> None:
        domain = find(connection, self._uuid)
        for attempt in range(1, OPEN_TRIES + 1):
            stream = connection.newStream(libvirt.VIR_STREAM_NONBLOCK)
            try:
                domain.openConsole(self._alias, stream, 0)
                break
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_OPERATION_FAILED:
                    raise
                if attempt == OPEN_TRIES:
                    raise errors.Busy(error.get_error_message() or "") from error
            time.sleep(OPEN_PAUSE_S)
        stream.eventAddCallback(_READ | _OVER, self._heard, None)
        self._stream = stream

    def _heard(self, stream: Any, events: int, _context: Any) -> None:
        """Runs on libvirt's thread."""
        try:
            if events & _READ and not self._read(stream):
                events |= _OVER
            if events & _WRITE:
                stream.eventUpdateCallback(_READ | _OVER)
                self._line.submit(self._flush)
        except (libvirt.libvirtError, errors.HostDown):
            events |= _OVER
        if events & _OVER:
            try:
                stream.eventUpdateCallback(0)
            except libvirt.libvirtError as error:
                log.debug("quieting a stream: %s", error)
            self._on_end()

    def _read(self, stream: Any) -> bool:
        """Take what is there; False at the end of the stream."""
        for _ in range(PIECES_AT_ONCE):
            piece = stream.recv(PIECE)
            if piece == _WOULD_BLOCK:
                return True
            if not piece:
                return False
            self._on_output(piece)
        return True

    def _flush(self, _connection: libvirt.virConnect) -> None:
        """Send the backlog, on the line's thread."""
        while True:
            with self._lock:
                piece = bytes(self._backlog[:PIECE])
                if not piece or self._stream is None:
                    self._is_flushing = False
                    break
            try:
                sent = self._stream.send(piece)
            except libvirt.libvirtError as error:
                log.debug("console: %s", error)
                self._on_end()
                return
            if sent == _WOULD_BLOCK:
                self._stream.eventUpdateCallback(_READ | _WRITE | _OVER)
                return
            with self._lock:
                del self._backlog[:sent]
        self._on_drained()

    def _close(self, _connection: libvirt.virConnect) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        for end in (stream.eventRemoveCallback, stream.abort):
            try:
                end()
            except libvirt.libvirtError as error:
                log.debug("closing a console: %s", faults.problem(error).detail)
