"""The page of a new guest: the systems it offers, and what a disc or a tree proposes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from kvmweb.core.systems import System
from kvmweb.hub.mirror import Writer
from kvmweb.services import systems
from kvmweb.store.models import Image
from kvmweb.web import creation
from tests.hub import plain
from tests.services.test_install_trees import INFO, Server
from tests.web.test_create import PAGE, enter, form, stage, text

pytestmark = pytest.mark.django_db


def staged_discs() -> str:
    """debian.iso was read, other.iso not yet; their pool."""
    stage()
    writer = Writer("east", "stage")
    writer.open()
    names = ("debian.iso", "other.iso", "plain.iso")
    writer.apply([plain.volume(900, name, format="iso") for name in names])
    pool = plain.uuid(900)
    read = {"pool": f"pool:east:{pool}", "state": "seen", "seen": f"{2**30}:"}
    ids = {"volume_id": "Debian 12.5.0 amd64 n", "is_bootable": True}
    Image.objects.create(**read, name="debian.iso", facts={"disc": ids})
    Image.objects.create(**read, name="plain.iso", facts={"disc": {"volume_id": "HOLIDAY"}})
    return pool


def drawn(client: Client, pool: str, image: str, **fields: str) -> str:
    place = f"{pool}/{image}" if image else ""
    chosen = {"source": "iso", "image": place, "detected": "", "detected_in": ""}
    sent = form(**{"act": "image", **chosen, **fields})
    answer = client.post(f"{PAGE}draft/?part=form", sent, secure=True, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200
    return text(answer)


def system_in(page: str) -> str:
    found = re.search(r'<input[^>]*name="system"[^>]*>', page)
    assert found is not None
    value = re.search(r'value="([^"]*)"', found[0])
    return value[1] if value else ""


def test_the_system_on_the_chosen_disc_is_proposed() -> None:
    pool = staged_discs()
    client = enter()
    page = drawn(client, pool, "debian.iso")
    assert system_in(page) == "debian12"
    assert "Detected on the disc: Debian 12." in page
    assert "data-awaited" not in page
    place = f"{PAGE}?source=iso&image=debian.iso&pool={pool}"
    assert system_in(text(client.get(place, secure=True))) == "debian12"


def test_a_system_that_somebody_chose_stays_and_the_other_is_offered() -> None:
    pool = staged_discs()
    client = enter()
    page = drawn(client, pool, "debian.iso", system="win11")
    assert system_in(page) == "win11"
    assert "Use Debian 12" in page
    taken = drawn(client, pool, "debian.iso", system="win11", act="detected")
    assert system_in(taken) == "debian12"
    assert "Use Debian 12" not in taken


@pytest.mark.parametrize(
    ("system", "detected", "detected_in", "expected"),
    [
        ("debian12", "debian12", "debian.iso", ""),  # ours, for the image before
        ("debian12", "", "debian.iso", "debian12"),  # typed by the person
        ("", "debian12", "plain.iso", ""),  # cleared by the person
    ],
)
def test_only_what_was_proposed_goes_with_its_disc(
    system: str, detected: str, detected_in: str, expected: str
) -> None:
    pool = staged_discs()
    before = {"system": system, "detected": detected, "detected_in": f"{pool}/{detected_in}"}
    page = drawn(enter(), pool, "plain.iso", **before)
    assert system_in(page) == expected
    assert "“HOLIDAY”" in page


def test_what_is_not_read_yet_says_so_and_waits_for_more() -> None:
    page = drawn(enter(), staged_discs(), "other.iso")
    assert "The disc is not read yet." in page
    assert "data-awaited" in page


def test_systems_are_offered_by_support_state(monkeypatch: pytest.MonkeyPatch) -> None:
    today = date.today()
    old, new = today - timedelta(days=3650), today - timedelta(days=30)
    line = (
        System("reef5", "5", "Reef 5", released=new, status="snapshot"),
        System("reef4", "4", "Reef 4", released=new, ends=new),
        System("reef3", "3", "Reef 3", released=new),
        System("reef2", "2", "Reef 2", released=old),
        System("reef1", "1", "Reef 1", released=old, ends=today),
    )
    monkeypatch.setattr(systems, "search", lambda *_args, **_rest: list(line))
    page = text(enter().get(f"{PAGE}systems/?system=reef", secure=True))
    assert re.findall(r">([^<]+)</option>", page) == [
        f"Supported: Reef 3, released {new}",
        f"Supported: Reef 1, released {old}",
        "Preview: Reef 5",
        f"Support unknown: Reef 2, released {old}",
        f"Support ended: Reef 4, on {new}",
    ]
    monkeypatch.setattr(creation, "SYSTEMS_MAX", 2)
    page = text(enter("creator").get(f"{PAGE}systems/?system=reef", secure=True))
    assert re.findall(r'value="(\w+)"', page) == ["reef3", "reef1"]


@pytest.fixture
def trees(settings: Any) -> Iterator[Server]:
    """Of Debian below an address that names it, of Fedora and of nobody we know."""
    settings.KVMWEB_FETCH_INNER = ["127.0.0.0/8"]
    server = Server("127.0.0.1")
    fedora = "[general]\nfamily = Fedora\nversion = 42\nvariant = Server\narch = x86_64\n"
    server.answers["/fedora/.treeinfo"] = fedora.encode()
    server.answers["/tiny/.treeinfo"] = INFO.encode()
    yield server
    server.stop()


def looked(client: Client, url: str, **fields: str) -> str:
    return drawn(client, "", "", **{"source": "tree", "url": url, "act": "url", **fields})


def test_the_system_of_an_install_tree_is_proposed(trees: Server) -> None:
    stage()
    client = enter()
    fedora, debian = f"{trees.url}/fedora/", f"{trees.url}/debian/dists/bookworm/"
    page = looked(client, fedora)
    assert system_in(page) == "fedora42"
    assert re.search("This tree installs Fedora (Linux )?42", page)
    proposed = {"system": "fedora42", "detected": "fedora42", "detected_in": fedora}
    assert "This tree installs" in looked(client, fedora, act="add-disk", **proposed)
    assert system_in(looked(client, debian, **proposed)) == "debian12"
    assert system_in(looked(client, "", act="source", **proposed)) == ""
    page = looked(client, f"{trees.url}/tiny", **proposed)
    assert system_in(page) == ""
    assert "calls itself “Tiny Linux 1”" in page


def test_a_tree_takes_no_system_away_that_somebody_chose(trees: Server) -> None:
    stage()
    client = enter()
    page = looked(client, f"{trees.url}/fedora", system="debian12")
    assert system_in(page) == "debian12"
    assert "Use Fedora" in page
    assert system_in(looked(client, f"{trees.url}/fedora", system="debian12", act="detected")) == (
        "fedora42"
    )
    assert "An address begins with https://" in looked(client, "tree")


def test_no_address_of_the_page_makes_the_portal_ask_a_server(trees: Server) -> None:
    stage()
    client = enter()
    trees.answers.clear()
    asked: list[str] = []
    trees.answer = lambda it: asked.append(it.path)  # type: ignore[method-assign]
    client.get(f"{PAGE}?source=tree&url={trees.url}/fedora", secure=True)
    looked(client, f"{trees.url}/fedora", act="add-disk")
    assert asked == []
