"""What every socket passes before it reaches its consumer: origin, prefix, session, actor."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings

from kvmweb.live.routing import websocket_urlpatterns
from kvmweb.services import people


def entrance() -> Any:
    """The ASGI application of every socket."""
    return own_origin_only(
        without_prefix(AuthMiddlewareStack(with_actor(URLRouter(websocket_urlpatterns))))
    )


def own_origin_only(application: Any) -> Any:
    """Scheme, host and port must be ours or listed in KVMWEB_ORIGINS; refused before accept.

    Stricter than Channels' validator, which lets any port and scheme of an allowed host pass.
    The server's own `send` goes along in the scope: consoles need no layer between.
    """

    async def checked(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_own_origin(scope):
            await application({**scope, "kvmweb.send": send}, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 4403})

    return checked


def is_own_origin(scope: dict[str, Any]) -> bool:
    """Whether the browser that opened this socket shows one of our pages. No Origin: no."""
    origins, hosts = _all_of(scope, b"origin"), _all_of(scope, b"host")
    if len(origins) != 1 or len(hosts) != 1:
        return False  # two proxies might each believe another one
    if origins[0] in settings.KVMWEB_ORIGINS:
        return True
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    return bool(hosts[0]) and origins[0].lower() == f"{scheme}://{hosts[0].lower()}"


def _all_of(scope: dict[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def without_prefix(application: Any) -> Any:
    """Take KVMWEB_URL_PREFIX off the path, as Django does for pages."""

    async def stripped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(settings.KVMWEB_URL_PREFIX)
        await application({**scope, "path": path}, receive, send)

    return stripped


def with_actor(application: Any) -> Any:
    """Who is not signed in is refused before accept."""

    async def known(scope: dict[str, Any], receive: Any, send: Any) -> None:
        address = (scope.get("client") or ("", 0))[0]
        actor = await sync_to_async(people.actor_of)(scope["user"], scope["session"], address)
        if actor is None:
            await receive()
            await send({"type": "websocket.close", "code": 4401})
            return
        await application({**scope, "actor": actor}, receive, send)

    return known
