"""Old page and pushes equal a fresh page; who loses rights loses rows and sockets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client

from kvmweb.core import refs, topics
from kvmweb.core.topics import Notice
from kvmweb.hub import publisher
from kvmweb.inventory.models import Guest, HostMirror, Revision
from kvmweb.services import rights
from kvmweb.store.models import Grant, Session
from tests import mirrors
from tests.live.pages import Page, Socket

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)


@pytest.fixture
async def ann() -> AsyncIterator[Client]:
    """An administrator who is signed in; notices travel through this test's loop."""
    get_channel_layer().channels.clear()
    get_channel_layer().groups.clear()
    publisher.bind(asyncio.get_running_loop())
    client = await there(lambda: signed_in("ann", ("administrator", "everything")))
    yield client
    publisher.bind(None)


def signed_in(name: str, *grants: tuple[str, str]) -> Client:
    client = Client()
    client.force_login(mirrors.person(name, *grants))
    return client


async def get(client: Client, address: str) -> tuple[Page, int]:
    answer = await there(lambda: client.get(address))
    assert answer.status_code == 200
    page = Page(answer.content.decode())
    return page, int(page.find("guests").get("data-rev"))


async def visit(client: Client, address: str = "/guests/") -> tuple[Page, Socket]:
    page, rev = await get(client, address)
    socket = await Socket(client, address, rev).open()
    await socket.greet(page, rev)
    for frame in await socket.first_frames():
        page.apply(frame)
    return page, socket


async def follow(page: Page, socket: Socket) -> list[str]:
    frames = await socket.frames()
    for frame in frames:
        page.apply(frame)
    return frames


async def becomes_fresh(page: Page, socket: Socket, client: Client) -> None:
    """It may take a moment on a busy machine, but it gets there by pushes alone."""
    async with asyncio.timeout(10):
        while True:
            await follow(page, socket)
            fresh, _rev = await get(client, socket.address)
            if page.look() == fresh.look():
                assert page.rows() == fresh.rows()
                return


async def until(page: Page, socket: Socket, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await follow(page, socket)


async def tell(*names: str, topic: str = topics.GUESTS) -> None:
    for name in names or ("",):
        await publisher.send(Notice(topic, name, 0))


ADDRESSES = ("/guests/", "/guests/?sort=-cpu&page=2", "/guests/?state=running&sort=state",
             "/guests/?q=a&columns=host,cpu&sort=-name")  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_old_page_and_its_pushes_equal_a_fresh_page(
    ann: Client, address: str, seed: int
) -> None:
    chance = random.Random(f"{address}{seed}")
    await there(lambda: start(chance))
    page, socket = await visit(ann, address)
    for _step in range(6):
        told = await there(lambda: change(chance))
        for topic in told:
            await tell(topic=topic)
        await follow(page, socket)
    await becomes_fresh(page, socket, ann)
    await socket.close()


def start(chance: random.Random) -> None:
    mirrors.host("one")
    mirrors.host("two")
    for index in range(chance.choice([0, 5, 130])):
        state = chance.choice(["running", "shut-off", "paused"])
        mirrors.guest(chance.choice(["one", "two"]), f"a{index:03d}", state=state)


def change(chance: random.Random) -> set[str]:
    """What a hub might write: one or a few of anything. Answers the topics that it would tell."""
    told = set()
    for _each in range(chance.randint(1, 4)):
        guests = list(Guest.objects.filter(is_gone=False))
        what = chance.choice(["add", "go", "change", "use", "host"])
        if what == "add" or not guests:
            host = chance.choice(["one", "two"])
            mirrors.guest(host, f"a{chance.random():.6f}", state="running")
        elif what == "host":
            row = HostMirror.objects.order_by("?").first()
            row.state = "up" if row.state == "down" else "down"
            row.rev = Revision.advance()
            row.save()
            told.add(topics.HOSTS)
        else:
            row = chance.choice(guests)
            touch(row, what, chance)
            mirrors.put(row)
        told.add(topics.GUESTS)
    return told


def touch(row: Guest, what: str, chance: random.Random) -> None:
    if what == "go":
        row.is_gone, row.digest = True, ""
    elif what == "use":
        row.cpu, row.memory_used = chance.random() * 100, chance.randint(0, mirrors.GIB)
    else:
        row.state = chance.choice(["running", "shut-off", "paused"])
        row.name = chance.choice(["a", "b", "<i>a"]) + str(chance.random())
        row.name_fold = row.name.casefold()
        row.digest = str(chance.random())


async def test_a_page_that_missed_everything_is_brought_up_to_date(ann: Client) -> None:
    await there(lambda: start(random.Random(7)))
    page, rev = await get(ann, "/guests/")
    await there(lambda: [change(random.Random(seed)) for seed in range(8)])
    socket = await Socket(ann, "/guests/", rev).open()
    await socket.greet(page, rev)
    await becomes_fresh(page, socket, ann)
    await socket.close()


async def test_a_browser_that_says_nothing_is_sent_the_whole_list(ann: Client) -> None:
    await there(lambda: start(random.Random(7)))
    page, rev = await get(ann, "/guests/")
    await there(lambda: [change(random.Random(seed)) for seed in range(8)])
    socket = await Socket(ann, "/guests/", rev).open()
    await becomes_fresh(page, socket, ann)
    await socket.close()


async def test_an_up_to_date_page_is_sent_no_rows(ann: Client) -> None:
    await there(lambda: [mirrors.host(), mirrors.guest(name="web01", state="running", cpu=3.0)])
    page, rev = await get(ann, "/guests/")
    socket = await Socket(ann, "/guests/", rev).open()
    await socket.greet(page, rev)
    frames = await socket.first_frames()
    assert all(frame.startswith("<td id=") for frame in frames)
    await socket.close()


async def test_figures_travel_as_cells_of_their_own(ann: Client) -> None:
    row = await there(lambda: [mirrors.host(), mirrors.guest(state="running", cpu=3.0)][1])
    page, socket = await visit(ann)
    await there(lambda: Guest.objects.filter(pk=row.pk).update(cpu=97.0))
    await tell("host:local", topic=topics.USE)
    frames = await socket.frames(2.0)
    assert frames == [f"<td id=c{row.pk} data-use=97>97 %</td>"]
    await tell("host:other", topic=topics.USE)
    assert await follow(page, socket) == []
    await socket.close()


async def test_a_storm_of_notices_is_looked_at_a_few_times(ann: Client) -> None:
    row = await there(lambda: [mirrors.host(), mirrors.guest(state="running")][1])
    page, socket = await visit(ann)
    frames = []
    for index in range(200):
        changed = Guest.objects.filter(pk=row.pk)
        await there(partial(changed.update, digest=str(index), rev=index))
        await tell(str(row.ref))
    frames = await follow(page, socket)
    assert 1 <= len(frames) < 60
    await socket.close()


async def test_rows_leave_when_the_grant_is_removed(ann: Client) -> None:
    def scene() -> Client:
        mirrors.host()
        mirrors.guest(name="mine")
        mirrors.guest(name="other")
        ref = refs.guest("local", mirrors.uuid_of("local", "mine"))
        return signed_in("bo", ("viewer", str(ref)))

    bo = await there(scene)
    page, socket = await visit(bo)
    assert len(page.rows()) == 1
    assert "other" not in " ".join(page.look().values())

    def revoke() -> None:
        with rights.changing():
            Grant.objects.filter(person__username="bo").delete()

    await there(revoke)
    await until(page, socket, lambda: page.rows() == [])
    assert page.find("guest-empty").text_content().strip().startswith("You have no right")
    await socket.close()


async def test_a_change_by_a_command_is_seen_without_a_notice(ann: Client) -> None:
    await there(lambda: [mirrors.host(), mirrors.guest()])
    page, socket = await visit(ann)
    await asyncio.sleep(1.5)  # the first look of the watch
    publisher.bind(None)

    def revoke() -> None:
        with rights.changing():
            Grant.objects.filter(person__username="ann").update(scope="host:elsewhere")
            mirrors.person("root", ("administrator", "everything"))

    await there(revoke)
    await until(page, socket, lambda: page.rows() == [])
    await socket.close()


@pytest.mark.parametrize("how", ["session", "person"])
async def test_the_socket_closes_when_the_session_ends(ann: Client, how: str) -> None:
    await there(mirrors.host)
    _page, socket = await visit(ann)

    def end() -> Any:
        if how == "session":
            return Session.objects.all().delete()
        return Session.objects.first().person.__class__.objects.update(is_active=False)

    await there(end)
    assert await socket.closed(within_s=2.0) == 4401


async def test_a_message_that_is_none_closes(ann: Client) -> None:
    await there(mirrors.host)
    _page, socket = await visit(ann)
    await socket.wire.send_to(text_data='{"page": 3}')
    assert await socket.closed(within_s=2.0) == 4400


async def test_another_address_is_followed_on_the_same_socket(ann: Client) -> None:
    await there(lambda: [mirrors.host(), mirrors.guest(name="a"), mirrors.guest(name="b")])
    page, socket = await visit(ann)
    page, rev = await get(ann, "/guests/?q=b")
    socket.address = "/guests/?q=b"
    await socket.greet(page, rev)
    await follow(page, socket)
    await there(lambda: [mirrors.guest(name="bb"), mirrors.guest(name="aa")])
    await tell()
    await becomes_fresh(page, socket, ann)
    await socket.close()
