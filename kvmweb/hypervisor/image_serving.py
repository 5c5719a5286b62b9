"""Images of a host for a reader that has no right of its own: bytes alone, and only to be read.

A plain NBD server (fixed newstyle, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md)
over one end of a socket pair for each image. There is no path in it, and no way to write: whoever
reads what a guest has made cannot be talked into opening, or changing, anything else.
"""

from __future__ import annotations

import logging
import select
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable

from kvmweb.core import errors

log = logging.getLogger(__name__)

BLOCK = 128 * 1024
"""What is read at once: each read of libvirt's is a stream of its own."""
KEPT = 128
"""Blocks of all images together that are kept: 16 MiB."""
READ_MAX = 1024 * 1024
OPTION_MAX = 4096
SILENT_S = 10.0

Read = Callable[[int, int], bytes]

_GREETING = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 0b11)
_OPTION = struct.Struct(">8sII")
_ANSWER = struct.Struct(">QIII")
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_ANSWER_MAGIC, _REQUEST_MAGIC, _REPLY_MAGIC = 0x3E889045565A9, 0x25609513, 0x67446698
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_ACK, _SAID, _UNKNOWN = 1, 3, 0x80000001
_READ_ONLY = 0b11
_CMD_READ, _CMD_DISCONNECT, _CMD_FLUSH = 0, 2, 3
_EPERM, _EIO, _EINVAL = 1, 5, 22


class Image:
    """size: bytes of the file itself. read: so many bytes from this place on."""

    def __init__(self, size: int, read: Read) -> None:
        self.size = size
        self._read = read

    def block(self, number: int) -> bytes:
        """One block of it; the last may be shorter."""
        start = number * BLOCK
        return self._read(start, min(BLOCK, self.size - start))


class Serving:
    """Serves images until their readers leave, or until `stop`. One thread, one read at a time."""

    def __init__(self, images: list[Image]) -> None:
        pairs = [socket.socketpair() for _ in images]
        self.ends = [theirs for _, theirs in pairs]
        """For the reader, in the order of the images."""
        self._lines = {ours: image for (ours, _), image in zip(pairs, images, strict=True)}
        self._greeted: set[socket.socket] = set()
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._woken, self._waker = socket.socketpair()

    def stop(self) -> None:
        """From another thread. Twice is once."""
        try:
            self._waker.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("it has ended already: %s", error)

    def run(self) -> None:
        """Never raises: a reader that talks nonsense loses its line."""
        for line in self._lines:
            line.settimeout(SILENT_S)
        try:
            while self._lines:
                ready, _, _ = select.select([self._woken, *self._lines], [], [])
                if self._woken in ready:
                    break
                for line in ready:
                    self._turn(line)
        finally:
            for end in (*self._lines, self._woken, self._waker):
                end.close()

    def _turn(self, line: socket.socket) -> None:
        try:
            goes_on = self._request(line) if line in self._greeted else self._greet(line)
        except (OSError, struct.error, errors.Problem) as error:
            log.info("a reader of an image lost its line: %s", error)
            goes_on = False
        if not goes_on:
            self._lines.pop(line, None)
            line.close()

    def _greet(self, line: socket.socket) -> bool:
        """What is asked for before the first request; answers whether any may follow."""
        image = self._lines[line]
        (_flags,) = struct.unpack(">I", _exactly(line, 4))
        while True:
            magic, option, length = _OPTION.unpack(_exactly(line, _OPTION.size))
            if magic != b"IHAVEOPT" or length > OPTION_MAX:
                return False
            _exactly(line, length)
            if option == _EXPORT_NAME:
                line.sendall(struct.pack(">QH", image.size, _READ_ONLY))
                break
            if option in (_INFO, _GO):
                said = struct.pack(">HQH", 0, image.size, _READ_ONLY)
                _answer(line, option, _SAID, said)
                _answer(line, option, _SAID, struct.pack(">HIII", 3, 1, 4096, READ_MAX))
            known = option in (_ABORT, _INFO, _GO)
            _answer(line, option, _ACK if known else _UNKNOWN)
            if option == _ABORT:
                return False
            if option == _GO:
                break
        self._greeted.add(line)
        return True

    def greet(self) -> None:
        """The first word is the server's."""
        for line in self._lines:
            line.sendall(_GREETING)

    def _request(self, line: socket.socket) -> bool:
        magic, _flags, kind, handle, start, length = _REQUEST.unpack(_exactly(line, _REQUEST.size))
        if magic != _REQUEST_MAGIC or kind == _CMD_DISCONNECT or kind == 1:
            return False  # a write brings data along, and nobody here was offered any
        wrong, data = _EPERM, b""
        if kind == _CMD_FLUSH:
            wrong = 0
        elif kind == _CMD_READ:
            wrong, data = self._data(self._lines[line], start, length)
        line.sendall(_REPLY.pack(_REPLY_MAGIC, wrong, handle) + data)
        return True

    def _data(self, image: Image, start: int, length: int) -> tuple[int, bytes]:
        if length > READ_MAX or start + length > image.size:
            return _EINVAL, b""
        try:
            first, last = start // BLOCK, (start + max(1, length) - 1) // BLOCK
            found = b"".join(self._block(image, number) for number in range(first, last + 1))
        except errors.Problem as problem:
            log.warning("an image could not be read: %s", problem)
            return _EIO, b""
        at = start - first * BLOCK
        data = found[at : at + length]
        return (0, data) if len(data) == length else (_EIO, b"")

    def _block(self, image: Image, number: int) -> bytes:
        key = (id(image), number)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = image.block(number)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def _answer(line: socket.socket, option: int, kind: int, said: bytes = b"") -> None:
    line.sendall(_ANSWER.pack(_ANSWER_MAGIC, option, kind, len(said)) + said)


def _exactly(line: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = line.recv(count)
        if not part:
            raise ConnectionResetError("it has left")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
