"""The one socket of every page: what changed for this reader, as fragments of the page.

It joins the topics first and looks afterwards, so that nothing falls between. Notices only say
where to look: a lost, doubled or late one does no harm. The first is acted on at once, those of the
next 50 ms together. A browser that does not read holds up its own socket alone: nothing is queued
for it but the note to look again, and after a while it is closed, to come back and be brought up
to date.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from kvmweb.core import topics
from kvmweb.core.actors import Actor
from kvmweb.core.topics import Notice
from kvmweb.live import base, regions, rights_watch
from kvmweb.live.consoles_wire import Wire
from kvmweb.live.regions import UNVERSIONED, Region
from kvmweb.live.screens import Screen
from kvmweb.services import people
from kvmweb.ui import fragments

log = logging.getLogger(__name__)

GATHER_S = 0.05
BEAT_S = 10
SEND_S = 15.0
CLOSE_S = 1.0
HELLO_S = 1.0
"""How long a page with a list has to say what it has, before it is sent all of it."""
ADDRESS_MAX = 4000
ROWS_MAX = 500
PER_PERSON = 100
"""Pages that one person may have open in one process."""
SIGNED_OUT, BAD_MESSAGE, TOO_MANY, TRY_AGAIN, FAULT = 4401, 4400, 4429, 1013, 1011


Have = dict[str, dict[str, str]]
"""List id to its rows in their order, row id to version."""


class View:
    """One region on one page, and what is still to be looked at."""

    def __init__(self, region: Region, screen: Screen) -> None:
        self.region = region
        self.screen = screen
        self.is_stale = True
        self.rounds: list[Notice] = []

    def hear(self, notice: Notice) -> None:
        """Remember, at most that everything is to be looked at."""
        if notice.topic not in self.region.topics:
            return
        if regions.is_use(notice) and len(self.rounds) < 100:
            self.rounds.append(notice)
        else:
            self.is_stale = True


class Pages(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page. The query carries its path and query, and the revision it was rendered at."""

    actor: Actor

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._woken = asyncio.Event()
        self._greeted = asyncio.Event()
        self._topics: set[str] = set()
        self._views: list[View] = []
        self._beside: list[View] = []
        self._rev = 0
        self._said_rev, self._said_at = -1, 0.0
        self._is_ended = False
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Whatever ends it, also a fault: nothing of it stays behind."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Join, accept, and bring the page up to date."""
        self.actor = self.scope["actor"]
        self._language = self.scope["language"]
        watch = rights_watch.watch()
        if watch.count(self.actor) >= PER_PERSON:
            log.warning("%s has %d pages open: no more", self.actor.name, PER_PERSON)
            await self.close(TOO_MANY)
            return
        watch.enter(self)
        try:
            query = QueryDict(self.scope["query_string"])
            self._show(query.get("page", "")[:ADDRESS_MAX], _number(query.get("rev")), {})
        except (ValueError, SuspiciousOperation):
            await self.close(BAD_MESSAGE)
            return
        await self._join()
        await self.accept()
        self._task = asyncio.create_task(self._run())

    async def _leave(self) -> None:
        """Leave everything."""
        self._is_ended = True
        rights_watch.watch().leave(self)
        if self._task and self._task is not asyncio.current_task():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for topic in self._topics:
            await self.channel_layer.group_discard(topic, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """`{"page", "rev", "have": {list id: {row id: version}}}`: what the browser shows now.

        Sent after opening, and again when a part of the page was exchanged for another address.
        `{"beside": address}`: a dialog with the live part of that page lies over it; empty: closed.
        """
        said, beside = _hello(text_data), _beside(text_data)
        if said is None and beside is None:
            await self.close(BAD_MESSAGE)
            return
        try:
            if said is not None:
                self._show(*said)
            else:
                self._show_beside(beside or "")
        except (ValueError, SuspiciousOperation):
            await self.close(BAD_MESSAGE)
            return
        await self._join()
        self._greeted.set()
        self._woken.set()

    async def notice(self, event: dict[str, Any]) -> None:
        """Something changed. Only remembers: a page that is slow must not hold up the layer."""
        heard = Notice(event["topic"], event["ref"], event["rev"])
        if heard.topic == topics.PEOPLE:
            if await base.in_thread(self._language, people.is_live, self.actor):
                self.rejudge()
            else:
                self.sign_out()
            return
        for view in self._views:
            view.hear(heard)
        self._woken.set()

    def rejudge(self) -> None:
        """Look at everything again: the services judge anew."""
        for view in self._views:
            view.is_stale = True
        self._woken.set()

    def sign_out(self) -> None:
        """Close; the page goes to the sign-in."""
        if not self._is_ended:
            self._is_ended = True
            self._ending = asyncio.ensure_future(self._end(SIGNED_OUT))

    def _show(self, address: str, rev: int, have: Have) -> None:
        self._rev = rev
        self._views = [
            View(region, Screen(rev, have.get(region.list_id)))
            for region in regions.of_page(address)
        ]

        self._views += self._beside

    def _show_beside(self, address: str) -> None:
        """Whatever the dialog was rendered at: its region is sent whole at first."""
        for view in self._beside:
            self._views.remove(view)
        found = regions.of_page(address) if address else []
        self._beside = [View(region, Screen(UNVERSIONED)) for region in found]
        self._views += self._beside

    async def _join(self) -> None:
        """The topics of what is shown, before it is looked at."""
        wanted = {topic for view in self._views for topic in view.region.topics} | {topics.PEOPLE}
        for topic in wanted - self._topics:
            await self.channel_layer.group_add(topic, self.channel_name)
        for topic in self._topics - wanted:
            await self.channel_layer.group_discard(topic, self.channel_name)
        self._topics = wanted

    async def _run(self) -> None:
        try:
            if any(view.region.list_id for view in self._views):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._greeted.wait(), HELLO_S)
            while not self._is_ended:
                self._woken.clear()
                await self._bring_up_to_date()
                await asyncio.sleep(GATHER_S)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), BEAT_S)
        except TimeoutError:
            log.info("a page of %s takes nothing; closed", self.actor.name)
            await self._end(TRY_AGAIN)
        except OSError:
            log.debug("a page of %s was left", self.actor.name)
        except Exception:
            log.exception("a page of %s could not be brought up to date", self.actor.name)
            await self._end(FAULT)

    async def _bring_up_to_date(self) -> None:
        """Look where something changed, and send what this browser does not have yet."""
        for view in list(self._views):
            frames: list[str] = []
            rounds, view.rounds = view.rounds, []
            is_stale, view.is_stale = view.is_stale, False
            if rounds and not is_stale:
                look = view.region.glance
                cells = await base.in_thread(self._language, look, self.actor, rounds)
                is_stale = cells is None
                frames = view.screen.cells(cells) if cells else []
            if is_stale:
                frames = await base.in_thread(self._language, self._look, view)
            if view not in self._views:
                return  # the browser went to another address meanwhile
            for frame in frames:
                await asyncio.wait_for(self.send(text_data=frame), SEND_S)
        await self._beat()

    async def _beat(self) -> None:
        """Say that the wire lives, and the revision that the page has reached."""
        now = asyncio.get_running_loop().time()
        if self._rev == self._said_rev and now - self._said_at < BEAT_S / 2:
            return
        self._said_rev, self._said_at = self._rev, now
        beat = fragments.beat(BEAT_S, self._rev)
        await asyncio.wait_for(self.send(text_data=beat), SEND_S)

    def _look(self, view: View) -> list[str]:
        picture = view.region.look(self.actor)
        self._rev = max(self._rev, picture.rev)
        return view.screen.frames(picture)

    async def _end(self, code: int) -> None:
        """Close; who takes nothing any more is cut off, for a close would wait behind the rest."""
        self._is_ended = True
        try:
            await asyncio.wait_for(self.close(code), CLOSE_S)
        except (OSError, RuntimeError):  # a TimeoutError is an OSError
            Wire(self.scope.get("kvmweb.send", self.base_send)).abort()


def _hello(text: str | None) -> tuple[str, int, Have] | None:
    """Page, revision and rows of a message; None when it is not one."""
    try:
        said = json.loads(text or "")
        page, rev, lists = said["page"], int(said["rev"]), said.get("have", {})
        have = {str(name): dict(rows) for name, rows in lists.items()}
        str(page).encode()  # half a character is no address
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    is_fine = isinstance(page, str) and len(page) <= ADDRESS_MAX
    is_fine = is_fine and all(len(rows) <= ROWS_MAX for rows in have.values())
    return (page, rev, have) if is_fine else None


def _beside(text: str | None) -> str | None:
    """The address of a dialog; None when it is another message."""
    try:
        said = json.loads(text or "")["beside"]
        str(said).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return said if isinstance(said, str) and len(said) <= ADDRESS_MAX else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else 0
