"""Uploads and images on open pages: pushed as they begin, end and are known, nobody asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client

from kvmweb.core.actors import Actor
from kvmweb.core.refs import Ref
from kvmweb.core.uploads import UploadState, Wish
from kvmweb.hub import publisher
from kvmweb.hub.mirror import Writer
from kvmweb.services import images, uploads
from kvmweb.store.models import Image, Person, Upload
from kvmweb.ui import links
from tests.hub import plain
from tests.live.pages import Page, Socket
from tests.services.stage import held, person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)


class Scene:
    """Somebody who uploads, at a page."""

    def __init__(self) -> None:
        self.pool: Ref = held(1, "debian-13.1.0-amd64-netinst.iso")
        Writer("east", "stage").apply([plain.pool(1, capacity=2**40, available=2**39)])
        self.actor: Actor = person("ann", "administrator")
        self.client = Client()
        self.client.force_login(Person.objects.get(pk=self.actor.person_id))

    def begun(self, name: str, size: int = 1000) -> Upload:
        upload = uploads.claim(
            self.actor, self.pool, Wish(name, size, mark="same"), UploadState.MOVING
        )
        uploads.tell(upload)
        return upload


class Open:
    """A page in a browser, brought up to date until something holds."""

    def __init__(self, client: Client, url: str, text: str) -> None:
        self.url, self.page, self.socket = url, Page(text), Socket(client, url)

    async def until(self, holds: Callable[[Page], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds(self.page):
                for frame in await self.socket.frames(0.1):
                    self.page.apply(frame)


def text_of(page: Page, dom_id: str) -> str:
    return " ".join(page.find(dom_id).text_content().split())


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    get_channel_layer().channels.clear()
    get_channel_layer().groups.clear()
    publisher.bind(asyncio.get_running_loop())
    yield await there(Scene)
    publisher.bind(None)


async def opened(scene: Scene, url: str) -> Open:
    text = await there(lambda: scene.client.get(url).content.decode())
    found = Open(scene.client, url, text)
    await found.socket.open()
    for frame in await found.socket.first_frames():
        found.page.apply(frame)
    return found


async def test_an_upload_appears_moves_on_and_leaves_as_it_ends(scene: Scene) -> None:
    it = await opened(scene, links.of(scene.pool))
    upload = await there(lambda: scene.begun("new.img"))
    dom_id = f"upload-{upload.pk}"
    await it.until(lambda page: page.find(dom_id) is not None)
    assert "Not finished" in text_of(it.page, dom_id)

    def checking() -> None:
        Upload.objects.filter(pk=upload.pk).update(state=UploadState.CHECKING)
        uploads.tell(upload)

    await there(checking)
    await it.until(lambda page: "Being checked" in text_of(page, dom_id))
    await there(lambda: uploads.accept(upload))
    await it.until(lambda page: page.find(dom_id) is None)
    assert str(upload.pk) in it.page.find("upload-rows").get("data-ended")
    await it.socket.close()


async def test_a_refused_one_says_why_and_is_put_away_everywhere(scene: Scene) -> None:
    it = await opened(scene, links.of(scene.pool))
    upload = await there(lambda: scene.begun("evil.qcow2"))
    await there(lambda: uploads.refuse(upload, "backing", "/etc/shadow"))
    dom_id = f"upload-{upload.pk}"
    await it.until(lambda page: page.find(dom_id) is not None)
    await it.until(lambda page: "/etc/shadow" in text_of(page, dom_id))
    await there(lambda: uploads.cancel(scene.actor, scene.pool, upload.pk))
    await it.until(lambda page: page.find(dom_id) is None)
    await it.socket.close()


async def test_somebody_elses_upload_is_never_pushed(scene: Scene) -> None:
    it = await opened(scene, links.of(scene.pool))

    def other() -> None:
        eve = person("eve", "administrator")
        upload = uploads.claim(
            eve, scene.pool, Wish("secret.img", 10, mark="x"), UploadState.MOVING
        )
        uploads.tell(upload)

    await there(other)
    await there(lambda: scene.begun("mine.img"))
    await it.until(lambda page: "mine.img" in text_of(page, "upload-rows"))
    assert "secret.img" not in text_of(it.page, "upload-rows")
    await it.socket.close()


async def test_who_may_not_upload_is_pushed_no_list(scene: Scene) -> None:
    def viewer() -> Client:
        client = Client()
        client.force_login(Person.objects.get(pk=person("vic", "viewer").person_id))
        return client

    socket = await Socket(await there(viewer), links.of(scene.pool)).open()
    assert "upload-rows" not in "".join(await socket.first_frames())
    await socket.close()


async def test_an_image_appears_in_the_library_is_known_and_goes(scene: Scene) -> None:
    it = await opened(scene, "/storage/images/")
    assert "Debian 13" in text_of(it.page, "rows")

    async def happens(*messages: dict[str, Any]) -> None:
        for notice in await there(lambda: Writer("east", "stage").apply(messages)):
            await publisher.send(notice)

    await happens(plain.volume(1, "tools.iso"))
    await it.until(lambda page: "tools.iso" in text_of(page, "rows"))
    row = next(row for row in it.page.find("rows") if "tools.iso" in row.text_content())
    assert "Unknown" in row.text_content()

    def known() -> None:
        read(scene.pool, "tools.iso")
        upload = scene.begun("else.img")
        uploads.accept(upload)

    await there(known)
    await it.until(lambda page: "Debian 13" in _row(page, "tools.iso"))
    await happens({"type": "gone", "kind": "volume", "id": row.get("id")[-36:]})
    await it.until(lambda page: not _row(page, "tools.iso"))
    await it.socket.close()


async def test_the_page_of_a_new_guest_hears_that_a_disc_was_read(scene: Scene) -> None:
    it = await opened(scene, "/guests/create/")
    before = it.page.find("create-news").get("data-stands")

    def known() -> None:
        read(scene.pool, "debian-13.1.0-amd64-netinst.iso")
        images.tell(scene.pool)

    await there(known)
    await it.until(lambda page: page.find("create-news").get("data-stands") != before)
    await it.socket.close()


async def test_an_image_that_comes_in_is_no_choice_until_it_is_whole(scene: Scene) -> None:
    it = await opened(scene, "/storage/images/")
    upload = await there(lambda: scene.begun("debian-13.1.0-amd64-netinst.iso"))
    await it.until(lambda page: not _row(page, "netinst.iso"))
    assert "No image yet" in text_of(it.page, "list-empty")
    await there(lambda: uploads.accept(upload))
    await it.until(lambda page: "Debian 13" in _row(page, "netinst.iso"))
    await it.socket.close()


def read(pool: Ref, name: str) -> None:
    """As if the clockwork had read this disc."""
    facts = {"disc": {"volume_id": "Debian 13.1.0 amd64 n"}}
    seen = f"{2**30}:"
    Image.objects.create(pool=str(pool), name=name, state="seen", seen=seen, facts=facts)


def _row(page: Page, name: str) -> str:
    rows = [row.text_content() for row in page.find("rows")]
    return next((text for text in rows if name in text), "")
