"""How the sockets of pages reach the services: threads of their own, the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.urls import set_script_prefix
from django.utils import translation

P = ParamSpec("P")
R = TypeVar("R")
_pool = ThreadPoolExecutor(6, thread_name_prefix="pages")


async def in_thread(language: str, service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a service beside the requests: thread-sensitive calls would wait for one another."""

    def run() -> R:
        set_script_prefix(f"{settings.KVMWEB_URL_PREFIX}/")
        with translation.override(language):
            return service(*args, **kwargs)

    call = database_sync_to_async(run, thread_sensitive=False, executor=_pool)
    return cast(R, await call())


def language_of(scope: dict[str, Any]) -> str:
    """The language that this browser's pages come in, by the same rules as for a request."""
    headers = dict(scope["headers"])
    accepted = headers.get(b"accept-language", b"").decode("latin-1")
    request = SimpleNamespace(
        COOKIES=scope.get("cookies", {}), META={"HTTP_ACCEPT_LANGUAGE": accepted}
    )
    return translation.get_language_from_request(cast(HttpRequest, request))
