"""What the list answers to whom, in what order, and for how many queries."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import NotFound, Unknown
from kvmweb.core.guest_filter import COLUMNS, GuestFilter
from kvmweb.core.guest_lists import GuestList
from kvmweb.core.offers import Obstacle
from kvmweb.inventory.models import Revision
from kvmweb.services import guests
from tests import mirrors

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Actor:
    return actor("ann", ("administrator", "everything"))


def actor(name: str, *grants: tuple[str, str]) -> Actor:
    return Actor(mirrors.person(name, *grants).pk, name)


def ask(who: Actor, **query: str) -> GuestList:
    return guests.list_(who, GuestFilter.from_query(query))


def names(found: GuestList) -> list[str]:
    return [row.line.name for row in found.rows]


@pytest.fixture
def zoo() -> None:
    """Four guests on two hosts, all different."""
    mirrors.host("one")
    mirrors.host("two")
    mirrors.guest(
        "one", "web-b", state="running", tags=["web"], addresses=["10.0.0.7"], vcpus=4,
        cpu=80.0, memory_used=1000,
    )  # fmt: skip
    mirrors.guest("one", "Web-a", state="shut-off", title="Büro 网站", has_autostart=True)
    mirrors.guest("two", "db_1", state="blocked", tags=["db", "prod"], memory=1, cpu=5.0)
    mirrors.guest("two", "100%", state="paused", addresses=["fe80::1"], cpu=20.0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["100%", "db_1", "Web-a", "web-b"]),
        ({"q": "WEB"}, ["Web-a", "web-b"]),
        ({"q": "网站"}, ["Web-a"]),
        ({"q": "10.0.0"}, ["web-b"]),
        ({"q": "FE80"}, ["100%"]),
        ({"q": "%"}, ["100%"]),
        ({"q": "_"}, ["db_1"]),
        ({"q": "nothing"}, []),
        ({"state": "running"}, ["db_1", "web-b"]),
        ({"state": "paused"}, ["100%"]),
        ({"host": "one"}, ["Web-a", "web-b"]),
        ({"tag": "prod"}, ["db_1"]),
        ({"tag": "pro"}, []),
        ({"host": "two", "state": "paused", "q": "1"}, ["100%"]),
        ({"sort": "-name"}, ["web-b", "Web-a", "db_1", "100%"]),
        ({"sort": "vcpus"}, ["100%", "db_1", "Web-a", "web-b"]),
        ({"sort": "-vcpus"}, ["web-b", "100%", "db_1", "Web-a"]),
        ({"sort": "memory"}, ["db_1", "100%", "Web-a", "web-b"]),
        ({"sort": "-autostart"}, ["Web-a", "100%", "db_1", "web-b"]),
        ({"sort": "-host"}, ["100%", "db_1", "Web-a", "web-b"]),
    ],
)
def test_the_list_is_searched_filtered_and_ordered(
    ann: Actor, zoo: None, query: dict[str, str], expected: list[str]
) -> None:
    assert names(ask(ann, **query)) == expected


def test_largest_use_comes_first_and_none_last(ann: Actor, zoo: None) -> None:
    assert names(ask(ann, sort="-cpu"))[:3] == ["web-b", "100%", "db_1"]


def test_a_uuid_finds_its_guest(ann: Actor, zoo: None) -> None:
    assert names(ask(ann, q=mirrors.uuid_of("one", "web-b")[:13].upper())) == ["web-b"]


@pytest.mark.parametrize("column", ["name", *COLUMNS])
def test_every_column_sorts_both_ways_and_pages_share_no_row(ann: Actor, column: str) -> None:
    mirrors.host()
    mirrors.fill(230)
    for sort in (column, f"-{column}"):
        pages = [names(ask(ann, sort=sort, page=str(page))) for page in (1, 2, 3)]
        assert [len(page) for page in pages] == [100, 100, 30]
        assert len(set().union(*pages)) == 230


def test_templates_are_found_or_left_out(ann: Actor, zoo: None) -> None:
    mark = {"template": {"at": 1.0}}
    mirrors.guest("two", "golden", is_template=True, record=mark, tags=["prod"])
    everything = ask(ann)
    assert (len(everything.rows), everything.templates) == (5, 1)
    only = ask(ann, template="only")
    assert [(row.line.name, row.line.is_template) for row in only.rows] == [("golden", True)]
    assert only.wanted.is_narrowed
    left = ask(ann, template="none")
    assert (names(left), left.total) == (["100%", "db_1", "Web-a", "web-b"], 4)
    assert names(ask(ann, template="none", tag="prod")) == ["db_1"]
    assert ask(ann, template="all").wanted.notes == ("template",)
    elsewhere = actor("eve", ("viewer", "host:one"))
    assert (ask(elsewhere).templates, names(ask(elsewhere, template="only"))) == (0, [])


def test_numbers_count_all_that_is_seen(ann: Actor, zoo: None) -> None:
    found = ask(ann, q="web-b")
    assert (found.total, found.seen) == (1, 4)
    assert found.states == {"running": 2, "paused": 1, "shut-off": 1}
    assert [(host.key, host.count) for host in found.hosts] == [("one", 2), ("two", 2)]
    assert found.tags == ("db", "prod", "web")


def test_numbers_follow_the_mirror(ann: Actor, zoo: None) -> None:
    ask(ann)
    mirrors.guest("two", "new", state="crashed")
    assert ask(ann).states["crashed"] == 1


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([("viewer", "everything")], ["100%", "db_1", "Web-a", "web-b"]),
        ([("viewer", "host:one")], ["Web-a", "web-b"]),
        ([("viewer", f"guest:two:{mirrors.uuid_of('two', 'db_1')}")], ["db_1"]),
        (
            [("viewer", "host:one"), ("viewer", f"guest:two:{mirrors.uuid_of('two', 'db_1')}")],
            ["db_1", "Web-a", "web-b"],
        ),
        ([("viewer", "host:three")], []),
    ],
)
def test_only_what_lies_within_the_grants_is_there(
    zoo: None, grants: Iterable[tuple[str, str]], expected: list[str]
) -> None:
    bo = actor("bo", *grants)
    found = ask(bo)
    assert names(found) == expected
    assert found.seen == found.total == len(expected) == guests.count(bo)
    assert {row.line.key for row in found.rows} == set(guests.use(bo, range(1000)))
    unseen = {"one", "two"} - {row.line.ref.host for row in found.rows}
    assert not unseen & {host.key for host in found.hosts}


def test_no_right_is_a_state_of_its_own(zoo: None) -> None:
    found = ask(actor("cy", ("storage-admin", "everything")))
    assert (found.has_right, found.rows, found.seen) == (False, (), 0)


def test_show_is_guarded(ann: Actor, zoo: None) -> None:
    ref = refs.guest("one", mirrors.uuid_of("one", "web-b"))
    assert guests.show(ann, ref).line.name == "web-b"
    with pytest.raises(NotFound):
        guests.show(actor("bo", ("viewer", "host:two")), ref)
    with pytest.raises(NotFound):
        guests.show(ann, refs.guest("one", mirrors.uuid_of("one", "nobody")))


def test_the_main_act_follows_state_right_and_host(ann: Actor, zoo: None) -> None:
    mirrors.guest("two", "saved", record={"has_saved_state": True})
    mains = {row.line.name: row.main for row in ask(ann).rows}
    assert mains["web-b"].verb == "guest.shutdown"
    assert mains["Web-a"].verb == "guest.start"
    assert mains["100%"].verb == "guest.resume"
    assert mains["saved"].verb == "guest.restore"
    assert all(main.is_possible for main in mains.values())
    viewer = ask(actor("bo", ("viewer", "everything"))).rows[0]
    assert viewer.main.obstacle is Obstacle.NO_RIGHT
    mirrors.host("two", "down")
    away = next(row for row in ask(ann).rows if row.line.name == "100%")
    assert (away.is_away, away.main.obstacle) == (True, Obstacle.HOST_AWAY)
    assert away.heard_at is not None


def test_figures_of_a_stopped_guest_are_none(ann: Actor) -> None:
    mirrors.host()
    row = mirrors.guest(state="shut-off", cpu=50.0, memory_used=7)
    assert ask(ann).rows[0].use.cpu is None
    assert guests.use(ann, [row.pk])[row.pk].memory_used is None


def test_a_gone_guest_is_not_there(ann: Actor, zoo: None) -> None:
    row = mirrors.build("one", "old")
    row.is_gone = True
    mirrors.put(row)
    assert "old" not in names(ask(ann))


def test_a_page_beyond_the_last_is_the_last_and_says_so(ann: Actor, zoo: None) -> None:
    found = ask(ann, page="40")
    assert (found.wanted.page, found.wanted.notes) == (1, ("page",))
    assert len(found.rows) == 4


@pytest.mark.parametrize("size", [3, 230])
def test_a_page_costs_the_same_queries_at_any_size(ann: Actor, size: int) -> None:
    mirrors.host()
    mirrors.fill(size)
    guests.forget()
    with CaptureQueriesContext(connection) as first:
        ask(ann, q="guest", sort="-cpu")
    with CaptureQueriesContext(connection) as again:
        ask(ann, q="guest", sort="-cpu")
    Revision.advance()
    with CaptureQueriesContext(connection) as changed:
        ask(ann, q="guest", sort="-cpu")
    assert (len(first), len(again), len(changed)) == (14, 8, 9)


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ({"page": "x"}, "page"), ({"page": "0"}, "page"), ({"page": "9" * 30}, "page"),
        ({"sort": "password"}, "sort"), ({"sort": "--name"}, "sort"),
        ({"state": "fine"}, "state"), ({"state": "blocked"}, "state"),
        ({"host": "../etc"}, "host"), ({"q": "a\0b"}, "q"), ({"q": "x" * 201}, "q"),
        ({"columns": "name,secret"}, "columns"), ({"page": "٣"}, "page"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_falls_back_with_a_note(
    ann: Actor, zoo: None, query: dict[str, str], note: str
) -> None:
    found = ask(ann, **query)
    assert found.wanted.notes == (note,)
    assert len(found.rows) == 4


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(Unknown) as raised:
        GuestFilter.from_query({"q": "a", "limit": "5"})
    assert raised.value.http_status == 400


@pytest.mark.parametrize(
    "query",
    [
        "", "q=a+b&state=running&sort=-cpu&page=3", "columns=host%2Cstate", "columns=none",
        "host=one&tag=x%26y", "template=only&sort=-name",
    ],
)  # fmt: skip
def test_a_filter_writes_the_query_that_it_was_read_from(query: str) -> None:
    from urllib.parse import parse_qsl

    assert GuestFilter.from_query(dict(parse_qsl(query))).query() == query
