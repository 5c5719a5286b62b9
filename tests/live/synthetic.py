"""A guest's end of a console without a guest: what the relay is held against byte by byte.

Speaks the host worker's socket, so that everything above it is the real thing.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from pathlib import Path

from kvmweb.core import wire

GREETING = b"RFB 003.008\n"
SERVER_INIT = (
    struct.pack(">HH", 640, 480)
    + struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
    + struct.pack(">I", 4)
    + b"test"
)
PIXELS = b"\x00" * (640 * 480 * 4)


class Worker:
    """Listens where a host's worker would. screens, serials: our ends of what was opened."""

    def __init__(self, path: Path) -> None:
        self.screens: list[socket.socket] = []
        self.serials: list[socket.socket] = []
        self.presses: list[dict[str, object]] = []
        self._changed = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._listener.bind(str(path))
        self._listener.listen(32)
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()
        for line in self.screens + self.serials:
            line.close()

    def screen(self, number: int = 0) -> socket.socket:
        """The guest's end of the screen that was opened as that one; waits for it."""
        return self._nth(self.screens, number)

    def serial(self, number: int = 0) -> socket.socket:
        return self._nth(self.serials, number)

    def _nth(self, lines: list[socket.socket], number: int) -> socket.socket:
        with self._changed:
            assert self._changed.wait_for(lambda: len(lines) > number, 5)
        return lines[number]

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line:
                self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        (size,) = wire.HEADER.unpack(_exactly(line, wire.HEADER.size))
        request = json.loads(_exactly(line, size))
        kept = {"guest.open_screen": self.screens, "guest.open_serial": self.serials}
        lines = kept.get(request["verb"])
        if lines is None:
            self.presses.append(request["args"])
            line.sendall(wire.frame({"ok": None}))
            return
        ours, theirs = socket.socketpair()
        ours.settimeout(10)
        socket.send_fds(line, [wire.frame({"ok": None})], [theirs.fileno()])
        theirs.close()
        with self._changed:
            lines.append(ours)
            self._changed.notify_all()


def greet(screen: socket.socket) -> bytes:
    """The server's part of the handshake; answers the viewer's ClientInit."""
    screen.sendall(GREETING)
    assert _exactly(screen, 12) == GREETING
    screen.sendall(b"\x01\x01")
    assert _exactly(screen, 1) == b"\x01"
    screen.sendall(bytes(4))
    shared = _exactly(screen, 1)
    screen.sendall(SERVER_INIT)
    return shared


def heard(line: socket.socket, *, for_s: float = 0.3) -> bytes:
    """What arrives at the guest within a moment."""
    line.settimeout(for_s)
    found = b""
    try:
        while part := line.recv(65536):
            found += part
    except TimeoutError:
        pass
    line.settimeout(10)
    return found


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data
