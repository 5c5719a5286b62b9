"""Against a real libvirtd with real guests: what virsh does outside is in the mirror by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import libvirt
import pytest

from kvmweb.core import topics
from kvmweb.inventory.models import Guest, GuestDefinition, HostMirror, Network, Pool
from tests.hub.conftest import HubUnderTest
from tests.lab.host import LabHost

pytestmark = pytest.mark.lab

NETWORK = "<network><name>{}</name><bridge name='kvt{}'/></network>"


@pytest.fixture
def host(lab: LabHost) -> Iterator[LabHost]:
    """The lab without guests, before and after."""
    lab.clear()
    yield lab
    lab.clear()


@pytest.fixture
async def watched(hub: HubUnderTest, host: LabHost) -> AsyncIterator[HubUnderTest]:
    await hub.add("lab", host.uri)
    await hub.start()
    await hub.until(lambda: HostMirror.objects.filter(host="lab", state="up").exists())
    await hub.until(lambda: Pool.objects.exists() and Network.objects.exists())
    yield hub
    await hub.stop()


def mirrored() -> dict[str, tuple[str, ...]]:
    rows = Guest.objects.filter(host="lab", is_gone=False).select_related("definition")
    return {
        row.uuid: (row.name, row.state, str(row.has_autostart), row.title, row.definition.xml)
        for row in rows
    }


def listed(host: LabHost) -> dict[str, tuple[str, ...]]:
    """The same, asked of libvirt from scratch."""
    words = {1: "running", 3: "paused", 5: "shut-off"}
    connection = libvirt.open(host.uri)
    try:
        found = {}
        for domain in connection.listAllDomains():
            xml = domain.XMLDesc(0)
            title = xml.partition("<title>")[2].partition("</title>")[0]
            state, autostart = words[domain.state()[0]], str(bool(domain.autostart()))
            found[domain.UUIDString()] = (domain.name(), state, autostart, title, xml)
        return found
    finally:
        connection.close()


def others() -> tuple[set[str], set[str]]:
    return (
        set(Pool.objects.filter(is_gone=False).values_list("name", flat=True)),
        set(
            Network.objects.filter(is_gone=False, record__is_active=True).values_list(
                "name", flat=True
            )
        ),
    )


class Outsider:
    """Does what people with virsh do, at random."""

    def __init__(self, host: LabHost, seed: int) -> None:
        self.host = host
        self.chance = random.Random(seed)
        self.count = 0

    def act(self) -> None:
        acts: list[Callable[[], object]] = [
            self.define, self.define, self.network,
            *(lambda verb=verb: self.on_one(verb) for verb in (
                "start", "start", "start", "suspend", "resume", "destroy", "undefine",
                "autostart", "rename", "title", "save",
            )),
        ]  # fmt: skip
        self.chance.choice(acts)()

    def define(self) -> None:
        self.count += 1
        if self.count <= 6:
            self.host.define_guest(f"g{self.count}", kernel=False, memory_mib=32, network="")

    def network(self) -> None:
        self.count += 1
        path = self.host.folder / "net.xml"
        path.write_text(NETWORK.format(f"n{self.count}", self.count))
        self.host.virsh("net-create", str(path))
        if self.chance.random() < 0.5:
            self.host.virsh("net-destroy", f"n{self.count}")

    def on_one(self, verb: str) -> None:
        names = self.host.virsh("list", "--all", "--name").split()
        if not names:
            return
        name = self.chance.choice(names)
        words = {
            "rename": ["domrename", name, f"{name}x"],
            "title": ["desc", name, "--config", "--live", "--title", f"t{self.chance.random()}"],
            "save": ["managedsave", name],
            "undefine": ["undefine", name, "--managed-save"],
        }.get(verb, [verb, name])
        self.host.virsh(*words, check=False)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_anything_that_virsh_does_the_mirror_is_a_fresh_listing(
    watched: HubUnderTest, host: LabHost, seed: int
) -> None:
    outsider = Outsider(host, seed)
    for _ in range(30):
        await asyncio.to_thread(outsider.act)
    fresh = await asyncio.to_thread(listed, host)
    assert fresh, "the chance left nothing to compare"
    took = await watched.until(lambda: mirrored() == fresh, 30)
    active = set((await asyncio.to_thread(host.virsh, "net-list", "--name")).split())
    await watched.until(lambda: others() == ({"default"}, active), 30)
    print(f"seed {seed}: {len(fresh)} guests, mirror equal to a listing after {took:.2f} s")
    for network in active - {"default"}:
        await asyncio.to_thread(host.virsh, "net-destroy", network)


async def test_a_guest_made_and_removed_outside_comes_and_goes(
    watched: HubUnderTest, host: LabHost
) -> None:
    uuid = await asyncio.to_thread(host.define_guest, "outside", kernel=False, memory_mib=32)
    assert await watched.until(lambda: Guest.objects.filter(uuid=uuid).exists(), 5) < 2
    await asyncio.to_thread(host.virsh, "undefine", "outside")
    assert await watched.until(lambda: Guest.objects.get(uuid=uuid).is_gone, 5) < 2


async def test_libvirtd_killed_and_back_is_resynchronised(
    watched: HubUnderTest, host: LabHost
) -> None:
    uuid = await asyncio.to_thread(host.define_guest, "stays", start=True, kernel=False)
    await watched.until(lambda: Guest.objects.filter(uuid=uuid, state="running").exists())
    worker = watched.worker_pid("lab")
    began = time.monotonic()
    await asyncio.to_thread(host.kill_libvirtd)
    await watched.until(lambda: not HostMirror.objects.get().is_up, 5)
    lost = time.monotonic() - began
    assert not await watched.look(lambda: Guest.objects.get(uuid=uuid).is_gone)
    os.kill(host.qemu_pid("stays"), signal.SIGKILL)  # libvirt has no event for this
    await asyncio.to_thread(host.restart_libvirtd)
    took = await watched.until(
        lambda: (
            HostMirror.objects.get().is_up
            and Guest.objects.get(uuid=uuid).state in ("shut-off", "crashed")
        ),
        10,
    )
    print(f"libvirtd killed: told after {lost:.2f} s, right again {took:.2f} s after its return")
    assert lost < 1.0
    assert took < 5.0
    assert watched.worker_pid("lab") == worker, "libvirt's absence is not the worker's fault"


async def test_a_frozen_host_is_silent_and_the_others_go_on(
    watched: HubUnderTest, host: LabHost
) -> None:
    await watched.add("other", "test:///default")
    await watched.up("other")
    other = watched.worker_pid("other")
    host.freeze()
    try:
        took = await watched.until(lambda: HostMirror.objects.get(host="lab").state == "silent", 15)
        print(f"frozen host: silent after {took:.1f} s")
        await asyncio.sleep(12)  # its worker gives itself up and is started again
        assert await watched.look(lambda: HostMirror.objects.get(host="lab").state) == "silent"
        assert watched.worker_pid("other") == other
        assert await watched.look(lambda: HostMirror.objects.get(host="other").is_up)
    finally:
        host.thaw()
    assert await watched.until(lambda: HostMirror.objects.get(host="lab").is_up, 15) < 15


async def test_nothing_happens_and_nothing_is_told(watched: HubUnderTest, host: LabHost) -> None:
    await asyncio.to_thread(  # with a network its firmware would ask for an address
        host.define_guest, "idle", start=True, kernel=False, memory_mib=32, network=""
    )
    await watched.until(lambda: Guest.objects.filter(name="idle", state="running").exists())
    await asyncio.sleep(3)
    before = await watched.look(lambda: Guest.objects.get(name="idle").record)
    await watched.listen()
    await asyncio.sleep(22)  # more than one reconcile
    assert await watched.look(lambda: Guest.objects.get(name="idle").record) == before
    assert watched.heard == []


async def test_figures_of_a_running_guest_arrive_and_end_with_it(
    watched: HubUnderTest, host: LabHost
) -> None:
    uuid = await asyncio.to_thread(host.define_guest, "works", start=True, busy=True)
    await watched.until(lambda: Guest.objects.filter(uuid=uuid, cpu__isnull=False).exists(), 15)
    await watched.until(lambda: len(Guest.objects.get(uuid=uuid).history.samples) >= 2, 15)
    row = await watched.look(lambda: Guest.objects.get(uuid=uuid))
    assert row.running_since is not None
    assert abs(row.running_since.timestamp() - time.time()) < 60
    await asyncio.to_thread(host.virsh, "destroy", "works")
    await watched.until(lambda: Guest.objects.get(uuid=uuid).cpu is None, 5)


class Stopwatch:
    """libvirt's own events, with the time of their arrival, in a process that only listens."""

    def __init__(self, uri: str) -> None:
        self.at: list[float] = []
        libvirt.virEventRegisterDefaultImpl()
        self._is_running = True
        self._thread = threading.Thread(target=self._turn, daemon=True)
        self._thread.start()
        self.connection = libvirt.open(uri)
        self.connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._heard, None
        )

    def _turn(self) -> None:
        while self._is_running:
            libvirt.virEventRunDefaultImpl()

    def _heard(self, *_: Any) -> None:
        self.at.append(time.time())

    def close(self) -> None:
        self._is_running = False
        self.connection.close()


async def test_a_notice_follows_the_event_at_once(watched: HubUnderTest, host: LabHost) -> None:
    uuid = await asyncio.to_thread(
        host.define_guest, "quick", start=True, kernel=False, memory_mib=32
    )
    await watched.until(lambda: Guest.objects.filter(uuid=uuid, state="running").exists())
    await asyncio.sleep(1)
    await watched.listen(topics.GUESTS)
    watch = await asyncio.to_thread(Stopwatch, host.uri)
    domain = await asyncio.to_thread(watch.connection.lookupByName, "quick")
    late = []
    try:
        for number in range(20):
            watched.heard.clear()
            watch.at.clear()
            await asyncio.to_thread(domain.resume if number % 2 else domain.suspend)
            while not (watch.at and watched.heard):
                await asyncio.sleep(0.005)
            late.append((watched.heard[0][0] - watch.at[0]) * 1000)
            await asyncio.sleep(0.2)
    finally:
        await asyncio.to_thread(watch.close)
    print(f"event to notice: median {statistics.median(late):.1f} ms, most {max(late):.1f} ms")
    assert statistics.median(late) < 100
    definition = await watched.look(lambda: GuestDefinition.objects.get(guest__uuid=uuid).xml)
    assert "<domain" in definition
