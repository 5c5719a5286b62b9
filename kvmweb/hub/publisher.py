"""The one way to publish a notice, from any thread of any process.

With the in-memory layer a message must be put from the loop that its readers wait on: put from
another thread it was seen to arrive 1.4 s late (median), through the loop 0.4 ms.
A layer that is away costs live updates and nothing else: notices wait, each object's once, until
it is back. One that hangs (a frozen Redis) is given up on after SEND_S.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from kvmweb.core.topics import Notice
from kvmweb.hub import post

log = logging.getLogger(__name__)

SEND_S = 2.0
AGAIN_S = 1.0
WAITING_MAX = 1000
"""More notices than this wait as one for each topic: an empty ref, "many"."""

_loop: asyncio.AbstractEventLoop | None = None
_waiting: dict[tuple[str, str], Notice] = {}
_sending: asyncio.Task[None] | None = None
_box: post.Box | None = None


def bind(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop of this process that carries notices; None when it ends."""
    global _loop, _sending, _box
    if _box is not None:
        _box.close()
    _loop, _sending, _box = loop, None, None
    _waiting.clear()
    if loop is not None and isinstance(get_channel_layer(), InMemoryChannelLayer):
        _box = post.Box(loop, _put)


def publish(*notices: Notice) -> None:
    """Send after the transaction that wrote the change. Never raises, never waits long.

    A process without a bound loop (a command, a job) reaches others through a shared layer, or by
    `post` where the layer is the memory of the process that carries notices.
    """
    if not notices:
        return
    if _loop is not None and _loop.is_running():
        _loop.call_soon_threadsafe(_put, notices)
    elif isinstance(get_channel_layer(), InMemoryChannelLayer):
        post.send(notices)
    else:
        async_to_sync(send)(*notices)


def _put(notices: Iterable[Notice]) -> None:
    """Runs on the loop. Of the same object only the newest notice waits."""
    global _sending
    for notice in notices:
        _waiting.pop((notice.topic, notice.ref), None)
        _waiting[notice.topic, notice.ref] = notice
    if len(_waiting) > WAITING_MAX:
        kept = [Notice(n.topic, "", n.rev) for n in _waiting.values()]
        _waiting.clear()
        _waiting.update({(notice.topic, ""): notice for notice in kept})
    if _sending is None or _sending.done():
        _sending = asyncio.get_running_loop().create_task(_send_waiting())


async def _send_waiting() -> None:
    """Until none waits. What arrives meanwhile is sent in its turn."""
    is_away = False
    while _waiting:
        key, notice = next(iter(_waiting.items()))
        if await _send(notice):
            if _waiting.get(key) is notice:
                del _waiting[key]
            is_away = False
            continue
        if not is_away:
            log.warning("the channel layer is away: pages are not live until it is back")
        is_away = True
        await asyncio.sleep(AGAIN_S)


async def send(*notices: Notice) -> None:
    """Now, and only once: for processes that end soon."""
    for notice in notices:
        if not await _send(notice):
            log.warning("the channel layer is away: %s was not told", notice.topic)
            return


async def _send(notice: Notice) -> bool:
    try:
        async with asyncio.timeout(SEND_S):
            await get_channel_layer().group_send(notice.topic, notice.message())
    except Exception:
        log.debug("notice on %s not sent", notice.topic, exc_info=True)
        return False
    return True
