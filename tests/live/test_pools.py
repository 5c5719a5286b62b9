"""The open page of a pool: what is pushed makes it equal to a fresh one, until it is over."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from lxml import html as parser

from kvmweb.core import refs
from kvmweb.core.records import DiskRecord
from kvmweb.core.refs import Ref
from kvmweb.hub import publisher
from kvmweb.hub.mirror import Writer
from kvmweb.store.models import Person
from kvmweb.ui import links
from tests.hub import plain
from tests.live.pages import Page, Socket
from tests.services.stage import held, person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)
_ONE_REQUEST = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken" value="[^"]*">')


class OpenPage:
    """A page of one pool in one browser."""

    def __init__(self, client: Client, ref: Ref, query: str = "") -> None:
        self.client, self.ref, self.url = client, ref, links.of(ref) + query
        text = self._get()
        self.page = Page(text)
        found = re.search(r'id="listing" data-rev="(\d+)"', text)
        assert found
        self.rev = int(found[1])
        self.socket = Socket(client, self.url, self.rev)
        self.parts = (f"{ref.dom_id}-head", "rows", "list-empty", "volume-pages")

    def _get(self) -> str:
        return self.client.get(self.url).content.decode()

    async def open(self) -> None:
        await self.socket.open()
        have = {row.get("id"): row.get("data-v") for row in self.page.find("rows")}
        said = {"page": self.url, "rev": self.rev, "have": {"rows": have}}
        await self.socket.wire.send_to(text_data=json.dumps(said))
        await self.follow()

    async def follow(self) -> list[str]:
        frames = await self.socket.frames(0.4)
        for frame in frames:
            self.page.apply(frame)
        return frames

    def look(self, page: Page) -> dict[str, str]:
        shown = {}
        for part in self.parts:
            element = page.find(part)
            element.tail = None
            text = _ONE_REQUEST.sub("", parser.tostring(element, encoding="unicode"))
            shown[part] = re.sub(r"\s+", " ", text).replace("> <", "><")
        return shown

    def fresh(self) -> dict[str, str]:
        return self.look(Page(self._get()))


@pytest.fixture
async def opened() -> AsyncIterator[OpenPage]:
    get_channel_layer().channels.clear()
    get_channel_layer().groups.clear()
    publisher.bind(asyncio.get_running_loop())
    page = await there(_open)
    await page.open()
    yield page
    await page.socket.close()
    publisher.bind(None)


def _open() -> OpenPage:
    ref = held(1, "a.qcow2", "b.qcow2")
    actor = person("ann", "administrator")
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return OpenPage(client, ref)


async def happens(*messages: dict[str, Any]) -> None:
    def write() -> list[Any]:
        return Writer("east", "stage").apply(messages)

    for notice in await there(write):
        await publisher.send(notice)


def gone(pool: Ref, name: str) -> dict[str, Any]:
    return {"type": "gone", "kind": "volume", "id": refs.volume_id(pool.id, name)}


async def test_what_happens_makes_the_open_page_a_fresh_one(opened: OpenPage) -> None:
    disk = DiskRecord("vda", "virtio", "disk", "/images/a.qcow2", "qcow2")
    for step in (
        [plain.volume(1, "c\n<b>")],
        [plain.volume(1, "a.qcow2", allocation=5 * 2**20)],
        [plain.guest(11, disks=(disk,))],
        [plain.volume(1, "top", backing="/images/b.qcow2", backing_path="/images/b.qcow2")],
        [gone(opened.ref, "b.qcow2")],
        [plain.pool(1, allocation=90, available=10)],
        [plain.link("down")],
        [plain.link("up")],
        [plain.pool(1, is_active=False), *(gone(opened.ref, n) for n in ("a.qcow2", "top"))],
    ):
        await happens(*step)
        assert await opened.follow(), step
        assert opened.look(opened.page) == await there(opened.fresh)


async def test_a_volume_that_virsh_deletes_goes_from_the_open_page(opened: OpenPage) -> None:
    await happens(gone(opened.ref, "a.qcow2"))
    await opened.follow()
    rows = [row.get("id") for row in opened.page.find("rows")]
    assert rows == [refs.volume("east", opened.ref.id, "b.qcow2").dom_id]


async def test_rows_that_the_page_has_are_not_sent_again(opened: OpenPage) -> None:
    await happens(plain.volume(1, "b.qcow2", allocation=7 * 2**20))
    frames = "".join(await opened.follow())
    assert refs.volume("east", opened.ref.id, "b.qcow2").dom_id in frames
    assert refs.volume("east", opened.ref.id, "a.qcow2").dom_id not in frames


async def test_volumes_of_other_pools_say_nothing_here(opened: OpenPage) -> None:
    await happens(plain.pool(2, name="other"))
    await opened.follow()
    await happens(plain.volume(2, "elsewhere"))
    assert await opened.follow() == []


async def test_a_pool_that_is_deleted_says_so(opened: OpenPage) -> None:
    await happens(plain.gone(1, kind="pool"))
    assert "This pool is gone" in "".join(await opened.follow())
