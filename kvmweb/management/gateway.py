"""Stock websockify with the portal's tickets, for sites that want consoles off the web processes.

websockify takes tokens from the URL and looks at neither origin nor session; here the token is the
ticket among the sub-protocols, and both are checked before it is used up. One process a console,
as websockify does it; what may pass is judged by the same lanes as in the web process.
"""

from __future__ import annotations

import logging
import re
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any
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
from kvmweb.management.gateway_sluice import BYTES, LEFT, SAID, Entry, Sluice
from kvmweb.services import consoles, people

log = logging.getLogger(__name__)

PROTOCOL = "kvmweb.console.v1"
TICKET = "kvmweb.ticket."
PATH = re.compile(
    r"/consoles/(?P<host>[a-z0-9-]+)/(?P<uuid>[0-9a-f-]{36})/(?P<kind>screen|serial)/socket/"
)
TEXT, BINARY = 1, 2
"""Opcodes. Source: RFC 6455 section 5.2."""


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
    """Answers our protocol; a ticket is never repeated.

    websockify knows bytes alone. What is said in text frames goes through it among them, told
    apart by a first byte: the sluice behind it takes whole messages.
    """

    def _decode_hybi(self, buf: bytes) -> dict[str, Any] | None:
        frame: dict[str, Any] | None = super()._decode_hybi(buf)
        if frame is not None and frame["opcode"] in (TEXT, BINARY):
            kind = SAID if frame["opcode"] == TEXT else BYTES
            frame |= {"opcode": BINARY, "payload": kind + bytes(frame["payload"])}
        return frame

    def _sendmsg(self, opcode: int, msg: bytes) -> None:
        if opcode == BINARY:
            opcode, msg = TEXT if msg.startswith(SAID) else BINARY, msg[1:]
        super()._sendmsg(opcode, msg)

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
        end = LEFT
        try:
            self.do_proxy(sluice.start())
        except self.CClose:
            end = sluice.end or end
            raise self.CClose(*end) from None
        finally:
            sluice.stop(*end)
            consoles.close(
                self.entry.actor, self.entry.ref, opened,
                why=end[1], shown=sluice.shown, typed=sluice.typed,
            )  # fmt: skip

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
