"""What is open is told when rights change, also when that was before the first look."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from kvmweb.core.actors import Actor
from kvmweb.live.rights_watch import Watch
from kvmweb.store.models import RightsEpoch, Session
from tests.services.stage import person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)


class Open:
    """An open socket that counts what it is told."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.judged = 0

    def rejudge(self) -> None:
        self.judged += 1

    def sign_out(self) -> None:
        raise AssertionError("its session stands")


async def looked(watch: Watch, times: int = 1) -> None:
    """Wait until it has looked so often."""
    for _ in range(times):
        before = watch._seen
        async with asyncio.timeout(15):
            while watch._seen is before:
                await asyncio.sleep(0.01)


@pytest.fixture
async def actor() -> Actor:
    def make() -> Any:
        made = person("ann", "viewer")
        Session.objects.create(key_hash="", person_id=made.person_id)
        return made

    return await there(make)


async def test_what_was_judged_before_it_came_is_judged_once_more(actor: Actor) -> None:
    watch, page, transfer = Watch(), Open(actor), Open(actor)
    watch.enter(page)
    watch.enter(transfer, was_judged=True)
    await looked(watch)
    assert (page.judged, transfer.judged) == (0, 1)
    await looked(watch)
    assert (page.judged, transfer.judged) == (0, 1)
    await there(RightsEpoch.advance)
    await looked(watch, 2)
    assert (page.judged, transfer.judged) == (1, 2)
    watch.leave(page)
    watch.leave(transfer)
