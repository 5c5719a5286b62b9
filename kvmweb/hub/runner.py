"""The hub's main task: one watch per enabled host, added and removed as people do."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta

from channels.layers import get_channel_layer
from django.conf import settings
from django.utils import timezone

from kvmweb.core import refs, topics
from kvmweb.core.records import HostState
from kvmweb.core.topics import Notice
from kvmweb.hub import finding, keyrings, leases, mirror, publisher
from kvmweb.hub.lanes import Lane
from kvmweb.hub.supervisor import Supervisor
from kvmweb.hub.watch import Watch
from kvmweb.inventory.models import HostMirror
from kvmweb.store.models import Host

log = logging.getLogger(__name__)

POLL_S = 2.0
FIND_S = 15.0
PURGE_S = 300.0
GONE_S = 3600
JOIN_S = 600.0
"""The in-memory layer forgets members after a day; joining again is free."""


async def run() -> None:
    """Until cancelled."""
    hub = Hub()
    try:
        await hub.run()
    finally:
        await hub.close()


class Hub:
    """All hosts of this process."""

    def __init__(self) -> None:
        self._leases = leases.leases()
        self._lane = Lane("hub")
        self._watches: dict[tuple[str, str], tuple[Watch, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._find_at = 0.0
        self._purge_at = time.monotonic() + PURGE_S
        self._listener = asyncio.create_task(self._listen())

    async def run(self) -> None:
        """Look at the table of hosts every two seconds, and when told that it changed."""
        while True:
            try:
                await self._round()
            except Exception:
                log.exception("the hub stumbled; next round in %.0f s", POLL_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):  # wait_for of 3.11 can swallow a cancellation
                    await self._woken.wait()
                    await asyncio.sleep(0.05)
            self._woken.clear()

    def supervisor(self, host: str) -> Supervisor:
        """Of this host's worker. Raises KeyError when the host is not watched."""
        return {key: watch for (key, _), (watch, _) in self._watches.items()}[host].supervisor

    async def close(self) -> None:
        """End every worker and give up every lease."""
        tasks = [self._listener, *(task for _, task in self._watches.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leases.close()
        await self._lane.close()

    async def _round(self) -> None:
        wanted = await self._lane.run(_wanted)
        unwanted = [key for key in self._watches if key not in wanted]
        ending = [self._watches.pop(key)[1] for key in unwanted]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        publisher.publish(*await self._lane.run(_settle))  # after those that wrote have ended
        for key in wanted - self._watches.keys():
            watch = Watch(*key, self._leases)
            self._watches[key] = watch, asyncio.create_task(watch.run(), name=f"watch-{key[0]}")
        if not wanted:
            await self._find()
        if time.monotonic() > self._purge_at:
            self._purge_at = time.monotonic() + PURGE_S
            await self._lane.run(mirror.purge, timezone.now() - timedelta(seconds=GONE_S))

    async def _find(self) -> None:
        if time.monotonic() < self._find_at or not await self._lane.run(finding.is_wanted):
            return
        self._find_at = time.monotonic() + FIND_S
        if await finding.answers(settings.KVMWEB_LOCAL_URI) and await self._lane.run(finding.add):
            publisher.publish(Notice(topics.HOSTS, str(refs.host(finding.KEY))))
            self._woken.set()

    async def _listen(self) -> None:
        """Be woken by notices about hosts; without them the poll is still there."""
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(topics.HOSTS, channel)
                try:
                    async with asyncio.timeout(JOIN_S):
                        while True:
                            await layer.receive(channel)
                            self._woken.set()
                finally:
                    await layer.group_discard(topics.HOSTS, channel)
            except TimeoutError:
                continue
            except Exception:
                log.warning("notices about hosts not heard", exc_info=True)
                await asyncio.sleep(POLL_S)


def _wanted() -> set[tuple[str, str]]:
    """Hosts to watch and how to reach them."""
    return {(host.key, keyrings.uri_of(host)) for host in Host.objects.filter(is_enabled=True)}


def _settle() -> list[Notice]:
    """The mirror of hosts that were disabled or removed; what to tell of it."""
    hosts = dict(Host.objects.values_list("key", "is_enabled"))
    notices: list[Notice] = []
    for key, state in HostMirror.objects.values_list("host", "state"):
        if key not in hosts:
            notices += mirror.forget(key)
            keyrings.forget(key)
        elif not hosts[key] and state != HostState.DOWN:
            notices += mirror.rest(key)
    return notices
