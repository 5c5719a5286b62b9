"""The open guest page: what is pushed makes it equal to a fresh one; it says when it is over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from lxml import html as parser

from kvmweb.core import refs
from kvmweb.core.records import GuestState
from kvmweb.core.refs import Ref
from kvmweb.hub import publisher
from kvmweb.hub.mirror import Writer
from kvmweb.services import audit
from kvmweb.store.models import Grant, Person, RightsEpoch
from kvmweb.ui import links
from tests.hub import plain
from tests.live.pages import Page, Socket
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)
PARTS = ("head", "overview", "use", "description", "disks", "interfaces", "snapshots", "agent")
_ONE_REQUEST = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken" value="[^"]*">')


class OpenPage:
    """A page of one guest in one browser."""

    def __init__(self, client: Client, ref: Ref) -> None:
        self.client, self.ref, self.url = client, ref, links.of(ref)
        self.page = Page(self._get())
        rev = re.search(r"rev=(\d+)", self._get())
        assert rev
        self.socket = Socket(client, self.url, int(rev[1]))

    def _get(self) -> str:
        return self.client.get(self.url).content.decode()

    async def follow(self, quiet_s: float = 0.3, *, within_s: float = 0.0) -> list[str]:
        frames = await self.socket.frames(quiet_s, within_s=within_s)
        for frame in frames:
            self.page.apply(frame)
        return frames

    def look(self, page: Page) -> dict[str, str]:
        shown = {}
        for part in PARTS:
            element = page.find(f"{self.ref.dom_id}-{part}")
            element.tail = None
            text = _ONE_REQUEST.sub("", parser.tostring(element, encoding="unicode"))
            shown[part] = " ".join(text.split()).replace("> <", "><")
        return shown

    def fresh(self) -> dict[str, str]:
        return self.look(Page(self._get()))


@pytest.fixture
async def opened() -> AsyncIterator[OpenPage]:
    get_channel_layer().channels.clear()
    get_channel_layer().groups.clear()
    publisher.bind(asyncio.get_running_loop())
    page = await there(_open)
    await page.socket.open()
    await page.follow()
    yield page
    await page.socket.close()
    publisher.bind(None)


def _open() -> OpenPage:
    (ref,) = mirrored(1, name="web01", state=GuestState.RUNNING)
    actor = person("ann", "administrator")
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return OpenPage(client, ref)


async def happens(*messages: dict[str, Any]) -> None:
    def write() -> list[Any]:
        return Writer("east", "stage").apply(messages)

    for notice in await there(write):
        await publisher.send(notice)


async def test_changes_and_figures_make_the_open_page_a_fresh_one(opened: OpenPage) -> None:
    paused = plain.guest(1, name="web01", state=GuestState.PAUSED, title="Shop", tags=("web",))
    for step in (
        plain.guest(1, name="web01", title="Shop", state=GuestState.RUNNING, snapshots=2),
        plain.samples(1, cpu=40.0),
        plain.samples(1, cpu=60.0),
        paused,
        plain.samples(1, is_answering=False),
        plain.link("down"),
        plain.link("up"),
    ):
        await happens(step)
        assert await opened.follow(within_s=10)
        assert opened.look(opened.page) == await there(opened.fresh)


async def test_a_snapshot_that_comes_and_goes_is_pushed_with_its_place_in_the_tree(
    opened: OpenPage,
) -> None:
    tree = (plain.snapshot("first"), plain.snapshot("second", parent="first", is_current=True))
    facts = {"name": "web01", "state": GuestState.RUNNING}
    for number in (1, 2, 0):
        snapshots = {"snapshots": number, "snapshot_tree": tree[:number]}
        await happens(plain.guest(1, **facts, **snapshots))
        assert await opened.follow(within_s=10)
        shown = opened.look(opened.page)
        assert shown == await there(opened.fresh)
        assert shown["snapshots"].count("data-snapshot=") == number


async def test_a_round_of_figures_sends_the_charts_alone(opened: OpenPage) -> None:
    await happens(plain.samples(1, cpu=40.0))
    await opened.follow(within_s=10)
    await happens(plain.samples(1, cpu=45.0))
    frames = "".join(await opened.follow(within_s=10))
    assert f'id="{opened.ref.dom_id}-charts"' in frames
    assert f'id="{opened.ref.dom_id}-overview"' not in frames
    assert len(frames) < 4096


async def test_an_act_asked_for_is_seen_by_everybody_at_the_page(opened: OpenPage) -> None:
    def ask() -> None:
        audit.note(person("bob", "operator"), "guest.shutdown", opened.ref)

    await there(ask)
    from kvmweb.core import topics
    from kvmweb.core.topics import Notice

    await publisher.send(Notice(topics.of(opened.ref), str(opened.ref)))
    assert "Asked to shut down" in "".join(await opened.follow(within_s=10))


async def test_a_deleted_guest_says_so_with_a_way_back(opened: OpenPage) -> None:
    await happens(plain.gone(1))
    await opened.follow(within_s=10)
    text = opened.page.find(f"{opened.ref.dom_id}-page").text_content()
    assert "This guest is gone" in text
    assert "Back to the guests" in text


async def test_a_grant_removed_takes_the_page_away(opened: OpenPage) -> None:
    def revoke() -> None:
        Grant.objects.all().delete()
        Grant.objects.create(
            person=Person.objects.get(), role="viewer", scope=str(refs.host("west"))
        )
        RightsEpoch.advance()

    await there(revoke)
    async with asyncio.timeout(5):
        while "This guest is gone" not in parser.tostring(opened.page.root).decode():
            await opened.follow()


async def test_whoever_looks_has_the_agent_asked_and_its_answer_is_pushed(
    opened: OpenPage,
) -> None:
    """There is no worker here: the answer is that there is none."""
    facts = {"name": "web01", "state": GuestState.RUNNING, "has_agent_channel": True}
    await happens(plain.guest(1, **facts, is_agent_connected=True))
    async with asyncio.timeout(10):
        while "Does not answer" not in opened.look(opened.page)["agent"]:
            await opened.follow()
    assert opened.look(opened.page) == await there(opened.fresh)
    await happens(plain.guest(1, **facts, is_agent_connected=False))
    await opened.follow()
    assert "apt install qemu-guest-agent" in opened.look(opened.page)["agent"]
