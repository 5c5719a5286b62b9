"""HTTP, WebSocket and lifespan joined."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import django
from asgiref.sync import sync_to_async
from channels.routing import ProtocolTypeRouter
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - the apps must be loaded first

from kvmweb.hub import publisher  # noqa: E402
from kvmweb.live.entrance import entrance  # noqa: E402
from kvmweb.services import clockwork  # noqa: E402
from kvmweb.web.bodies import bounded  # noqa: E402


class PageHandler(ASGIHandler):
    """Every page in one thread from the first middleware to the last.

    Django's own handler changes between loop and thread at every middleware: all of ours and all
    views are synchronous, and the hops took longer than a small page itself (docs/performance.md).
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain as under WSGI."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """One hop there and back."""
        answer = sync_to_async(self.get_response, thread_sensitive=True)
        response: HttpResponseBase = await answer(request)
        return response


async def lifespan(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Carries notices while the server runs, and the hub with it in the embedded form."""
    await receive()
    publisher.bind(asyncio.get_running_loop())
    tasks = _begin()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    publisher.bind(None)
    await send({"type": "lifespan.shutdown.complete"})


def _begin() -> list[asyncio.Task[None]]:
    """The clockwork of this process, and the hub where it is embedded."""
    tasks: list[asyncio.Task[None]] = [asyncio.create_task(clockwork.run())]
    if settings.KVMWEB_EMBEDDED_HUB:
        from kvmweb.hub import runner

        tasks.append(asyncio.create_task(runner.run()))
    return tasks


application = ProtocolTypeRouter(
    {"http": bounded(PageHandler()), "websocket": entrance(), "lifespan": lifespan}
)
