"""The open host page: what is pushed makes it equal to a fresh one; it says when it is over."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from lxml import html as parser

from kvmweb.core import refs, wire
from kvmweb.core.hosts import Abilities, HardwareRecord, NumaCell
from kvmweb.core.readiness import Finding, Readiness, Verdict
from kvmweb.core.records import GuestState, HostRecord
from kvmweb.hub import publisher
from kvmweb.hub.mirror import Writer
from kvmweb.services import hosts
from kvmweb.store.models import Person
from tests.hub import plain
from tests.live.pages import Page, Socket
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)
REF = refs.host("east")
CARDS = ("head", "use", "guests", "readiness", "overview", "hardware", "shelves", "abilities")
_ONE_REQUEST = re.compile(r'<input type="hidden" name="csrfmiddlewaretoken" value="[^"]*">')
GIB = 1024**3


def facts() -> dict[str, Any]:
    record = HostRecord(
        "rack", "qemu:///system", "QEMU", "9.0.0", "7.2.0", "x86_64", "EPYC", 4, 8 * GIB,
        True, True, True, {"guest.nmi": True},
    )  # fmt: skip
    return {"type": "host", "record": wire.to_plain(record)}


def part(name: str, record: object) -> dict[str, Any]:
    return {"type": "part", "part": name, "record": wire.to_plain(record), "at": 1_700_000_000.0}


def hardware(sockets: int = 1) -> dict[str, Any]:
    cells = (NumaCell(0, 8 * GIB, 4),)
    return part("hardware", HardwareRecord(
        "AMD", 2400, sockets, 1, 4, 1, cells, ("selinux",), True, ("x86_64",), ("x86_64",),
        ("q35",), True, Abilities(vcpus_max=288, firmwares=("efi",)),
    ))  # fmt: skip


def readiness(*codes: str) -> dict[str, Any]:
    findings = tuple(Finding(code, Verdict.LIMITED) for code in codes)
    return part("readiness", Readiness(True, findings))


class OpenPage:
    """A page of the host in one browser."""

    def __init__(self, client: Client) -> None:
        self.client = client
        text = self.get()
        self.page = Page(text)
        rev = re.search(r"rev=(\d+)", text)
        assert rev
        self.socket = Socket(client, "/hosts/east/", int(rev[1]))

    def get(self) -> str:
        return self.client.get("/hosts/east/", secure=True).content.decode()

    async def follow(self) -> None:
        for frame in await self.socket.frames(0.3):
            self.page.apply(frame)

    def look(self, page: Page) -> dict[str, str]:
        shown = {}
        for card in CARDS:
            element = page.find(f"host-east-{card}")
            element.tail = None
            text = _ONE_REQUEST.sub("", parser.tostring(element, encoding="unicode"))
            shown[card] = " ".join(text.split()).replace("> <", "><")
        return shown

    async def until(self, card: str, words: str) -> None:
        """Follow until this card says so."""
        deadline = time.monotonic() + 15
        while words not in self.look(self.page)[card]:
            assert time.monotonic() < deadline, self.look(self.page)[card]
            await self.follow()

    async def is_fresh(self) -> None:
        fresh = await there(lambda: self.look(Page(self.get())))
        assert self.look(self.page) == fresh


def _open() -> OpenPage:
    mirrored(1, 2, state=GuestState.RUNNING, vcpus=2)
    write(facts(), hardware(), readiness("vhost-net"), plain.pool(7, name="images"))
    client = Client()
    client.force_login(Person.objects.get(pk=person("ada", "administrator").person_id))
    return OpenPage(client)


def write(*messages: dict[str, Any]) -> None:
    writer = Writer("east", "stage")
    writer.open()
    publisher.publish(*writer.apply(list(messages)))


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


async def test_the_page_holds_what_is_known(opened: OpenPage) -> None:
    shown = opened.look(opened.page)
    assert "EPYC" in shown["hardware"]
    assert "guest1" in shown["guests"]
    assert "2 of 2 running" in shown["guests"]
    assert "SELinux" in shown["overview"]
    assert "no vhost-net" in shown["readiness"]
    assert "modprobe vhost_net" in shown["readiness"]
    assert "images" in shown["shelves"]
    assert "at most 288" in shown["abilities"]


@pytest.mark.parametrize(
    ("messages", "card", "words"),
    [
        ([hardware(sockets=2)], "hardware", "2 sockets"),
        ([readiness("dnsmasq")], "readiness", "dnsmasq is missing"),
        ([plain.pool(8, name="backup")], "shelves", "backup"),
        ([plain.link("down", "no route to host")], "head", "no route to host"),
        ([plain.samples(1, 2, cpu=50.0)], "guests", "25"),
    ],
)
async def test_what_is_pushed_equals_a_fresh_page(
    opened: OpenPage, messages: list[dict[str, Any]], card: str, words: str
) -> None:
    await there(lambda: write(*messages))
    await opened.until(card, words)
    await opened.is_fresh()


async def test_what_was_promised_follows_the_guests_with_the_figures(opened: OpenPage) -> None:
    await there(lambda: write(plain.guest(3, state=GuestState.RUNNING, vcpus=9)))
    await there(lambda: write(plain.samples(1, 2, 3)))
    await opened.until("guests", "3 of 3 running")
    await opened.until("use", "13 vCPUs")
    await opened.until("guests", "guest3")
    await opened.is_fresh()


async def test_a_host_that_is_removed_says_so_on_its_open_page(opened: OpenPage) -> None:
    admin = await there(lambda: person("root", "administrator"))
    await there(lambda: hosts.remove(admin, REF))
    deadline = time.monotonic() + 15
    while "This host was removed" not in opened.page.find("host-east-page").text_content():
        assert time.monotonic() < deadline
        await opened.follow()
