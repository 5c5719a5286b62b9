"""Behind the gateway's plain copying: the lane, the wheel, the watch, and what pages say.

Everything crosses websockify as whole messages over a socket pair that keeps their bounds; the
first byte says whether the rest is the console's bytes or a word about it.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.db import connections

from kvmweb.core import talk
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, Problem
from kvmweb.core.lanes import LANES
from kvmweb.core.refs import Ref
from kvmweb.core.rfb import NotRfb
from kvmweb.services import consoles, seats, sessions, vigil
from kvmweb.ui import consoles as face

log = logging.getLogger(__name__)

BYTES, SAID = b"B", b"T"
READ_SIZE = 32 * 1024
"""With its first byte less than websockify takes at once."""
MESSAGE_MAX = 512 * 1024
LOOK_S = 1.0
KEEP_LOOKS = 5
END_S = 0.3
"""The event that says why the guest's end was closed is on its way."""

End = tuple[int, str]
LEFT: End = (1000, "left")
SIGNED_OUT: End = (4401, "signed-out")
REVOKED: End = (Denied.close_code, "revoked")
SEAT_LOST: End = (4408, "seat-lost")
PROTOCOL: End = (Invalid.close_code, "protocol")
FAULT: End = (1011, "fault")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a browser came with."""

    actor: Actor
    ref: Ref
    kind: str
    secret: str


class Sluice:
    """One console at the gateway. end: what ended it from our side; None while nothing did."""

    def __init__(self, entry: Entry, opened: consoles.Opened) -> None:
        self.entry, self.opened = entry, opened
        self.lane = LANES[opened.place.kind]()
        self.lock = threading.Lock()
        self.drawn = threading.Condition()
        self.unread = 0
        self.pace = talk.Pace()
        self.drives = False
        self.end: End | None = None
        self.shown = self.typed = 0
        self.told = ""
        self.inner, self.outer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.outer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MESSAGE_MAX)

    def start(self) -> socket.socket:
        """Begin; answers the end that websockify copies to and from."""
        self.opened.line.setblocking(True)
        self._look()
        for work in (self._down, self._up, self._watch):
            threading.Thread(target=work, daemon=True).start()
        return self.outer

    def stop(self, code: int, reason: str) -> None:
        """End it; the first who says why is right."""
        with self.drawn:
            if self.end is not None:
                return
            self.end = (code, reason)
            self.drawn.notify_all()
        for line in (self.inner, self.opened.line):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _down(self) -> None:
        try:
            while data := self.opened.line.recv(READ_SIZE):
                data = self.lane.from_guest(data)
                self.shown += len(data)
                if data:
                    self.inner.sendall(BYTES + data)
                    self._until_drawn(len(data))
            time.sleep(END_S)
            self.stop(*consoles.ending(self.entry.ref))
        except (NotRfb, OSError):
            self.stop(*PROTOCOL)
        finally:
            self.stop(*FAULT)
            connections.close_all()

    def _until_drawn(self, count: int) -> None:
        """A terminal that draws slowly gets no more until it has."""
        if self.lane.window:
            with self.drawn:
                self.unread += count
                while self.unread > self.lane.window and self.end is None:
                    self.drawn.wait(1)

    def _up(self) -> None:
        try:
            while message := self.inner.recv(MESSAGE_MAX):
                if message.startswith(SAID):
                    self._heed(talk.word(message[1:].decode()))
                else:
                    self._type(message[1:])
            self.stop(*LEFT)
        except (NotRfb, ValueError, OSError):
            self.stop(*PROTOCOL)
        finally:
            self.stop(*FAULT)
            connections.close_all()

    def _type(self, data: bytes) -> None:
        with self.lock:
            passed = self.lane.from_viewer(data, may_drive=self.drives)
            self.typed += len(passed)
            self.opened.line.sendall(passed)

    def _heed(self, word: dict[str, Any]) -> None:
        """As the web process does."""
        if word.get("type") == "ack":
            with self.drawn:
                self.unread = max(0, self.unread - talk.number(word, "bytes"))
                self.drawn.notify_all()
            return
        if not self.pace.allows(time.monotonic()):
            self._tell({"type": "problem", "problem": "too-often"})
            return
        try:
            seats.heed(self.entry.actor, self.entry.ref, self.opened.seat, word)
        except Problem as problem:
            self._tell({"type": "problem", "problem": problem.code, **problem.context})
        self._look()

    def _tell(self, message: dict[str, Any]) -> None:
        self.inner.sendall(SAID + json.dumps(message, ensure_ascii=False).encode())

    def _watch(self) -> None:
        looks = 0
        try:
            while self.end is None:
                self._look(even_keep=looks % KEEP_LOOKS == 0)
                looks += 1
                time.sleep(LOOK_S)
        except OSError:
            self.stop(*LEFT)
        finally:
            self.stop(*FAULT)
            connections.close_all()

    def _look(self, *, even_keep: bool = False) -> None:
        """Rights, session and seat, as the web process judges them."""
        actor, ref, seat = self.entry.actor, self.entry.ref, self.opened.seat
        if even_keep and seat not in seats.refresh([seat]):
            return self.stop(*SEAT_LOST)
        if vigil.look({actor}, None).ended:
            return self.stop(*SIGNED_OUT)
        standing = vigil.standings([(actor, ref)])[actor, ref]
        if not standing.may_watch:
            return self.stop(*REVOKED)
        sitters = seats.sitters(ref)
        mine = next((sitter for sitter in sitters if sitter.id == seat), None)
        drives = mine is not None and mine.drives
        if drives and not standing.may_drive:
            seats.demote(seat)
            drives = False
        with self.lock:
            if self.drives and not drives:
                self.opened.line.sendall(self.lane.let_go())
            self.drives = drives
            if mine is not None:
                self._show(face.seating(mine, sitters))
        if self.lane.has_acted and drives:
            sessions.touch(actor)
        return None

    def _show(self, seating: dict[str, Any]) -> None:
        """To the page, when it is news."""
        text = json.dumps(seating, ensure_ascii=False)
        if text != self.told:
            self.told = text
            self.inner.sendall(SAID + text.encode())
