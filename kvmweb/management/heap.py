"""What the C library keeps of memory that nobody uses any more, and how to get it back.

glibc gives threads heaps of their own, keeps in each what was freed below its end, and more at its
end the larger the pieces were. Measured: a portal that had moved and shown twelve small files held
14 MiB so. Another C library has no such words, and nothing is done there.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from typing import Any

PACE_S = 5.0
"""Collecting takes 3 ms, for all that was imported is left out of it, giving back 0.3 to 3 ms."""
_SETTINGS = {-8: 2, -1: 256 * 1024, -3: 4 * 1024 * 1024}
"""M_ARENA_MAX: one thread at a time runs Python anyway. M_TRIM_THRESHOLD: what may be free at the
end of a heap. M_MMAP_THRESHOLD: the pieces of a download stay in the heap (apart, each costs pages
of its own: half the speed). Source: glibc's malloc.h."""

_libc: Any = ctypes.CDLL(None)
_IS_GLIBC = hasattr(_libc, "malloc_trim")


def few_and_small() -> None:
    """The heaps of this process, from now on."""
    if _IS_GLIBC:
        for name, value in _SETTINGS.items():
            _libc.mallopt(name, value)


async def keep_small() -> None:
    """Give back what is free, in a thread, again and again until cancelled."""
    while _IS_GLIBC:
        await asyncio.sleep(PACE_S)
        gc.collect()
        await asyncio.to_thread(_libc.malloc_trim, 0)
