"""The audit over HTTP: its export streams, whatever its length, and no spreadsheet computes it."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import AsyncClient

from kvmweb.services import audit
from kvmweb.store.models import AuditEntry, Grant, Person
from tests.services.stage import person
from tests.web.test_guest_pages import signed_in

MANY = 200_000
FILL = """INSERT INTO store_auditentry
(at, person_name, address, verb, ref, ref_name, detail, outcome)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
SELECT '2026-01-01 00:00:00', 'ann', '::1', 'guest.start', 'guest:east:1', 'web' || i,
'{"kind": "screen"}', 'ok' FROM n"""


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.django_db(transaction=True)
async def test_two_hundred_thousand_rows_are_streamed_in_constant_memory() -> None:
    from asgiref.sync import sync_to_async

    client = AsyncClient()
    actor = await sync_to_async(person)("ada", "auditor")
    await client.aforce_login(await Person.objects.aget(pk=actor.person_id))
    with_cursor = sync_to_async(lambda: connection.cursor().execute(FILL, [MANY]))
    await with_cursor()
    answer = await client.get("/activity/audit/export/?verb=guest.start")
    assert answer.streaming
    assert answer.is_async
    lines, size, before = 0, 0, 0
    async for part in answer.streaming_content:
        lines += part.count(b"\n")
        size += len(part)
        before = before or resident()
    assert resident() - before < 30_000_000, "it was gathered, not streamed"
    assert lines == MANY + 1
    assert size > 15_000_000
    assert await AuditEntry.objects.filter(verb="audit.export").acount() == 1


@pytest.mark.django_db
def test_no_cell_is_a_formula_and_no_entry_is_two_lines() -> None:
    actor = person("ada", "auditor")
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "a\nb", '"', "\u202eevil", "\ttab", "=cmd|' /C"):
        entry = audit.begin(actor, "guest.start")
        AuditEntry.objects.filter(pk=entry.pk).update(ref_name=name, detail={"x": name})
    answer = signed_in(actor).get("/activity/audit/export/")
    text = b"".join(answer).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + 9 + 1
    assert all(cell[:1] not in "=+-@\t\r" for row in rows for cell in row if cell)
    assert all(sign.isprintable() for row in rows for cell in row for sign in cell)


@pytest.mark.django_db
def test_an_export_ends_where_the_right_ends() -> None:
    from kvmweb.services import activity
    from kvmweb.store.models import RightsEpoch

    actor = person("ada", "auditor")
    for _ in range(activity.EXPORT_AT_ONCE + 10):
        audit.begin(actor, "guest.start")
    parts = activity.export(actor, activity.Filter())
    assert len(next(parts)) == activity.EXPORT_AT_ONCE
    Grant.objects.all().delete()
    RightsEpoch.advance()
    assert list(parts) == []
