"""A guest's screen without a guest: RFB 3.8 that floods or echoes as the client asks.

`python -m bench.console_source SOCKET PORT`: behind the host worker's socket for the portal, and on
a TCP port for websockify. An update request says with its x what is wanted: 1 flood for ever,
2 send w MiB and the mark; a key is echoed by 16 bytes.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from pathlib import Path

from kvmweb.core import rfb, wire

MARK = b"the end of what was asked for.."
ECHO = b"\x00" * 16
CHUNK = b"\x5a" * (256 * 1024)
INIT = (
    struct.pack(">HH", 640, 480)
    + struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
    + struct.pack(">I", 5)
    + b"bench"
)
SIZES = {3: 10, 4: 8}


def exactly(line: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def screen(line: socket.socket) -> None:
    """Serve one viewer until it goes."""
    try:
        line.sendall(rfb.VERSION)
        exactly(line, 12)
        line.sendall(b"\x01\x01")
        exactly(line, 1)
        line.sendall(bytes(4))
        exactly(line, 1)
        line.sendall(INIT)
        while True:
            kind = exactly(line, 1)
            message = exactly(line, SIZES[kind[0]] - 1)
            if kind == b"\x04":
                line.sendall(ECHO)
                continue
            _, wanted, _, mebibytes, _ = struct.unpack(">BHHHH", message)
            while wanted == 1:
                line.sendall(CHUNK)
            for _ in range(mebibytes * 4):
                line.sendall(CHUNK)
            line.sendall(MARK)
    except OSError:
        line.close()


def worker(listener: socket.socket) -> None:
    """Answer `guest.open_screen` as a host's worker does."""
    while True:
        line, _ = listener.accept()
        with line:
            (size,) = wire.HEADER.unpack(exactly(line, wire.HEADER.size))
            json.loads(exactly(line, size))
            ours, theirs = socket.socketpair()
            socket.send_fds(line, [wire.frame({"ok": None})], [theirs.fileno()])
            theirs.close()
            threading.Thread(target=screen, args=(ours,), daemon=True).start()


def main(path: str, port: int) -> None:
    """Until killed."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    behind = socket.socket(socket.AF_UNIX)
    behind.bind(path)
    behind.listen(64)
    threading.Thread(target=worker, args=(behind,), daemon=True).start()
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        while True:
            line, _ = listener.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=screen, args=(line,), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
