"""A viewer that costs little: a bare socket, WebSocket frames counted in place."""

from __future__ import annotations

import base64
import os
import select
import socket
import struct
import time

from bench.console_source import ECHO, INIT, MARK
from kvmweb.core import rfb

CLOSE, PING = 8, 9
KEY = struct.pack(">BBxxI", 4, 1, 0x61)


def asked(what: int, mebibytes: int = 0) -> bytes:
    """An update request that means something to the source."""
    return struct.pack(">BBHHHH", 3, 1, what, 0, mebibytes, 0)


class Viewer:
    """One connection: over WebSocket, or with `direct` straight to the source."""

    def __init__(
        self, port: int, path: str = "/", headers: tuple[str, ...] = (), *, direct: bool = False
    ) -> None:
        self.line = socket.create_connection(("127.0.0.1", port))
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line.settimeout(60)
        self.is_direct = direct
        self.held = b""
        if not direct:
            self._upgrade(port, path, headers)
        self.take(12)
        self.say(rfb.VERSION)
        self.take(2)
        self.say(b"\x01")
        self.take(4)
        self.say(b"\x01")
        self.take(len(INIT))

    def _upgrade(self, port: int, path: str, headers: tuple[str, ...]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
            "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
            *headers, "", "",
        ]  # fmt: skip
        self.line.sendall("\r\n".join(lines).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.line.recv(4096)
        head, _, self.held = answer.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode(errors="replace"))

    def say(self, data: bytes) -> None:
        """To the guest."""
        if not self.is_direct:
            mask = b"\x00\x00\x00\x00"
            data = struct.pack(">BB", 0x82, 0x80 | len(data)) + mask + data
        self.line.sendall(data)

    def take(self, size: int) -> bytes:
        """So many bytes of the console; what is said beside it is left out."""
        found = b""
        while len(found) < size:
            if self.is_direct:
                found += self._some()
            else:
                kind, payload = self._frame()
                found += payload if kind == 2 else b""
        return found

    def key(self) -> float:
        """Seconds from a key to its echo."""
        began = time.perf_counter()
        self.say(KEY)
        self.take(len(ECHO))
        return time.perf_counter() - began

    def pull(self, mebibytes: int) -> float:
        """MB/s of so much."""
        began = time.perf_counter()
        self.say(asked(2, mebibytes))
        buffer = bytearray(1024 * 1024)
        view, tail = memoryview(buffer), b""
        while not tail.endswith(MARK):
            got = self.line.recv_into(view)
            tail = (tail + bytes(view[max(0, got - len(MARK)) : got]))[-len(MARK) :]
        return mebibytes * 1.048576 / (time.perf_counter() - began)

    def flood(self) -> None:
        """Ask for bytes without end."""
        self.say(asked(1))

    def swallow(self) -> None:
        """Read for ever."""
        buffer = bytearray(1024 * 1024)
        while self.line.recv_into(buffer):
            pass

    def attend(self) -> None:
        """Take what came while nobody looked, and answer the server's pings."""
        while self.held or select.select([self.line], [], [], 0)[0]:
            kind, payload = self._frame()
            if kind == PING:
                self.line.sendall(struct.pack(">BB4x", 0x8A, 0x80 | len(payload)) + payload)

    def close(self) -> None:
        """Go."""
        self.line.close()

    def _some(self) -> bytes:
        data = self.held or self.line.recv(65536)
        self.held = b""
        if not data:
            raise ConnectionResetError
        return data

    def _frame(self) -> tuple[int, bytes]:
        data = self._need(2)
        size, head = data[1] & 0x7F, 2
        if size == 126:
            size, head = struct.unpack_from(">H", self._need(4), 2)[0], 4
        elif size == 127:
            size, head = struct.unpack_from(">Q", self._need(10), 2)[0], 10
        whole = self._need(head + size)
        self.held = whole[head + size :]
        if whole[0] & 0x0F == CLOSE:
            raise ConnectionResetError(whole[head + 2 : head + size].decode())
        return whole[0] & 0x0F, whole[head : head + size]

    def _need(self, size: int) -> bytes:
        while len(self.held) < size:
            part = self.line.recv(65536)
            if not part:
                raise ConnectionResetError
            self.held += part
        return self.held
