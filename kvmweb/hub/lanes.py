"""A thread of one's own in which the ORM may be used from async code.

`sync_to_async` would share one thread among all hosts: a slow host's batch would delay the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")


class Lane:
    """One thread; what is handed to it runs in order."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it in the thread. When the caller is cancelled the call itself runs to its end."""

        def call() -> R:
            try:
                return function(*args, **kwargs)
            finally:
                close_old_connections()  # to the pool; a file stays open

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def close(self) -> None:
        """After the last call; its connection is closed."""
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown(wait=False)
