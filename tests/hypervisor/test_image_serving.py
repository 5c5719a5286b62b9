"""An image for a reader without rights: its bytes, exactly, and no way to write one."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from kvmweb.core import errors
from kvmweb.hypervisor import image_serving
from kvmweb.hypervisor.image_serving import BLOCK, Image, Serving

DATA = os.urandom(3 * BLOCK + 77)
READ, WRITE, DISCONNECT, FLUSH, TRIM, ZEROES = 0, 1, 2, 3, 4, 6


class Reader:
    """The other side of the protocol, as far as a test needs it."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        line.settimeout(10)

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self.line.recv(count - len(found))
            if not piece:
                raise ConnectionResetError
            found += piece
        return found

    def greet(self) -> tuple[int, int]:
        """Size and flags of what is served."""
        assert self.exactly(18)[:16] == b"NBDMAGICIHAVEOPT"
        self.line.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 7, 6) + bytes(6))
        size = flags = -1
        while True:
            _, option, kind, length = struct.unpack(">QIII", self.exactly(20))
            said = self.exactly(length)
            assert option == 7
            if kind == 1:
                return size, flags
            if said[:2] == b"\0\0":
                size, flags = struct.unpack(">QH", said[2:])

    def ask(self, kind: int, start: int, length: int, data: bytes = b"") -> tuple[int, bytes]:
        self.line.sendall(struct.pack(">IHHQQI", 0x25609513, 0, kind, 7, start, length) + data)
        magic, wrong, handle = struct.unpack(">IIQ", self.exactly(16))
        assert (magic, handle) == (0x67446698, 7)
        return wrong, b"" if wrong or kind != READ else self.exactly(length)


@pytest.fixture
def reads() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def reader(reads: list[tuple[int, int]]) -> Iterator[Reader]:
    def read(start: int, length: int) -> bytes:
        reads.append((start, length))
        return DATA[start : start + length]

    serving = Serving([Image(len(DATA), read)])
    serving.greet()
    thread = threading.Thread(target=serving.run)
    thread.start()
    with serving.ends[0] as line:
        yield Reader(line)
    thread.join(10)
    assert not thread.is_alive()


def test_the_bytes_come_as_they_are(reader: Reader, reads: list[tuple[int, int]]) -> None:
    assert reader.greet() == (len(DATA), 0b11)
    for start, length in ((0, 1), (5, BLOCK), (BLOCK - 1, 2), (len(DATA) - 9, 9), (0, len(DATA))):
        assert reader.ask(READ, start, length) == (0, DATA[start : start + length])
    assert len(reads) == len(set(reads)) == 4, "a block is read once"
    assert reader.ask(FLUSH, 0, 0) == (0, b"")


@pytest.mark.parametrize("kind", [TRIM, ZEROES, 5, 7, 99])
def test_what_would_change_something_is_refused(reader: Reader, kind: int) -> None:
    reader.greet()
    assert reader.ask(kind, 0, 512)[0] == 1
    assert reader.ask(READ, 0, 4) == (0, DATA[:4])


def test_who_writes_loses_the_line(reader: Reader) -> None:
    reader.greet()
    with pytest.raises(ConnectionError):
        reader.ask(WRITE, 0, 512, bytes(512))


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, len(DATA) + 1), (len(DATA), 1), (2**63, 512), (0, image_serving.READ_MAX + 1)],
)
def test_nothing_is_read_beyond_the_image(reader: Reader, start: int, length: int) -> None:
    reader.greet()
    assert reader.ask(READ, start, length)[0] == 22


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 4,
        struct.pack(">I8sII", 3, b"IHAVEOPT", 7, 2**31),
        struct.pack(">I8sII", 3, b"NOOPTION", 7, 0),
    ],
)
def test_nonsense_costs_the_line_and_nothing_else(reader: Reader, nonsense: bytes) -> None:
    reader.exactly(18)
    reader.line.sendall(nonsense)
    with pytest.raises(ConnectionError):
        reader.exactly(1)


def test_an_image_that_cannot_be_read_is_an_error_of_its_reader() -> None:
    def read(_start: int, _length: int) -> bytes:
        raise errors.HostDown("away")

    serving = Serving([Image(512, read)])
    serving.greet()
    thread = threading.Thread(target=serving.run)
    thread.start()
    with serving.ends[0] as line:
        reader = Reader(line)
        reader.greet()
        assert reader.ask(READ, 0, 512)[0] == 5
    thread.join(10)
    assert not thread.is_alive()


def test_it_ends_when_it_is_told_to() -> None:
    serving = Serving([Image(512, lambda start, length: bytes(length))])
    serving.greet()
    thread = threading.Thread(target=serving.run)
    thread.start()
    serving.stop()
    serving.stop()
    thread.join(10)
    assert not thread.is_alive()
