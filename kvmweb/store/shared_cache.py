"""The cache that all processes share, and what is done while it is away.

Throttling, double clicks and pictures must not take sign-in and power down with Redis: while it
does not answer, each process goes by what it knows itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

AWAY_S = 2.0
"""After a failure Redis is not asked again for so long."""


class SharedCache(RedisCache):
    """Redis, or this process's own memory while Redis is away."""

    _away_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("while-away", {"TIMEOUT": params.get("TIMEOUT", 300)})

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= SharedCache._away_until:
            call: Callable[..., Any] = getattr(super(), name)
            try:
                return call(*args, **kwargs)
            except RedisError as error:
                SharedCache._away_until = time.monotonic() + AWAY_S
                log.warning("the shared cache is away: %s", error)
        return getattr(self._own, name)(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        """Whether it was not there."""
        return bool(self._ask("add", *args, **kwargs))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """The value, or the default."""
        return self._ask("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Keep it."""
        self._ask("set", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Whether it was there."""
        return bool(self._ask("delete", *args, **kwargs))

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        """All of these."""
        self._ask("delete_many", *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Those of these that are there."""
        return dict(self._ask("get_many", *args, **kwargs))

    def incr(self, *args: Any, **kwargs: Any) -> int:
        """The new value. Raises ValueError for what is not there."""
        return int(self._ask("incr", *args, **kwargs))

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        """Whether it was there."""
        return bool(self._ask("touch", *args, **kwargs))
