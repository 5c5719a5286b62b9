"""What every socket passes before it reaches its consumer: origin, prefix, session, actor.

All of it is settled first and let go of, so that a socket that stays open for hours carries a
handful of values along and not the six scopes of the middlewares that asked for them.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings

from kvmweb.core import proxies
from kvmweb.core.actors import Actor
from kvmweb.live import base
from kvmweb.live.routing import websocket_urlpatterns
from kvmweb.services import people

FOREIGN, SIGNED_OUT = 4403, 4401
CARRIED = ("type", "root_path", "query_string", "subprotocols")


def entrance() -> Any:
    """The ASGI application of every socket. Who may not enter is refused before accept."""
    inside = URLRouter(websocket_urlpatterns)

    async def enter(scope: dict[str, Any], receive: Any, send: Any) -> None:
        address, is_https = client_of(scope)
        if is_https:
            scope = {**scope, "scheme": "wss"}
        if not is_own_origin(scope):
            return await _refuse(FOREIGN, receive, send)
        known = await _session(scope, receive, send)
        actor = await sync_to_async(people.actor_of)(known["user"], known["session"], address)
        if actor is None:
            return await _refuse(SIGNED_OUT, receive, send)
        scope = _inner(known, actor)
        del known
        await inside(scope, receive, send)
        return None

    return enter


def client_of(scope: dict[str, Any]) -> tuple[str, bool]:
    """The person's address and whether they speak TLS: by the same rule as for pages."""
    peer = (scope.get("client") or ("", 0))[0]
    forwarded_for = ",".join(_all_of(scope, b"x-forwarded-for"))
    forwarded_proto = ",".join(_all_of(scope, b"x-forwarded-proto"))
    return proxies.client_of(peer, forwarded_for, forwarded_proto, settings.KVMWEB_TRUSTED_PROXIES)


def is_own_origin(scope: dict[str, Any]) -> bool:
    """Whether the browser that opened this socket shows one of our pages. No Origin: no.

    Scheme, host and port must be ours or listed in KVMWEB_ORIGINS. Stricter than Channels'
    validator, which lets any port and scheme of an allowed host pass.
    """
    origins, hosts = _all_of(scope, b"origin"), _all_of(scope, b"host")
    if len(origins) != 1 or len(hosts) != 1:
        return False  # two proxies might each believe another one
    if origins[0] in settings.KVMWEB_ORIGINS:
        return True
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    return bool(hosts[0]) and origins[0].lower() == f"{scheme}://{hosts[0].lower()}"


def _all_of(scope: dict[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _inner(known: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """What goes on inside; KVMWEB_URL_PREFIX is taken off the path, as Django does for pages."""
    path = known["path"].removeprefix(settings.KVMWEB_URL_PREFIX)
    carried = {name: known[name] for name in CARRIED if name in known}
    return {**carried, "path": path, "actor": actor, "language": base.language_of(known)}


async def _answer_scope(scope: dict[str, Any], _receive: Any, _send: Any) -> dict[str, Any]:
    """Stands where an application would: answers what the middlewares found out."""
    return scope


_session = AuthMiddlewareStack(_answer_scope)


async def _refuse(code: int, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code})
