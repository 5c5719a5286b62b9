"""What uploads and downloads share: who asks, a look at their right every second, short answers.

Raw ASGI applications beside Django: Django reads a body whole, to disk, before a view sees it, and
gathers an answer that does not come from its own loop. They take their requests before it does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from django.conf import settings

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Problem
from kvmweb.core.refs import Ref
from kvmweb.live import entrance
from kvmweb.live.rights_watch import watch
from kvmweb.services import people, uploads_line

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

P = ParamSpec("P")
R = TypeVar("R")

TICKET = b"x-transfer-ticket"
SILENT_S = 30.0
"""Who neither sends nor takes anything for so long has left."""
GONE = (OSError, RuntimeError)
SAFE = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every answer: what Django's middlewares say of pages, for what is no page."""
_pool = ThreadPoolExecutor(16, thread_name_prefix="transfers")


async def desk(service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a service in a thread of the transfers' own: a slow store delays nothing else."""
    call = database_sync_to_async(service, thread_sensitive=False, executor=_pool)
    result: R = await call(*args, **kwargs)
    return result


def path_of(scope: Scope) -> str:
    """The path as our addresses have it, without KVMWEB_URL_PREFIX."""
    return str(scope["path"]).removeprefix(settings.KVMWEB_URL_PREFIX)


class Guarded:
    """A transfer under way. `ended` is done when its right, or the session, is gone."""

    def __init__(self, actor: Actor, ref: Ref, verb: str) -> None:
        self.actor = actor
        self._ref = ref
        self._verb = verb
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._looks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Guarded:
        watch().enter(self, was_judged=True)
        return self

    def __exit__(self, *_: object) -> None:
        watch().leave(self)
        for look in self._looks:
            look.cancel()

    def sign_out(self) -> None:
        """The session stands no more."""
        self.end()

    def rejudge(self) -> None:
        """Rights changed."""
        task = asyncio.get_running_loop().create_task(self._look())
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    def end(self) -> None:
        """Now."""
        if not self.ended.done():
            self.ended.set_result(None)

    async def _look(self) -> None:
        if not await desk(uploads_line.may_go_on, self.actor, self._ref, self._verb):
            self.end()


def headers(scope: Scope) -> dict[bytes, bytes]:
    """The request's, the last of each name."""
    return dict(scope["headers"])


async def by_ticket(scope: Scope, way: str, ref: Ref) -> tuple[Actor, str, UUID | None]:
    """Who asks, by the ticket in the header, for which volume. Raises Denied.

    A browser's request must come from one of our own pages; a command line names no origin.
    """
    address, is_https = entrance.client_of(dict(scope))
    seen = {**scope, "scheme": "https"} if is_https else dict(scope)
    if b"origin" in headers(scope) and not entrance.is_own_origin(seen):
        raise Denied("not our page", ref=str(ref))
    secret = headers(scope).get(TICKET, b"").decode("latin-1")
    actor, ticket = await desk(uploads_line.holder, secret, way, ref, address)
    return actor, ticket.name, ticket.upload_id


async def by_cookie(scope: Scope) -> Actor | None:
    """Who is signed in, if anybody."""
    found: list[Actor | None] = [None]

    async def inner(known: Scope, _receive: Receive, _send: Send) -> None:
        address, _is_https = entrance.client_of(dict(known))
        ask = sync_to_async(people.actor_of)
        found[0] = await ask(known["user"], known["session"], address)

    await AuthMiddlewareStack(inner)(scope, _nothing, _nowhere)
    return found[0]


async def answer(send: Send, status: int, said: dict[str, Any]) -> None:
    """A short answer; what is still on its way in is not read any more."""
    body = json.dumps(said).encode()
    listed = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *SAFE,
    ]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, problem: Problem) -> None:
    """Why not, by its code and context."""
    said = {"problem": problem.code, **{k: v for k, v in problem.context.items() if k != "ref"}}
    await answer(send, problem.http_status, said)


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def _nowhere(_message: dict[str, Any]) -> None:
    """A session middleware has nothing to say here."""
