"""Serial rooms: libvirt allows one stream per console, a room seats many viewers at it.

A newcomer first gets what was on the screen lately. The fastest viewer sets the pace: one that
falls behind by BEHIND_MAX is moved on to the newest output, one that takes nothing at all for
STALLED_S loses the seat. Memory is bounded whatever the guest and the viewers do.
Everything here lives on the asyncio thread, unless said otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable

from kvmweb.core import errors
from kvmweb.hostworker.publisher import Publisher
from kvmweb.hypervisor.connections import Lines
from kvmweb.hypervisor.streams import Console

log = logging.getLogger(__name__)

SCROLLBACK = 64 * 1024
REMEMBERED_MAX = 64
BEHIND_MAX = 1024 * 1024
STALLED_S = 15.0
INPUT_PIECE = 4096
SEATS_MAX = 64
LINE_HUNG_S = 15.0


class Seat:
    """One viewer: our end of a socket pair and what it has not taken yet."""

    def __init__(self, room: Room, end: socket.socket) -> None:
        self._room = room
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._moved_at = time.monotonic()
        self._is_listening = False
        end.setblocking(False)
        self.listen()

    @property
    def is_stalled(self) -> bool:
        """Output waits, and nothing was taken for STALLED_S."""
        return bool(self._waiting) and time.monotonic() - self._moved_at > STALLED_S

    def feed(self, data: bytes) -> None:
        """Send this, now or when the viewer takes it."""
        if not self._waiting:
            self._moved_at = time.monotonic()
        self._waiting += data
        if len(self._waiting) > BEHIND_MAX:
            self._waiting = bytearray(self._room.recent())
        self._push()

    def listen(self) -> None:
        """Take what the viewer types."""
        if not self._is_listening:
            self._is_listening = True
            self._loop.add_reader(self._end, self._typed)

    def pause(self) -> None:
        """The guest takes no more input for now."""
        if self._is_listening:
            self._is_listening = False
            self._loop.remove_reader(self._end)

    def close(self) -> None:
        """End of the show: the viewer reads what is in the pipe, then end of file."""
        self.pause()
        self._loop.remove_writer(self._end)
        self._end.close()

    def _push(self) -> None:
        try:
            while self._waiting:
                sent = self._end.send(self._waiting)
                del self._waiting[:sent]
                self._moved_at = time.monotonic()
        except BlockingIOError:
            self._loop.add_writer(self._end, self._push)
            return
        except OSError:
            self._room.leave(self)
            return
        self._loop.remove_writer(self._end)

    def _typed(self) -> None:
        try:
            data = self._end.recv(INPUT_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._room.type(data)
        else:
            self._room.leave(self)


class Room:
    """One console and its viewers."""

    def __init__(
        self,
        lines: Lines,
        uuid: str,
        alias: str,
        ended: Callable[[Room], None],
        before: bytes = b"",
    ) -> None:
        self.uuid = uuid
        self.alias = alias
        self.seats: set[Seat] = set()
        self._loop = asyncio.get_running_loop()
        self._ended = ended
        self._scrollback = bytearray(before)
        self._is_cut = False
        self._lock = threading.Lock()
        self._inbox = bytearray()
        self._console = Console(
            lines.of("streams"),
            uuid,
            alias,
            on_output=self._heard,
            on_end=lambda: self._post(self.end),
            on_drained=lambda: self._post(self._listen),
        )
        self.opening = asyncio.wrap_future(self._console.open())

    def join(self) -> socket.socket:
        """A seat; the viewer's end of its socket pair. Raises Busy when the room is full."""
        if len(self.seats) >= SEATS_MAX:
            raise errors.Busy("too many viewers on this console")
        ours, theirs = socket.socketpair()
        seat = Seat(self, ours)
        self.seats.add(seat)
        if self._scrollback:
            seat.feed(self.recent())
        return theirs

    def leave(self, seat: Seat) -> None:
        """This viewer has gone; the last one closes the console."""
        if seat in self.seats:
            self.seats.remove(seat)
            seat.close()
            if not self.seats:
                self.end()

    def type(self, data: bytes) -> None:
        """To the guest."""
        try:
            may_go_on = self._console.write(data)
        except errors.HostDown:
            self.end()
            return
        if not may_go_on:
            for seat in self.seats:
                seat.pause()

    def recent(self) -> bytes:
        """What a newcomer should see: from the start of a line, where something was cut off."""
        if not self._is_cut:
            return bytes(self._scrollback)
        start = self._scrollback.find(b"\n", 0, 4096) + 1
        return bytes(self._scrollback[start:])

    def end(self) -> None:
        """Close the console and all seats. Twice is once."""
        seats, self.seats = self.seats, set()
        for seat in seats:
            seat.close()
        self._console.close()
        self._ended(self)

    def drop_stalled(self) -> None:
        """Viewers that have stopped reading lose their seat."""
        for seat in [seat for seat in self.seats if seat.is_stalled]:
            log.info("dropped a viewer that had stopped reading")
            self.leave(seat)

    def _listen(self) -> None:
        for seat in self.seats:
            seat.listen()

    def _heard(self, data: bytes) -> None:
        """Runs on libvirt's thread: never more than BEHIND_MAX waits for the asyncio thread."""
        with self._lock:
            is_first = not self._inbox
            self._inbox += data
            if len(self._inbox) > BEHIND_MAX:
                del self._inbox[:-SCROLLBACK]
        if is_first:
            self._post(self._fan_out)

    def _fan_out(self) -> None:
        with self._lock:
            data, self._inbox = bytes(self._inbox), bytearray()
        self._scrollback += data
        if len(self._scrollback) > SCROLLBACK:
            self._is_cut = True
            del self._scrollback[:-SCROLLBACK]
        for seat in list(self.seats):
            seat.feed(data)

    def _post(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)


class Rooms:
    """All rooms of this host; they end with the link."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._lines: Lines | None = None
        self._rooms: dict[tuple[str, str], Room] = {}
        self._remembered: dict[tuple[str, str], bytes] = {}

    async def join(self, uuid: str, alias: str) -> int:
        """A descriptor of a seat. Raises NotFound, WrongState, NotSupported, Busy, HostDown."""
        key = (uuid, self._alias(uuid, alias))
        for _ in range(2):  # the last viewer may leave while we wait
            room = self._rooms.get(key)
            if room is None:
                if self._lines is None:
                    raise errors.HostDown("not connected")
                before = self._remembered.get(key, b"")
                room = self._rooms[key] = Room(self._lines, *key, self._closed, before)
            try:
                await asyncio.shield(room.opening)
            except errors.Problem:
                self._closed(room)
                raise
            if self._rooms.get(key) is room:
                return room.join().detach()
        raise errors.Busy("the console has just closed")

    def end_guest(self, uuid: str) -> None:
        """The guest stopped."""
        for room in [room for room in self._rooms.values() if room.uuid == uuid]:
            room.end()

    async def serve(self, lines: Lines) -> None:
        """Hold rooms as long as this connection lives."""
        self._lines = lines
        try:
            while True:
                await asyncio.sleep(1)
                for room in list(self._rooms.values()):
                    room.drop_stalled()
                if self._rooms and lines.of("streams").pending_s > LINE_HUNG_S:
                    log.warning("consoles hang; closing them")
                    lines.drop("streams")
                    self._end_all()
        finally:
            self._lines = None
            self._end_all()

    def _alias(self, uuid: str, alias: str) -> str:
        record = self._publisher.guest(uuid)
        if record is None:
            raise errors.NotFound("no such guest")
        if not record.state.is_active:
            raise errors.WrongState("the guest is not running", state=record.state)
        found = next((s.alias for s in record.serials if alias in ("", s.alias)), None)
        if found is None:
            raise errors.NotFound("no such serial port")
        return found

    def _end_all(self) -> None:
        for room in list(self._rooms.values()):
            room.end()

    def _closed(self, room: Room) -> None:
        """Whoever comes back finds what stood there; what came meanwhile nobody heard."""
        key = (room.uuid, room.alias)
        self._remembered.pop(key, None)
        self._remembered[key] = room.recent()
        if len(self._remembered) > REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._rooms = {key: other for key, other in self._rooms.items() if other is not room}
