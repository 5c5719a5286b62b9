"""Notices reach their readers from any thread, and wait while the layer is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kvmweb.core.topics import Notice
from kvmweb.hub import publisher


class Layer:
    """A channel layer that can be away or hang."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int]] = []
        self.is_away = self.is_hanging = False

    async def group_send(self, topic: str, message: dict[str, Any]) -> None:
        if self.is_away:
            raise ConnectionError("away")
        if self.is_hanging:
            await asyncio.Event().wait()
        self.sent.append((topic, message["ref"], message["rev"]))


@pytest.fixture
async def layer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Layer]:
    made = Layer()
    monkeypatch.setattr(publisher, "get_channel_layer", lambda: made)
    monkeypatch.setattr(publisher, "AGAIN_S", 0.05)
    monkeypatch.setattr(publisher, "SEND_S", 0.1)
    publisher.bind(asyncio.get_running_loop())
    yield made
    publisher.bind(None)


async def test_a_notice_from_another_thread_is_sent_at_once(layer: Layer) -> None:
    await asyncio.to_thread(publisher.publish, Notice("guests", "guest:a:1", 1))
    await asyncio.sleep(0.01)
    assert layer.sent == [("guests", "guest:a:1", 1)]


@pytest.mark.parametrize("fault", ["is_away", "is_hanging"])
async def test_notices_wait_for_a_layer_that_is_away(layer: Layer, fault: str) -> None:
    setattr(layer, fault, True)
    for rev in (1, 2, 3):
        publisher.publish(
            Notice("guests", "guest:a:1", rev), Notice("guests", f"guest:a:x{rev}", rev)
        )
    await asyncio.sleep(0.3)
    assert layer.sent == []
    setattr(layer, fault, False)
    await asyncio.sleep(0.3)
    assert sorted(layer.sent) == [
        ("guests", "guest:a:1", 3),
        *[("guests", f"guest:a:x{rev}", rev) for rev in (1, 2, 3)],
    ]


async def test_too_many_notices_wait_as_one(layer: Layer) -> None:
    layer.is_away = True
    notices = [Notice("guests", f"guest:a:{n}", n) for n in range(publisher.WAITING_MAX + 1)]
    publisher.publish(*notices)
    await asyncio.sleep(0.1)
    layer.is_away = False
    await asyncio.sleep(0.2)
    assert layer.sent == [("guests", "", publisher.WAITING_MAX)]
