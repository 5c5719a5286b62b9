"""HTTP, WebSocket and lifespan joined."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, cast

import django
from asgiref.sync import sync_to_async
from channels.routing import ProtocolTypeRouter
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.signals import request_started
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - the apps must be loaded first

from kvmweb.hub import publisher  # noqa: E402
from kvmweb.live import downloads, inside_files, uploads  # noqa: E402
from kvmweb.live.entrance import entrance  # noqa: E402
from kvmweb.management import heap  # noqa: E402
from kvmweb.services import clockwork  # noqa: E402
from kvmweb.web.bodies import bounded  # noqa: E402

THREADS = 64
"""At most; one is made only when all others are busy: with pages, or waiting for a host."""


class PageHandler(ASGIHandler):
    """Every page in one thread from the first middleware to the last.

    Django's own handler makes a thread for each request, opens the database in it, and goes there
    and back for each signal: all of ours is synchronous, and that took longer than a small page
    itself (docs/performance.md). These threads last, and with them their connections.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web")

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain as under WSGI."""
        super().load_middleware(is_async=False)

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """One hop there and back; a stream is closed after its last part."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            request, refusal = self.create_request(scope, body)
            response = await self._in_thread(request) if request else cast(HttpResponse, refusal)
            try:
                await self.send_response(response, send)
            finally:
                if response.streaming:
                    await sync_to_async(response.close)()

    async def _in_thread(self, request: ASGIRequest) -> HttpResponseBase:
        run, loop = contextvars.copy_context().run, asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, run, self._answer, request)

    def _answer(self, request: ASGIRequest) -> HttpResponseBase:
        # Here, not in the loop: asgiref keeps what is set there from a thread it did not make.
        set_script_prefix(get_script_prefix(request.scope))
        request_started.send(sender=self.__class__, scope=request.scope)
        response: HttpResponseBase = self.get_response(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        if not response.streaming:
            response.close()
        return response


async def lifespan(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Carries notices while the server runs, and the hub with it in the embedded form."""
    await receive()
    publisher.bind(asyncio.get_running_loop())
    tasks = _begin()
    _settle()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    publisher.bind(None)
    await send({"type": "lifespan.shutdown.complete"})


def _settle() -> None:
    """Leave what was imported out of every later collection of garbage.

    A full one then walks over what people do, not over all of Django: it comes sooner, so that
    opening a console leaves nothing behind (docs/performance.md), and holds nobody's keys up.
    """
    gc.collect()
    gc.freeze()


def _begin() -> list[asyncio.Task[None]]:
    """The clockwork of this process, and the hub where it is embedded."""
    tasks: list[asyncio.Task[None]] = [
        asyncio.create_task(clockwork.run()),
        asyncio.create_task(heap.keep_small()),
    ]
    if settings.KVMWEB_EMBEDDED_HUB:
        from kvmweb.hub import runner

        tasks.append(asyncio.create_task(runner.run()))
    return tasks


pages = inside_files.beside(downloads.beside(uploads.beside(bounded(PageHandler()))))
application = ProtocolTypeRouter({"http": pages, "websocket": entrance(), "lifespan": lifespan})
