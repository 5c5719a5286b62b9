"""A look inside a disk in words: every end and every closed device has a sentence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kvmweb.core import refs
from kvmweb.core.inside import Choice, Entry, FileSystem, Folder, Look, LookState, Place, Shown
from kvmweb.core.offers import Obstacle
from kvmweb.ui import inside as face

GUEST = refs.guest("east", "00000000-0000-4000-8000-000000000001")
POOL = refs.pool("east", "00000000-0000-4000-8000-000000000002")
PLACE = Place(
    ref=GUEST,
    verb="guest.inspect",
    which="vda",
    title="vda",
    owner="web01",
    pool=POOL.id,
    volume=refs.volume("east", POOL.id, "a"),
    name="a",
    path="/images/a b.qcow2",
    format="qcow2",
    chain=(),
)
SYSTEMS = (
    FileSystem("/dev/sda1", "ext4", 100, used=90, total=100, is_open=True),
    FileSystem("/dev/sda2", "crypto_LUKS", 100),
    FileSystem("/dev/sda3", "hfsplus", 100),
    FileSystem("/dev/sda4", "unknown", 100),
)


def shown(look: Look, place: Place = PLACE, **facts: Any) -> face.InsidePage:
    return face.page(Shown(place, look, facts.pop("wanted", Choice()), **facts))


def entry(name: str, mode: int, modified_at: int = 0) -> Entry:
    return Entry(name, mode, 5, modified_at, 0, 0)


@pytest.mark.parametrize(
    ("problem", "detail", "said"),
    [
        ("", "", "It was closed."),
        ("cancelled", "idle", "ten minutes"),
        ("cancelled", "longest", "two hours"),
        ("busy", "/images/a is in use by web01", "a guest runs with this disk"),
        ("host-down", "", "not answering"),
        ("not-found", "", "is gone"),
        ("not-supported", "launch: supermin", "/boot"),
        ("fault", "the appliance crashed", "broke off"),
        ("weather", "", "broke off"),
    ],
)
def test_an_end_says_why(problem: str, detail: str, said: str) -> None:
    page = shown(Look(LookState.ENDED, problem=problem, detail=detail))
    assert said in page.ended
    assert page.look.state is LookState.ENDED


def test_what_is_missing_is_one_sentence_with_the_packages() -> None:
    page = shown(Look(is_able=False))
    assert "libguestfs-tools (Debian, Ubuntu)" in page.obstacle
    assert "libguestfs (Fedora)" in page.obstacle
    assert page.obstacle.count(". ") == 0


def test_what_stands_in_the_way_of_the_disk_comes_first() -> None:
    running = dataclasses.replace(PLACE, obstacle=Obstacle.NOT_OFF)
    assert "hut" in shown(Look(is_able=False), running).obstacle
    assert shown(Look(), problem="host-down").obstacle == "The host is not answering."
    assert shown(Look()).obstacle == ""


def test_every_device_says_why_it_is_closed() -> None:
    page = shown(Look(LookState.READY, file_systems=SYSTEMS))
    assert [bool(str(line.closed)) for line in page.systems] == [False, True, True, True]
    assert "without its key" in str(page.systems[1].closed)
    assert "broken" in str(page.systems[2].closed)
    assert page.systems[0].fill == "90 B of 100 B"
    assert str(page.systems[2].kind) == "hfsplus"


def test_links_carry_odd_names_and_the_order() -> None:
    at = Choice("/dev/sda1", "/a&b/\\xff", "size", is_descending=True)
    entries = (entry("x?", 0o040755), entry("#1", 0o100644), entry("p", 0o010644))
    look = Look(LookState.READY, file_systems=SYSTEMS)
    page = shown(look, wanted=at, folder=Folder("/a&b/\\xff", entries))
    base = f"/guests/east/{GUEST.id}/disks/vda/inside/"
    assert [line.url for line in page.entries] == [
        f"{base}?fs=%2Fdev%2Fsda1&path=%2Fa%26b%2F%5Cxff%2Fx%3F&sort=-size",
        f"{base}file/?fs=%2Fdev%2Fsda1&path=%2Fa%26b%2F%5Cxff%2F%231",
        "",
    ]
    assert [crumb.name for crumb in page.crumbs] == ["/dev/sda1", "a&b", "\\xff"]
    assert [heading.order for heading in page.headings] == ["", "descending", ""]


@pytest.mark.parametrize("moment", [2**62, -(2**62), 10**12])
def test_a_date_that_no_clock_shows_is_left_out(moment: int) -> None:
    look = Look(LookState.READY, file_systems=SYSTEMS)
    folder = Folder("/", (entry("f", 0o100644, moment),))
    page = shown(look, wanted=Choice("/dev/sda1"), folder=folder)
    assert page.entries[0].modified_at is None


@pytest.mark.parametrize(
    ("problem", "said", "is_file"),
    [
        ("invalid", "no folder", True),
        ("not-found", "no such folder", False),
        ("not-supported", "cannot be opened", False),
        ("conflict", "does not answer", False),
    ],
)
def test_a_folder_that_is_not_there_says_why(problem: str, said: str, is_file: bool) -> None:
    look = Look(LookState.READY, file_systems=SYSTEMS)
    page = shown(look, wanted=Choice("/dev/sda1", "/x"), problem=problem)
    assert said in page.not_there
    assert bool(page.file_url) == is_file


def test_the_command_is_quoted_and_left_out_where_a_path_hides_something() -> None:
    assert shown(Look()).command == "guestfish --ro --format=qcow2 -a '/images/a b.qcow2' -i"
    odd = dataclasses.replace(PLACE, path="/images/a\nb")
    assert shown(Look(), odd).command == ""
