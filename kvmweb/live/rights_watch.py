"""One look a second, for all pages open in this process: who was signed out, whose rights changed.

Notices say the same sooner; this holds also when they are lost, or made by a command.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from kvmweb.core.actors import Actor
from kvmweb.live import base
from kvmweb.services import vigil

log = logging.getLogger(__name__)
EVERY_S = 1.0


class Holder(Protocol):
    """An open socket of somebody."""

    actor: Actor

    def rejudge(self) -> None:
        """Rights changed: look at everything again. Returns at once."""

    def sign_out(self) -> None:
        """The session stands no more: close. Returns at once."""


class Watch:
    """The holders of one event loop."""

    def __init__(self) -> None:
        self._holders: set[Holder] = set()
        self._judged_before: set[Holder] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: vigil.Seen | None = None

    def enter(self, holder: Holder, *, was_judged: bool = False) -> None:
        """From now on this socket is told.

        was_judged: it lives on what was found before it came here. It is judged once more at the
        first look, which cannot tell what changed in between.
        """
        self._holders.add(holder)
        if was_judged:
            self._judged_before.add(holder)
        if self._task is None or self._task.done():
            self._seen = None
            self._task = asyncio.create_task(self._run())

    def count(self, actor: Actor) -> int:
        """How many sockets this person holds, in all sessions."""
        return sum(holder.actor.person_id == actor.person_id for holder in self._holders)

    def leave(self, holder: Holder) -> None:
        """It is closed."""
        self._holders.discard(holder)
        self._judged_before.discard(holder)
        if not self._holders and self._task:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                log.exception("rights could not be looked at")
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        actors = {holder.actor for holder in self._holders}
        before = self._seen
        seen = await base.in_thread("en", vigil.look, actors, before.at if before else None)
        has_changed = before is not None and seen.is_news_after(before)
        self._seen = seen
        again, self._judged_before = self._judged_before, set()
        for holder in list(self._holders):
            if holder.actor in seen.ended:
                holder.sign_out()
            elif has_changed or holder in again:
                holder.rejudge()


_watches: dict[asyncio.AbstractEventLoop, Watch] = {}


def watch() -> Watch:
    """The watch of the running loop."""
    loop = asyncio.get_running_loop()
    for old in [old for old in _watches if old.is_closed()]:
        del _watches[old]
    return _watches.setdefault(loop, Watch())
