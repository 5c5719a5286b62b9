"""Stock websockify with the portal's tickets, for sites that want consoles off the web processes.

websockify takes tokens from the URL and looks at neither origin nor session; here the token is the
ticket among the sub-protocols, and both are checked before it is used up. One process a console,
as websockify does it; what may pass is judged by the same lanes as in the web process.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from importlib import import_module
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.contrib import auth
from django.db import connections
from django.http import HttpRequest
from websockify.token_plugins import BasePlugin
from websockify.websocketproxy import ProxyRequestHandler
from websockify.websockifyserver import CompatibleWebSocket

from kvmweb.core import proxies, refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Problem
from kvmweb.core.lanes import LANES
from kvmweb.core.refs import Ref
from kvmweb.core.rfb import NotRfb
from kvmweb.services import consoles, people, seats, sessions, vigil

log = logging.getLogger(__name__)

PROTOCOL = "kvmweb.console.v1"
TICKET = "kvmweb.ticket."
PATH = re.compile(
    r"/consoles/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/(?P<kind>screen|serial)/socket/"
)
READ_SIZE = 64 * 1024
LOOK_S = 1.0
KEEP_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """What a browser came with."""

    actor: Actor
    ref: Ref
    kind: str
    secret: str


class Tickets(BasePlugin):  # type: ignore[misc]
    """The token plugin: a ticket is redeemed, and the guest's end is the target."""

    def lookup(self, token: Entry) -> tuple[str, consoles.Opened] | None:
        """websockify's word: host and port of a token; ours are a name and an open console."""
        try:
            ticket = consoles.redeem(token.actor, token.ref, token.kind, token.secret)
            return str(token.ref), consoles.open_(token.actor, token.ref, ticket)
        except Problem as problem:
            log.info("console of %s refused: %s", token.ref, problem)
            return None


class Channel(CompatibleWebSocket):  # type: ignore[misc]
    """Answers our protocol; a ticket is never repeated."""

    def select_subprotocol(self, protocols: list[str]) -> str:
        """websockify's word."""
        return PROTOCOL if PROTOCOL in protocols else ""


class Handler(ProxyRequestHandler):  # type: ignore[misc]
    """One browser at the gateway."""

    SocketClass = Channel
    entry: Entry

    def get_target(self, target_plugin: Tickets) -> tuple[str, consoles.Opened]:
        """Who asks, for what, with which ticket. Refused before the upgrade."""
        connections.close_all()
        entry = self._entry()
        found = target_plugin.lookup(entry) if entry else None
        if entry is None or found is None:
            raise self.server.EClose("refused")
        self.entry = entry
        return found

    def new_websocket_client(self) -> None:
        """Let pass what may pass until one side ends it."""
        opened: consoles.Opened = self.server.target_port
        sluice = Sluice(self.entry, opened)
        why = "left"
        try:
            self.do_proxy(sluice.start())
        except self.CClose as end:
            why = sluice.why or why
            raise end from None
        finally:
            sluice.stop()
            consoles.close(
                self.entry.actor,
                self.entry.ref,
                opened,
                why=why,
                shown=sluice.shown,
                typed=sluice.typed,
            )

    def _entry(self) -> Entry | None:
        where = PATH.fullmatch(
            unquote(urlsplit(self.path).path).removeprefix(settings.KVMWEB_URL_PREFIX)
        )
        offered = [
            name.strip() for name in self.headers.get("Sec-WebSocket-Protocol", "").split(",")
        ]
        secret = next((name for name in offered if name.startswith(TICKET)), "")
        if where is None or PROTOCOL not in offered or not secret or not self._is_own_origin():
            return None
        actor = actor_of(self.headers.get("Cookie", ""), self._address())
        if actor is None:
            return None
        ref = refs.guest(where["host"], where["uuid"])
        return Entry(actor, ref, where["kind"], secret.removeprefix(TICKET))

    def _address(self) -> str:
        """The person's, by the same rule as for pages."""
        forwarded_for = ",".join(self.headers.get_all("X-Forwarded-For", []))
        address, _ = proxies.client_of(
            self.client_address[0], forwarded_for, "", settings.KVMWEB_TRUSTED_PROXIES
        )
        return address

    def _is_own_origin(self) -> bool:
        """A page of the portal: one of KVMWEB_ORIGINS, or the portal's own port on this name."""
        origin = self.headers.get("Origin", "")
        if origin in settings.KVMWEB_ORIGINS:
            return True
        name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        scheme = "http" if settings.KVMWEB_PLAIN_HTTP else "https"
        return bool(name) and origin == f"{scheme}://{name}:{settings.KVMWEB_PORT}"


def actor_of(cookies: str, address: str) -> Actor | None:
    """Whose session these cookies name."""
    cookie = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    if cookie is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookie.value)
    return people.actor_of(auth.get_user(request), request.session, address)


class Sluice:
    """Between websockify's plain copying and the guest: the lane, the wheel and the watch.

    why: what ended it from our side; empty when the viewer left.
    """

    def __init__(self, entry: Entry, opened: consoles.Opened) -> None:
        self.entry, self.opened = entry, opened
        self.lane = LANES[opened.place.kind]()
        self.lock = threading.Lock()
        self.drives = False
        self.is_over = False
        self.why = ""
        self.shown = self.typed = 0
        self.inner, self.outer = socket.socketpair()

    def start(self) -> socket.socket:
        """Begin; answers the end that websockify copies to and from."""
        self.opened.line.setblocking(True)
        self._look()
        for work in (self._down, self._up, self._watch):
            threading.Thread(target=work, daemon=True).start()
        return self.outer

    def stop(self, why: str = "") -> None:
        """End it; the first who says why is right."""
        if self.is_over:
            return
        self.is_over, self.why = True, why
        for end in (self.inner, self.opened.line):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _down(self) -> None:
        try:
            while data := self.opened.line.recv(READ_SIZE):
                data = self.lane.from_guest(data)
                self.shown += len(data)
                self.inner.sendall(data)
            self.stop("guest")
        except (NotRfb, OSError):
            self.stop("protocol")

    def _up(self) -> None:
        try:
            while data := self.inner.recv(READ_SIZE):
                with self.lock:
                    passed = self.lane.from_viewer(data, may_drive=self.drives)
                    self.typed += len(passed)
                    self.opened.line.sendall(passed)
            self.stop()
        except (NotRfb, OSError):
            self.stop("protocol")

    def _watch(self) -> None:
        looks = 0
        try:
            while not self.is_over:
                self._look(even_keep=looks % KEEP_LOOKS == 0)
                looks += 1
                time.sleep(LOOK_S)
        finally:
            self.stop("fault")
            connections.close_all()

    def _look(self, *, even_keep: bool = False) -> None:
        """Rights, session and seat, as the web process judges them."""
        actor, ref, seat = self.entry.actor, self.entry.ref, self.opened.seat
        if even_keep and seat not in seats.refresh([seat]):
            return self.stop("seat-lost")
        if vigil.look({actor}, None).ended:
            return self.stop("signed-out")
        standing = vigil.standings([(actor, ref)])[actor, ref]
        if not standing.may_watch:
            return self.stop("revoked")
        mine = next((sitter for sitter in seats.sitters(ref) if sitter.id == seat), None)
        drives = mine is not None and mine.drives
        if drives and not standing.may_drive:
            seats.demote(seat)
            drives = False
        with self.lock:
            if self.drives and not drives:
                self.opened.line.sendall(self.lane.let_go())
            self.drives = drives
        if self.lane.has_acted and drives:
            sessions.touch(actor)
        return None
