"""Stands for the agent in a guest: a second peer of QEMU's clipboard, over VNC on the host itself.

`clipboard_peer.py PORT copy TEXT` copies a text as a guest would and keeps it for a while;
`clipboard_peer.py PORT paste` prints the next text that is put on the guest's clipboard.
A program of its own: it runs on the lab's host.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
import zlib

CLIPBOARD = -0x3F5E1A32
TEXT, REQUEST, NOTIFY, PROVIDE = 1, 1 << 25, 1 << 27, 1 << 28
KEPT_S = 20


def main(port: int, what: str, text: str = "") -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=KEPT_S) as line:
        greet(line)
        if what == "copy":
            said = text.encode("latin-1")
            line.sendall(struct.pack(">BxxxI", 6, len(said)) + said)
            time.sleep(KEPT_S)
            return
        line.sendall(struct.pack(">BxHi", 2, 1, CLIPBOARD))
        print("listening", flush=True)
        print(pasted(line), flush=True)


def greet(line: socket.socket) -> None:
    exactly(line, 12)
    line.sendall(b"RFB 003.008\n")
    exactly(line, exactly(line, 1)[0])
    line.sendall(b"\x01")
    exactly(line, 4)
    line.sendall(b"\x01")
    head = exactly(line, 24)
    exactly(line, struct.unpack(">I", head[20:])[0])


def pasted(line: socket.socket) -> str:
    while True:
        kind, length = struct.unpack(">Bxxxi", exactly(line, 8))
        body = exactly(line, abs(length))
        (flags,) = struct.unpack_from(">I", body)
        if kind == 3 and flags & NOTIFY and flags & TEXT:
            line.sendall(struct.pack(">BxxxiI", 6, -4, REQUEST | TEXT))
        elif kind == 3 and flags & PROVIDE:
            plain = zlib.decompressobj().decompress(body[4:])
            return plain[4:].rstrip(b"\0").decode()


def exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
