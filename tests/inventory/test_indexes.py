"""A page of the list finds its guests in an index alone: their rows are wide, and read last."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kvmweb.core.actors import PORTAL
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.services import guests
from tests import mirrors

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps long values apart"),
]


def plans(wanted: GuestFilter) -> list[str]:
    """How SQLite carries out what the list asks of the guests' table."""
    mirrors.host("local")
    mirrors.fill(20)
    with CaptureQueriesContext(connection) as queries:
        guests.list_(PORTAL, wanted)
    asked = [query["sql"] for query in queries if 'FROM "inventory_guest"' in query["sql"]]
    with connection.cursor() as cursor:
        return [
            row[3]
            for sql in asked
            for row in cursor.execute("EXPLAIN QUERY PLAN " + sql).fetchall()
            if "INDEX" in row[3] or row[3].startswith("SCAN")
        ]


@pytest.mark.parametrize(
    "wanted",
    [
        GuestFilter(q="guest"),
        GuestFilter(q="guest", state="running", sort="-memory"),
        GuestFilter(tag="team-1", sort="tags"),
        GuestFilter(sort="address"),
        GuestFilter(sort="-vcpus", page=2),
        GuestFilter(sort="autostart"),
        GuestFilter(sort="host"),
        GuestFilter(template="only"),
        GuestFilter(template="none", sort="-memory"),
    ],
    ids=str,
)
def test_a_page_reads_no_row_that_it_does_not_show(wanted: GuestFilter) -> None:
    found = plans(wanted)
    assert found
    assert all("COVERING" in plan for plan in found), found


@pytest.mark.parametrize("column", ["cpu", "memory_used"])
def test_a_list_by_use_is_read_in_its_order(column: str) -> None:
    wanted = GuestFilter(sort=f"-{column.replace('memory_used', 'memory_use')}")
    found = plans(wanted)
    assert any(f"COVERING INDEX guest_by_{column}" in plan for plan in found), found
