"""What a viewer may say to a guest's screen: a streaming reader of RFB client messages.

Pure: bytes in, bytes out. Source: RFC 6143 sections 7.1 to 7.5; the community's rfbproto for
messages 150, 248, 250, 251 and QEMU's 255.
"""

from __future__ import annotations

import struct

from kvmweb.core import rfb_clipboard

VERSION = b"RFB 003.008\n"
VERSION_SIZE = 12
NO_SECURITY = 1
CUT_TEXT_MAX = 64 * 1024
RICH_TEXT_MAX = CUT_TEXT_MAX + rfb_clipboard.PACKED_MORE
ENCODINGS_MAX = 256
_FENCE_MAX = 64

_EXTENDED_MOUSE = -316
_XVP = -309
_QEMU_AUDIO = -259
REFUSED_ENCODINGS = frozenset({_EXTENDED_MOUSE, _XVP, _QEMU_AUDIO})
"""Never asked for, so that the server never speaks them: pointer messages of another length,
power buttons, sound."""

_ENCODINGS, _KEY, _POINTER, _CUT_TEXT = 2, 4, 5, 6
_FENCE, _POWER, _DESKTOP_SIZE, _QEMU = 248, 250, 251, 255
_FIXED = {0: 20, 3: 10, _KEY: 8, _POINTER: 6, 150: 10, _POWER: 4}
_QEMU_KEY_SIZE = 12
_AUDIO_SIZES = {0: 4, 1: 4, 2: 10}
_ACTING = frozenset({_KEY, _POINTER, _CUT_TEXT, _DESKTOP_SIZE, _QEMU})


class NotRfb(Exception):  # noqa: N818 - reads as what is said of the bytes
    """These bytes are no RFB that we let pass; the connection cannot go on."""


class ServerGreeting:
    """Reads the server's part of the handshake and offers the viewer no security but None.

    libvirt authenticated the portal already (SKIPAUTH), so a server that insists on a password
    is one that we cannot show.
    """

    __slots__ = ("_held", "is_over")

    def __init__(self) -> None:
        self._held = b""
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """What the viewer may see of it. Raises NotRfb."""
        if self.is_over:
            return data
        held = self._held + data
        self._held = held
        if len(held) <= VERSION_SIZE:
            return data
        count = held[VERSION_SIZE]
        end = VERSION_SIZE + 1 + count
        shown = held[:VERSION_SIZE][len(held) - len(data) :]
        if len(held) < end:
            return shown
        if not held.startswith(b"RFB 003.008") or NO_SECURITY not in held[VERSION_SIZE + 1 : end]:
            raise NotRfb("the screen asks for a password or speaks an old protocol")
        self.is_over, self._held = True, b""
        return shown + bytes((1, NO_SECURITY)) + held[end:]


class ViewerMessages:
    """Lets whole messages through: all of a driver's, only the looking ones of a watcher.

    The shared flag is forced, so that nobody can throw the others out.
    """

    __slots__ = ("_held", "_is_rich", "_keys", "_need", "_pointer", "_skip", "_stage", "has_acted")

    def __init__(self) -> None:
        self.has_acted = False
        self._held = bytearray()
        self._is_rich = False
        self._need = 0
        self._skip = 0
        self._stage = 0
        self._keys: dict[bytes, bytes] = {}
        self._pointer = b""

    @property
    def is_talking(self) -> bool:
        """The handshake is over."""
        return self._stage == len(_HANDSHAKE)

    def feed(self, data: bytes, *, may_drive: bool) -> bytes:
        """What goes on to the guest. Raises NotRfb for a message that nobody may send."""
        if self._held:
            self._held += data
            if len(self._held) < self._need:
                return b""
            data = bytes(self._held)
            self._held.clear()
        passed: list[bytes] = []
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            size = self._size(data, at)
            if at + size > len(data):
                self._need = size
                self._held += data[at:]
                break
            message = data[at : at + size]
            at += size
            passed.append(self._judged(message, may_drive))
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def let_go(self) -> bytes:
        """Releases for every key and button still down: said when the driver's seat is lost."""
        releases = [*self._keys.values(), self._pointer]
        self._keys.clear()
        self._pointer = b""
        return b"".join(releases)

    def _size(self, data: bytes, at: int) -> int:
        """Length of the message at this place, or how much of it is needed to know."""
        if not self.is_talking:
            return len(_HANDSHAKE[self._stage])
        kind = data[at]
        size = _FIXED.get(kind)
        if size is not None:
            return size
        measure = _MEASURES.get(kind)
        if measure is None:
            raise NotRfb(f"message {kind} is unknown")
        return measure(data, at, len(data) - at)

    def _judged(self, message: bytes, may_drive: bool) -> bytes:
        if not self.is_talking:
            return self._greeted(message)
        kind = message[0]
        self.has_acted = may_drive and kind in _ACTING
        if kind == _ENCODINGS:
            wanted = _wanted(message)
            self._is_rich = rfb_clipboard.ENCODING in wanted
            return struct.pack(f">BxH{len(wanted)}i", _ENCODINGS, len(wanted), *wanted)
        if kind not in _ACTING:
            return b"" if kind == _POWER else message
        if kind == _CUT_TEXT:
            return self._cut_text(message, may_drive)
        if not may_drive or (kind == _QEMU and message[1] != 0):
            return b""
        self._remember(kind, message)
        return message

    def _greeted(self, message: bytes) -> bytes:
        """Version, choice of security, ClientInit: one after the other."""
        expected = _HANDSHAKE[self._stage]
        self._stage += 1
        if self.is_talking:
            return b"\x01"
        if message != expected:
            raise NotRfb("the viewer chose another protocol or security")
        return message

    def _cut_text(self, message: bytes, may_drive: bool) -> bytes:
        """Whole within the limit; `_cut_text_size` gives only the head of one that is not."""
        (length,) = struct.unpack_from(">i", message, 4)
        if not -RICH_TEXT_MAX <= length <= CUT_TEXT_MAX:
            self._skip = abs(length)
            return b""
        if not may_drive or (length < 0 and not self._is_rich):
            return b""
        return message if length >= 0 else rfb_clipboard.rewritten(message[8:], CUT_TEXT_MAX)

    def _remember(self, kind: int, message: bytes) -> None:
        if kind == _POINTER:
            self._pointer = b"\x05\x00" + message[2:] if message[1] else b""
        elif kind in (_KEY, _QEMU):
            key = message[4:]
            if message[1] if kind == _KEY else message[3]:
                up = b"\x04\x00" if kind == _KEY else b"\xff\x00\x00\x00"
                self._keys[key] = up + message[2 if kind == _KEY else 4 :]
            else:
                self._keys.pop(key, None)


def _encodings_size(data: bytes, at: int, have: int) -> int:
    if have < 4:
        return 4
    (count,) = struct.unpack_from(">H", data, at + 2)
    if count > ENCODINGS_MAX:
        raise NotRfb("too many encodings")
    return 4 + 4 * int(count)


def _cut_text_size(data: bytes, at: int, have: int) -> int:
    if have < 8:
        return 8
    (length,) = struct.unpack_from(">i", data, at + 4)
    return 8 + abs(length) if -RICH_TEXT_MAX <= length <= CUT_TEXT_MAX else 8


def _fence_size(data: bytes, at: int, have: int) -> int:
    if have < 9:
        return 9
    length = data[at + 8]
    if length > _FENCE_MAX:
        raise NotRfb("fence too long")
    return 9 + length


def _desktop_size_size(data: bytes, at: int, have: int) -> int:
    return 8 if have < 8 else 8 + 16 * data[at + 6]


def _qemu_size(data: bytes, at: int, have: int) -> int:
    if have < 4:
        return 4
    if data[at + 1] == 0:
        return _QEMU_KEY_SIZE
    size = _AUDIO_SIZES.get(struct.unpack_from(">H", data, at + 2)[0])
    if data[at + 1] != 1 or size is None:
        raise NotRfb("QEMU message unknown")
    return size


def _wanted(message: bytes) -> list[int]:
    """Encodings that the viewer knows, without those that nobody may ask for."""
    known = [int(code) for (code,) in struct.iter_unpack(">i", message[4:])]
    return [code for code in known if code not in REFUSED_ENCODINGS]


_HANDSHAKE = (VERSION, bytes((NO_SECURITY,)), b"\x01")
_MEASURES = {
    _ENCODINGS: _encodings_size,
    _CUT_TEXT: _cut_text_size,
    _FENCE: _fence_size,
    _DESKTOP_SIZE: _desktop_size_size,
    _QEMU: _qemu_size,
}
